"""What the API does alike with everything in a catalog: make, list, get, change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, g
from sqlalchemy import Select

from ballast.billing import kept
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.fields import ListQuery, Strict
from ballast.db import end_reading, transaction


def made(create: Callable[[], Any]) -> Response:
    """201 with what `create` makes, once for an Idempotency-Key if there is one."""
    return once(key_of_request(), lambda: Done(create().id), lambda row_id: shown(_model_of(row_id), row_id, 201))


def _model_of(row_id: str) -> type[Any]:
    prefix = row_id.partition("_")[0]
    return next(model for model, kind in kept.KINDS.items() if kind.prefix == prefix)


def shown(model: type[Any], row_id: str, status: int = 200) -> Response:
    """One row, archived or not."""
    return json_answer(status, kept.payload(kept.find(model, g.organization_id, row_id)))


def listed(
    wanted: Select[Any], model: type[Any], query: ListQuery[Any], *bounds: tuple[Any, Callable[[Any, Any], Any], Any]
) -> Response:
    """A page of the rows within the bounds (see `where_given`), newest first."""
    found = where_given(wanted, *bounds)
    return list_answer(
        found, model, kept.KINDS[model].prefix, query, lambda rows: [kept.payload(row[0]) for row in rows]
    )


def is_archived(column: Any, wanted: bool) -> Any:
    """The bound of the `archived` filter."""
    return column.is_not(None) if wanted else column.is_(None)


def change(model: type[Any], row_id: str, body: Strict) -> Response:
    """Set what was sent; what was not sent stays."""
    end_reading()
    with transaction():
        row = kept.change(model, g.organization_id, row_id, body.model_dump(exclude_unset=True))
        return json_answer(200, kept.payload(row))
