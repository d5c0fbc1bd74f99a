"""`POST /payments` without `confirm`, past Flask: what most requests of a sale day are, at a tenth of the work.

Only the ordinary request with an ordinary answer is served here, by the same functions and with the same words as on the plain road
(tests/api/test_fast_create.py compares the two). Whatever is out of the ordinary, wrong or unknown is handed on as it came, and the
plain road answers it: one place says what an error looks like.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Engine

from ballast import config, logs, web
from ballast.billing import direct_payments, idempotency
from ballast.billing.direct_payments import Asker
from ballast.blueprints.api import guard
from ballast.blueprints.api.payments import asked_for
from ballast.blueprints.api.schemas import PaymentCreate
from ballast.blueprints.api.setup import VERSION_HEADER
from ballast.errors import BallastError
from ballast.identity import known_keys, rates
from ballast.identity.known_keys import KnownKey
from ballast.identity.limiting import Taken
from ballast.models.outbox import API_VERSION

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

PATH: Final = "/api/v1/payments"
# What log and metrics say of it: the blueprint that has the plain road, and how often Postgres was asked.
PART: Final = "api"
STATEMENTS: Final = 1
# Pages of other origins, browsers with a session and other versions of the API are for the plain road.
UNUSUAL: Final = ("HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_BALLAST_VERSION", "HTTP_TRANSFER_ENCODING")
# From here on an answer may be compressed.
LONGEST_ANSWER: Final = 1400
HEADERS: Final = (("Vary", "Origin, Accept-Encoding, Cookie"), ("Content-Security-Policy", web.POLICY_OF_ALL))


class FastCreate:
    """WSGI: serves what it can, hands `rest` all else."""

    def __init__(self, rest: Wsgi, engine: Engine) -> None:
        self.rest = rest
        self.engine = engine

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH and environ["REQUEST_METHOD"] == "POST" and _is_usual(environ):
            started = time.monotonic()
            request_id = web.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
            answer = self._create(environ, request_id)
            if answer is not None:
                said = web.Said("POST", PATH, 201, time.monotonic() - started, STATEMENTS)
                web.note_request(request_id, PART, said)
                start_response("201 CREATED", _headers(answer, request_id, environ[guard.COUNTED]))
                return (answer,)
        return self.rest(environ, start_response)

    def _create(self, environ: Environ, request_id: str) -> bytes | None:
        try:
            key, body, raw = _read(environ)
            if key is None:
                return None
            asked = asked_for(body, idempotency.read_key(environ.get("HTTP_IDEMPOTENCY_KEY")))
            if body.confirm or not direct_payments.takes(asked):
                return None
        except (BallastError, ValidationError, ValueError, RecursionError):
            return None
        logs.begin(request=request_id, organization=key.organization_id)
        taken = environ[guard.COUNTED] = rates.take(key.id, key.rate_limit)
        if taken is not None and not taken.passed:
            return None
        who = Asker(key, environ.get("REMOTE_ADDR"), request_id)
        fingerprint = idempotency.fingerprint("POST", PATH, raw)
        return direct_payments.create(self.engine, who, asked, fingerprint, LONGEST_ANSWER)


def _is_usual(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        length.isdigit()
        and 0 < int(length) <= guard.MAX_BODY
        and environ.get("CONTENT_TYPE") == "application/json"
        and not environ.get("QUERY_STRING")
        and not any(name in environ for name in UNUSUAL)
    )


def _read(environ: Environ) -> tuple[KnownKey | None, PaymentCreate, Any]:
    """Whose key it is, None if this process does not know it, and the body, checked and as it was sent; it can be read again.

    Raises BallastError, ValidationError, ValueError.
    """
    sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = BytesIO(sent)
    token, is_key = guard.read_token(environ.get("HTTP_X_API_KEY", ""), environ.get("HTTP_AUTHORIZATION", ""))
    raw = json.loads(sent)
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    guard.refuse_unsafe(raw)
    return known_keys.find(token) if is_key else None, PaymentCreate.model_validate(raw), raw


def _headers(answer: bytes, request_id: str, taken: Taken | None) -> list[tuple[str, str]]:
    """In the order in which Flask and `web.finish_response` set them."""
    found = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(answer))),
        (VERSION_HEADER, API_VERSION),
        *HEADERS,
        ("X-Request-Id", request_id),
        *rates.headers(taken).items(),
        *web.SAME_FOR_ALL.items(),
        ("Cache-Control", "no-store"),
    ]
    if config.current().is_production:
        found.append(("Strict-Transport-Security", web.HSTS))
    return found
