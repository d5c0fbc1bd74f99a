"""Lines of CSV, harmless to the program that opens them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

# What a spreadsheet would run as a formula (OWASP, CSV injection).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def line(cells: Iterable[Any]) -> str:
    """One line. Texts are made harmless; numbers stay numbers; moments are UTC in ISO 8601; None is empty."""
    out = io.StringIO()
    csv.writer(out).writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return safe(value) if value is None or isinstance(value, str) else value


def safe(cell: str | None) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula."""
    text = cell or ""
    return "'" + text if text.startswith(FORMULA) else text
