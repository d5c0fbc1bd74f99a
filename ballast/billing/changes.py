"""Changing what a merchant may change of a row: metadata merged, and the differences as the audit log keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ballast.errors import InvalidRequest

MOST_METADATA: Final = 20


def apply(row: Any, wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set columns of a locked row; `metadata` is merged into what is there, and a None in it takes its key away.

    Answers {field: {"before", "after"}} for what differs, empty when nothing does. Raises InvalidRequest(`metadata_too_large`).
    """
    differences = {}
    for field, given in wanted.items():
        column = "metadata_" if field == "metadata" else field
        before = getattr(row, column)
        after = _merge(before, given) if field == "metadata" else given
        if after != before:
            setattr(row, column, after)
            differences[field] = {"before": before, "after": after}
    return differences


def _merge(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in {**present, **given}.items() if value is not None}
    if len(merged) > MOST_METADATA:
        raise InvalidRequest("metadata_too_large", f"Metadata has at most {MOST_METADATA} keys.", param="metadata")
    return merged
