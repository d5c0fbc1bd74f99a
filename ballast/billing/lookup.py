"""Finding one row by a public id that came from outside."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Select

from ballast.db import db
from ballast.errors import NotFound
from ballast.ids import to_uuid

Row = TypeVar("Row")


def find(wanted: Select[Row], public_id: str, prefix: str, what: str) -> Row:
    """The row that `wanted`, a select by this id within an organization, finds. Raises NotFound, for what is no such id too."""
    found = db.session.scalars(wanted).first() if to_uuid(public_id, prefix) else None
    if found is None:
        raise NotFound(what)
    return found
