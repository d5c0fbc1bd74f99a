"""Answers that are no page of ours: a list as CSV, streamed, and a mail as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from flask import Flask, Response, current_app, g, make_response
from sqlalchemy import Select

from ballast import sheets
from ballast.clock import real_time
from ballast.db import db, end_reading, organization

BATCH: Final = 500
# What a mail may load where it is shown: nothing but its own styles and pictures, and in our own frame alone.
MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'; sandbox"
)
Columns = Mapping[str, Callable[..., Any]]


def listed(name: str, wanted: Select[*tuple[Any, ...]], id_column: Any, columns: Columns) -> Response:
    """A list of the organization as a CSV file, newest first: what `wanted` finds, however long it is.

    columns: head → what makes the cell of a row; it gets what the row is made of. Rows are read by `id_column`, in batches that are a
    transaction each, so a long file holds no connection and needs no memory.
    """
    return file(name, _lines(g.organization.id, wanted, id_column, columns))


def file(name: str, parts: Iterator[str]) -> Response:
    """A CSV file made part by part. Each part is asked for inside a context of its own: the request's is gone by then."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    response = Response(_each_in_context(app, parts), content_type="text/csv; charset=utf-8")
    called = f"{name}-{g.organization.slug}-{real_time():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{called}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _each_in_context(app: Flask, parts: Iterator[str]) -> Iterator[str]:
    while True:
        with app.app_context():
            part = next(parts, None)
        if part is None:
            return
        yield part


def _lines(organization_id: str, wanted: Select[*tuple[Any, ...]], id_column: Any, columns: Columns) -> Iterator[str]:
    yield sheets.line(columns)
    last: str | None = None
    while rows := _batch(organization_id, wanted, id_column, last):
        yield "".join(sheets.line(make(*row) for make in columns.values()) for row in rows)
        last = str(rows[-1][0].id)


def _batch(organization_id: str, wanted: Select[*tuple[Any, ...]], id_column: Any, last: str | None) -> list[Any]:
    with organization(organization_id):
        older = wanted.where(id_column < last) if last is not None else wanted
        found = list(db.session.execute(older.order_by(None).order_by(id_column.desc()).limit(BATCH)))
        db.session.expunge_all()
        end_reading()
        return found


def mail(html: str) -> Response:
    """A mail alone, for a frame: it runs nothing and loads nothing from elsewhere."""
    response = make_response(html)
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response
