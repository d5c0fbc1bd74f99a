"""The few column shapes that every model shares."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, ForeignKeyConstraint, and_, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from ballast.clock import now
from ballast.db import PublicId
from ballast.ids import new_id

# More than anybody types after the words that were typed.
END: Final = "\U0010ffff"


class Scoped:
    """A row of one organization. The organization comes first in every key, so no row is looked up by its id alone."""

    organization_id: Mapped[str] = mapped_column(
        PublicId("org"), ForeignKey("organizations.id"), primary_key=True, sort_order=-20
    )


def id_column(prefix: str) -> MappedColumn[str]:
    """The row's own public id, the second half of its primary key."""
    return mapped_column(PublicId(prefix), primary_key=True, default=lambda: new_id(prefix), sort_order=-10)


def reference(prefix: str, **options: Any) -> MappedColumn[Any]:
    """A column holding the id of another row of the same organization; pair it with `within` in `__table_args__`."""
    return mapped_column(PublicId(prefix), **options)


def within(column: str, table: str, closes_circle: bool = False) -> ForeignKeyConstraint:
    """A foreign key that cannot leave the organization. `closes_circle`: it points back at a table that points here."""
    targets = [f"{table}.organization_id", f"{table}.id"]
    return ForeignKeyConstraint(["organization_id", column], targets, use_alter=closes_circle)


def created_column() -> MappedColumn[datetime]:
    """When the fact happened on the organization's clock; the database fills in real time where Python did not."""
    return mapped_column(default=now, server_default=func.now())


def json_column(name: str | None = None) -> MappedColumn[dict[str, Any]]:
    """A JSON object, empty by default. (`metadata` is taken on a declarative class, hence the name.)"""
    return mapped_column(name, JSONB(), default=dict, server_default="{}")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The database knows the states too."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


def money_checks() -> tuple[CheckConstraint, CheckConstraint]:
    """`amount` is positive minor units, `currency` three capitals."""
    return (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
    )


def begins(column: Any, typed: str) -> ColumnElement[bool]:
    """Whether it begins so, by bytes. Indexes with text_pattern_ops answer it, behind row-level security too, which no LIKE does."""
    return and_(column.op("~>=~", is_comparison=True)(typed), column.op("~<~", is_comparison=True)(typed + END))
