"""Changing what a merchant may change of a row: metadata merged, archived or restored, and the differences as the audit log keeps
them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ballast.clock import now
from ballast.errors import InvalidRequest

MOST_METADATA: Final = 20


def apply(row: Any, wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Set columns of a locked row; `metadata` is merged into what is there, and a None in it takes its key away. `archived` sets or
    clears `archived_at`.

    Answers {field: {"before", "after"}} for what differs, empty when nothing does. Raises InvalidRequest(`metadata_too_large`).
    """
    differences: dict[str, dict[str, Any]] = {}
    for field, given in wanted.items():
        if field == "archived":
            differences |= _archive(row, given)
            continue
        column = "metadata_" if field == "metadata" else field
        before = getattr(row, column)
        after = _merge(before, given) if field == "metadata" else given
        if after != before:
            setattr(row, column, after)
            differences[field] = {"before": before, "after": after}
    return differences


def _archive(row: Any, wanted: bool) -> dict[str, dict[str, Any]]:
    before = row.archived_at is not None
    if before == wanted:
        return {}
    row.archived_at = now() if wanted else None
    return {"archived": {"before": before, "after": wanted}}


def _merge(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in {**present, **given}.items() if value is not None}
    if len(merged) > MOST_METADATA:
        raise InvalidRequest("metadata_too_large", f"Metadata has at most {MOST_METADATA} keys.", param="metadata")
    return merged
