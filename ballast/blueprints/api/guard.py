"""Who calls the API, with what body: one guard for the whole blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import g, request

from ballast.errors import Forbidden, InvalidRequest, Unauthenticated
from ballast.identity import api_keys, known_keys, rates, tokens, users
from ballast.identity.limiting import Taken
from ballast.models import ApiKey, User
from ballast.security import looks_like_card_number
from ballast.web import act

MAX_BODY = 64 * 1024
# A call that brings a picture may hold one of the largest in base64, and what stands around it.
LARGER: Final = {"api_product_images.add": 3 * 1024 * 1024}
MAX_DEPTH = 8
# In a request's environment: what its limit said, where the fast road has asked (see fast_road).
COUNTED: Final = "ballast.counted"


# What a role needs for what a key would need a scope for; other reading needs `read`.
PERMISSION_OF: Final = {
    "payments:write": "charge",
    "refunds:write": "refund",
    "customers:write": "charge",
    "disputes:write": "disputes",
    "subscriptions:write": "charge",
    "financing:write": "charge",
    "webhooks:write": "webhooks",
    "audit:read": "audit",
}


@dataclass(frozen=True)
class Caller:
    """Who sent the request: a program with a key, or a user with an access token. `role` and `user` are the user's."""

    id: str
    organization_id: str
    key: ApiKey | None = None
    user: User | None = None
    role: str | None = None

    def require_scope(self, scope: str, permission: str | None = None) -> None:
        """`permission`: what a person needs for it, where that is not what the scope usually takes.

        Raises Forbidden: `scope_missing` for a key, `role_insufficient` for a user.
        """
        if self.key is not None:
            api_keys.require_scope(self.key, scope)
        elif scope.endswith(":read"):
            self.require_permission(PERMISSION_OF.get(scope, "read"))
        else:
            self.require_permission(permission or PERMISSION_OF[scope])

    def require_permission(self, permission: str) -> None:
        """Only people have permissions. Raises Forbidden: `user_required`, `role_insufficient`."""
        if self.user is None:
            raise Forbidden("user_required", "An API key cannot do this. Sign in and send your access token.")
        if not users.may(self.role, permission):
            raise Forbidden("role_insufficient", f"Your role, {self.role}, does not allow this.")


def require_key(read: str, write: str, permission: str | None = None) -> None:
    """Somebody we know with the scope to read or to write (a person: with a role that allows it), and a body that can be read.

    Raises Unauthenticated, Forbidden, RateLimited, InvalidRequest.
    """
    require_caller()
    g.caller.require_scope(read if request.method in ("GET", "HEAD") else write, permission)
    read_body()


def require_caller() -> None:
    """Somebody we know (a usable key or a user's access token), within their rate limit. Sets g.caller and g.organization_id.

    Raises Unauthenticated, RateLimited.
    """
    caller = _caller(*_token())
    g.caller = caller
    g.api_key = caller.key
    g.organization_id = caller.organization_id
    act("key" if caller.key else "staff" if caller.role == "staff" else "user", caller.id)
    taken = _take(caller)
    g.extra_headers = rates.headers(taken)
    rates.refuse(taken)
    if caller.key is not None:
        api_keys.note_use(caller.key)
        known_keys.remember(caller.key)


def _take(caller: Caller) -> Taken | None:
    """One more request; one that was counted on the fast road is not counted again."""
    if COUNTED in request.environ:
        counted: Taken | None = request.environ[COUNTED]
        return counted
    return rates.take(caller.id, caller.key.rate_limit if caller.key else None)


def _caller(token: str, is_key: bool) -> Caller:
    if is_key:
        key = api_keys.authenticate(token)
        return Caller(key.id, key.organization_id, key=key)
    found = tokens.authenticate(token)
    return Caller(found.user.id, found.organization_id, user=found.user, role=found.role)


def _token() -> tuple[str, bool]:
    """What was sent, and whether it is a key. (A key begins with `bl_`; an access token never does.)"""
    return read_token(request.headers.get("X-API-Key", ""), request.headers.get("Authorization", ""))


def read_token(given: str, authorization: str) -> tuple[str, bool]:
    """As `_token`, out of the two headers. Raises Unauthenticated."""
    if given.strip():
        return given.strip(), True
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "api_key_missing", "Send your API key as X-API-Key, or it or an access token as Authorization: Bearer."
        )
    return token.strip(), token.strip().startswith("bl_")


def read_body() -> None:
    """Sets g.body: the JSON object of a request that has one. Raises InvalidRequest."""
    g.body = _body() if request.method in ("POST", "PATCH", "PUT") else None


def _body() -> Any:
    """The JSON object that was sent, {} for none. A card number anywhere in it is refused, and never logged."""
    most = LARGER.get(request.endpoint or "", MAX_BODY)
    request.max_content_length = max(most, request.max_content_length or 0)
    raw = request.get_data(cache=True)
    if len(raw) > most:
        raise InvalidRequest("body_too_large", f"A body may have at most {most} bytes.", status=413)
    if not raw.strip():
        return {}
    if not request.is_json:
        raise InvalidRequest("content_type_invalid", "Send application/json.", status=415)
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        raise InvalidRequest("json_invalid", "The body must be one JSON object.")
    refuse_unsafe(body)
    return body


def refuse_unsafe(body: dict[str, Any]) -> None:
    """No card number, no NUL character (Postgres cannot keep one), no bottomless nesting. Raises InvalidRequest."""
    _refuse_unsafe(body, "", 0)


def _refuse_unsafe(value: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidRequest("json_invalid", f"The body is nested deeper than {MAX_DEPTH} levels.", param=path)
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unsafe(name, path or name[:64], depth + 1)
            _refuse_unsafe(inner, f"{path}.{name[:64]}" if path else name[:64], depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unsafe(inner, path, depth + 1)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        _refuse_text(str(value)[:MAX_BODY], path)  # of a picture its beginning


def _refuse_text(text: str, path: str) -> None:
    if looks_like_card_number(text):
        raise InvalidRequest(
            "card_number_refused",
            "A field holds what looks like a card number. Send the processor's token instead; card numbers must never reach us.",
            param=None if looks_like_card_number(path) else path,
        )
    if "\0" in text or (not text.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in text)):
        raise InvalidRequest("character_invalid", "A text holds a character that cannot be stored.", param=path)
