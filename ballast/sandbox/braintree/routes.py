"""The table of operations, filled by the nouns."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ballast.sandbox.braintree.errors import BraintreeError, missing
from ballast.sandbox.braintree.merchants import Merchant
from ballast.sandbox.braintree.parameters import Schema
from ballast.sandbox.store import Record, Transaction

LETTERS = string.ascii_lowercase + string.digits


@dataclass(slots=True)
class Call:
    """One call of the API while it is being carried out. `params` is what stands inside the root of the body."""

    tx: Transaction
    merchant: Merchant
    params: dict[str, Any] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    base_url: str = ""
    must_decline: bool = False

    @property
    def now(self) -> int:
        """Return the seconds since the epoch at which the call began."""
        return self.tx.now

    def load(self, kind: str, key: str, noun: str) -> Record:
        """Return a record. Raises 404."""
        record = self.tx.get(kind, key)
        if record is None:
            raise missing(noun)
        return record


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a document with this root, or nothing at all."""

    root: str
    value: Any
    status: int = 200
    transaction: str | None = None


Handler = Callable[..., Reply | None]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `root` is the outermost tag of its body; `keyed` ones take an api_request_key."""

    operation: str
    handler: Handler
    root: str
    schema: Schema
    keyed: bool


ROUTES: dict[tuple[str, str], Route] = {}


def route(
    method: str, path: str, operation: str, root: str = "", schema: Schema | None = None, *, keyed: bool = False
) -> Callable[[Handler], Handler]:
    """Enter a handler in the table; `{}` in the path stands for an id, which the handler gets after the call."""

    def enter(handler: Handler) -> Handler:
        ROUTES[method, path] = Route(operation, handler, root, schema or {}, keyed)
        return handler

    return enter


def find_route(method: str, path: str) -> tuple[Route, list[str]]:
    """Return the operation and the ids in the path. Raises 404."""
    parts = path.strip("/").split("/")
    for pattern, ids in patterns(parts):
        found = ROUTES.get((method, pattern))
        if found:
            return found, ids
    raise BraintreeError(404, "Not found")


def patterns(parts: list[str]) -> list[tuple[str, list[str]]]:
    """Return the forms a path may have in the table, the plainest first."""
    plain: list[tuple[str, list[str]]] = [("/".join(parts), [])]
    plain += [("/".join([*parts[:place], "{}", *parts[place + 1 :]]), [parts[place]]) for place in range(1, len(parts))]
    return plain


def new_id(size: int = 8) -> str:
    """Return letters and digits, as Braintree's ids are."""
    return "".join(secrets.choice(LETTERS) for _ in range(size))
