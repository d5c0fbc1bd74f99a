"""The audit log as CSV: line by line, so that a long one needs no memory, and harmless to the program that opens it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ballast import sheets
from ballast.audit import reading
from ballast.audit.reading import Filter, Shown
from ballast.db import db, end_reading, organization
from ballast.models import AuditEntry

BATCH: Final = 500
COLUMNS: Final = (
    "id",
    "created_at",
    "action",
    "resource_type",
    "resource_id",
    "actor_type",
    "actor_id",
    "actor_name",
    "actor_detail",
    "ip",
    "request_id",
    "changes",
)


def lines(organization_id: str, chosen: Filter) -> Iterator[str]:
    """CSV with a head line, newest entry first. Each batch is a transaction of its own."""
    yield sheets.line(COLUMNS)
    last: str | None = None
    while rows := _batch(organization_id, chosen, last):
        yield "".join(sheets.line(_cells(row)) for row in rows)
        last = rows[-1].entry.id


def _batch(organization_id: str, chosen: Filter, last: str | None) -> list[Shown]:
    with organization(organization_id):
        wanted = reading.listed(organization_id, chosen).order_by(AuditEntry.id.desc()).limit(BATCH)
        if last is not None:
            wanted = wanted.where(AuditEntry.id < last)
        found = reading.show(list(db.session.scalars(wanted)))
        db.session.expunge_all()
        end_reading()
        return found


def _cells(shown: Shown) -> list[Any]:
    said = reading.entry_payload(shown)
    actor = said["actor"]
    changes = json.dumps(said["changes"], ensure_ascii=False, sort_keys=True)
    return [
        *(said[name] for name in COLUMNS[:5]),
        *(actor[name] for name in ("type", "id", "name", "detail")),
        said["ip"],
        said["request_id"],
        changes,
    ]
