"""How the API answers: JSON, lists by cursor or by page, and one effect for one Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVarTuple

from flask import Response, g, request
from sqlalchemy import Select

from ballast.billing import idempotency
from ballast.billing.idempotency import Orphan, Stored
from ballast.blueprints.api.fields import ListQuery
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.web import keyset

DEEPEST: Final = 10_000
Row = TypeVarTuple("Row")
Payloads = list[dict[str, Any]]


def json_answer(status: int, body: dict[str, Any]) -> Response:
    """The body as compact JSON."""
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return Response(raw, status, content_type="application/json")


# --- Lists -------------------------------------------------------------------------------------------------------------------


def list_answer(
    wanted: Select[*tuple[Any, ...]],
    model: Any,
    prefix: str,
    query: ListQuery[Any],
    show: Callable[[list[Any]], Payloads],
) -> Response:
    """A page of `wanted`, whose rows begin with a `model`; `show` gets all its rows at once.

    Raises InvalidRequest(`parameter_conflict`, `page_too_deep`).
    """
    if query.page is not None:
        rows, more = _numbered(wanted.order_by(model.id.desc()), query)
    else:
        page = keyset(wanted, model.id, prefix, query.ending_before, query.starting_after, query.limit)
        rows, more = page.rows, (page.before if query.ending_before else page.after) is not None
    return json_answer(200, {"object": "list", "data": show(rows), "has_more": more})


def _numbered(wanted: Select[*tuple[Any, ...]], query: ListQuery[Any]) -> tuple[list[Any], bool]:
    """Counting off rows costs more the deeper it goes: hence an end to it."""
    if query.starting_after or query.ending_before:
        raise InvalidRequest("parameter_conflict", "Page by number or by cursor, not by both.", param="page")
    last = (query.page or 1) * query.page_size
    if last > DEEPEST:
        raise InvalidRequest(
            "page_too_deep",
            f"Pages go {DEEPEST:,} rows deep. Use starting_after, with the last id you have, to go on.",
            param="page",
        )
    found = list(db.session.execute(wanted.offset(last - query.page_size).limit(query.page_size + 1)))
    return found[: query.page_size], len(found) > query.page_size


def where_given(wanted: Select[*Row], *bounds: tuple[Any, Callable[[Any, Any], Any], Any]) -> Select[*Row]:
    """Only rows within the bounds, (column, comparison, value), whose value was given."""
    return wanted.where(*[compare(column, value) for column, compare, value in bounds if value is not None])


def first_of(rows: Sequence[Any]) -> list[Any]:
    """The model of each row."""
    return [row[0] for row in rows]


# --- Once --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What a request did in its transaction: to which row, and what is left to do once that is committed."""

    resource_id: str
    then: Callable[[], None] | None = None


def key_of_request(required: bool = False) -> str | None:
    """The Idempotency-Key. Raises InvalidRequest(`idempotency_key_missing`, `idempotency_key_invalid`)."""
    header = request.headers.get("Idempotency-Key")
    return idempotency.read_key(header) if required or header is not None else None


def once(key: str | None, begin: Callable[[], Done], show: Callable[[str], Response]) -> Response:
    """Do something, once for a key if there is one: `begin` in the transaction that claims it, what that answers after it.

    `show` answers for the row, inside a transaction. The first answer is kept under the key and comes again, an open outcome too.
    """
    end_reading()
    with transaction():
        met = idempotency.claim(g.organization_id, key, _fingerprint()) if key else None
        if met is None:
            done = begin()
            if key:
                idempotency.attach(g.organization_id, key, done.resource_id)
            if done.then is None:
                return _keep(key, show(done.resource_id))
    if met is not None:
        return _again(key or "", met, show)
    if done.then is not None:
        done.then()
    with transaction():
        return _keep(key, show(done.resource_id))


def _fingerprint() -> bytes:
    return idempotency.fingerprint(request.method, request.path, g.body)


def _again(key: str, met: Stored | Orphan, show: Callable[[str], Response]) -> Response:
    """The first answer, byte for byte; for a first request that died, what became of what it had made."""
    if isinstance(met, Stored):
        response = Response(met.body, met.status, content_type="application/json")
    elif met.resource_id is None:
        raise BallastError(
            "request_lost", "The first request failed before it made anything. Use a new key.", status=409
        )
    else:
        with transaction():
            response = _keep(key, show(met.resource_id))
    response.headers["Idempotent-Replayed"] = "true"
    return response


def with_secret(response: Response, name: str, made: list[str]) -> Response:
    """The first answer, with the secret it made, which is in none that is kept; a repeated one, which made none, as it is."""
    return json_answer(response.status_code, response.get_json() | {name: made[0]}) if made else response


def _keep(key: str | None, response: Response) -> Response:
    if key:
        idempotency.store(g.organization_id, key, response.status_code, response.get_data())
    return response
