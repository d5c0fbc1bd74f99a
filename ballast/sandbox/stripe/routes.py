"""The table of operations, filled by the nouns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe.errors import StripeError, report_missing
from ballast.sandbox.stripe.parameters import Schema

Handler = Callable[..., Record]


@dataclass(slots=True)
class Call:
    """One call of the API while it is being carried out."""

    tx: Transaction
    params: dict[str, Any]
    base_url: str = ""
    publishable: bool = False
    idempotency_key: str | None = None
    must_decline: bool = False
    request_id: str = field(default_factory=lambda: new_id("req", 7))

    @property
    def now(self) -> int:
        """Return the seconds since the epoch at which the call began."""
        return self.tx.now

    def load(self, kind: str, key: str, noun: str, param: str = "id") -> Record:
        """Return a record. Raises `resource_missing`: 404 for the path's own object, 400 for one a parameter names."""
        record = self.tx.get(kind, key)
        if record is None:
            raise report_missing(noun, key, param)
        return record


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; `public` ones may be called with a publishable key."""

    operation: str
    handler: Handler
    schema: Schema
    public: bool


ROUTES: dict[tuple[str, str], Route] = {}


def route(
    method: str, path: str, operation: str, schema: Schema, *, public: bool = False
) -> Callable[[Handler], Handler]:
    """Enter a handler in the table; `{}` in the path stands for an id, which the handler gets after the call."""

    def enter(handler: Handler) -> Handler:
        ROUTES[method, path] = Route(operation, handler, schema, public)
        return handler

    return enter


def find_route(method: str, path: str) -> tuple[Route, list[str]]:
    """Return the operation of a path below `/v1/` and the ids in it. Raises the 404 of an unknown one."""
    found = ROUTES.get((method, path))
    if found:
        return found, []
    parts = path.split("/")
    for places in ((1,), (1, 3), (2,)):
        shape = "/".join("{}" if place in places else part for place, part in enumerate(parts))
        found = ROUTES.get((method, shape))
        if found:
            return found, [parts[place] for place in places if place < len(parts)]
    message = (
        f"Unrecognized request URL ({method}: /v1/{path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/."
    )
    raise StripeError(404, "invalid_request_error", message, executed=False)
