"""Who calls the API, with what body: one guard for the whole blueprint."""

from __future__ import annotations

from typing import Any

from flask import g, request

from ballast.errors import InvalidRequest, Unauthenticated
from ballast.identity import api_keys
from ballast.security import looks_like_card_number
from ballast.web import act

MAX_BODY = 64 * 1024
MAX_DEPTH = 8


def require_key(read: str, write: str) -> None:
    """A usable API key (`X-API-Key` or `Authorization: Bearer`) with the scope to read or to write, and a body that can be read.

    Raises Unauthenticated, Forbidden, InvalidRequest.
    """
    key = api_keys.authenticate(_token())
    g.api_key = key
    g.organization_id = key.organization_id
    act("key", key.id)
    api_keys.require_scope(key, read if request.method in ("GET", "HEAD") else write)
    g.body = _body() if request.method in ("POST", "PATCH", "PUT") else None
    api_keys.note_use(key)


def _token() -> str:
    given = request.headers.get("X-API-Key", "").strip()
    if given:
        return given
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("api_key_missing", "Send your API key as X-API-Key, or as Authorization: Bearer.")
    return token.strip()


def _body() -> Any:
    """The JSON object that was sent, {} for none. A card number anywhere in it is refused, and never logged."""
    raw = request.get_data(cache=True)
    if len(raw) > MAX_BODY:
        raise InvalidRequest("body_too_large", f"A body may have at most {MAX_BODY} bytes.", status=413)
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
    _refuse_unsafe(body, "", 0)
    return body


def _refuse_unsafe(value: Any, path: str, depth: int) -> None:
    """No card number, no NUL character (Postgres cannot keep one), no bottomless nesting."""
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
        _refuse_text(str(value)[:MAX_BODY], path)


def _refuse_text(text: str, path: str) -> None:
    if looks_like_card_number(text):
        raise InvalidRequest(
            "card_number_refused",
            "A field holds what looks like a card number. Send the processor's token instead; card numbers must never reach us.",
            param=None if looks_like_card_number(path) else path,
        )
    if "\0" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise InvalidRequest("character_invalid", "A text holds a character that cannot be stored.", param=path)
