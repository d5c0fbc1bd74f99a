"""The table of operations, filled by the nouns, and what a call of one carries."""

import datetime as dt
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.errors import INVALID, SquareError, report_missing
from ballast.sandbox.square.fields import Schema
from ballast.sandbox.store import Record, Transaction

Handler = Callable[..., Record]
LETTERS = string.ascii_uppercase + string.digits


@dataclass(slots=True)
class Call:
    """One call of the API while it is being carried out; `moment` is when it began, in seconds since the epoch."""

    tx: Transaction
    account: Account
    params: dict[str, Any] = field(default_factory=dict)
    must_decline: bool = False
    moment: float = field(default_factory=time.time)
    payment_id: str | None = None

    @property
    def now(self) -> str:
        """Return when the call began, as Square writes it."""
        return write_instant(self.moment)

    def load(self, kind: str, key: str, noun: str, param: str | None = None) -> Record:
        """Return a record. Raises the 404 of one that is not there."""
        record = self.tx.get(kind, key)
        if record is None:
            raise report_missing(noun, key, param)
        return record


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; `keyed` ones honor `idempotency_key`, `tries_card` ones ask a bank."""

    operation: str
    handler: Handler
    schema: Schema
    keyed: bool
    tries_card: bool


ROUTES: dict[tuple[str, str], Route] = {}


def route(
    method: str, path: str, operation: str, schema: Schema, *, keyed: bool = False, tries_card: bool = False
) -> Callable[[Handler], Handler]:
    """Enter a handler in the table; `{}` in the path stands for an id, which the handler gets after the call."""

    def enter(handler: Handler) -> Handler:
        ROUTES[method, path] = Route(operation, handler, schema, keyed, tries_card)
        return handler

    return enter


def find_route(method: str, path: str) -> tuple[Route, list[str]]:
    """Return the operation of a path below `/v2/` and the ids in it. Raises the 404 of an unknown one."""
    found = ROUTES.get((method, path))
    if found:
        return found, []
    parts = path.split("/")
    for place in (1, 2):
        if place < len(parts) and parts[place]:
            shape = "/".join([*parts[:place], "{}", *parts[place + 1 :]])
            found = ROUTES.get((method, shape))
            if found:
                return found, [parts[place]]
    raise SquareError(
        404, INVALID, "NOT_FOUND", f"API endpoint for URL path `/v2/{path}` and HTTP method `{method}` is not found."
    )


def write_instant(moment: float) -> str:
    """Write seconds since the epoch as RFC 3339 with milliseconds."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_key(size: int) -> str:
    """Return an id of capitals and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(size))
