"""`POST /payments`, past Flask: what most requests of a sale day are, at a tenth of the work; with `confirm`, at a fourth.

Only the ordinary request with an ordinary answer is served here, by the same functions and with the same words as on the plain road
(tests/api/test_fast_create.py compares the two). Whatever is out of the ordinary, wrong or unknown is handed on as it came, and the
plain road answers it: one place says what an error looks like.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from flask import Flask, g
from pydantic import ValidationError
from sqlalchemy import Engine
from werkzeug.http import HTTP_STATUS_CODES

from ballast import audit, db, error_answers, logs, web
from ballast.billing import direct_charges, direct_payments, idempotency
from ballast.billing.direct_payments import Asker
from ballast.billing.payments import NewPayment
from ballast.blueprints.api import guard
from ballast.blueprints.api.payments import asked_for, show, text_of
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
# What log and metrics say of it: the blueprint that has the plain road, and how often Postgres was asked past the session.
PART: Final = "api"
TO_CREATE: Final = 1
TO_CHARGE: Final = 3
# Pages of other origins, browsers with a session and other versions of the API are for the plain road.
UNUSUAL: Final = ("HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_BALLAST_VERSION", "HTTP_TRANSFER_ENCODING")
# From here on an answer may be compressed.
LONGEST_ANSWER: Final = 1400
HEADERS: Final = (("Vary", "Origin, Accept-Encoding, Cookie"), ("Content-Security-Policy", web.POLICY_OF_ALL))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, and how often Postgres was asked for it. `retry_after`: seconds, where to ask again helps."""

    status: int
    body: bytes
    statements: int
    retry_after: str | None = None


class FastCreate:
    """WSGI: serves what it can, hands the app's own road all else."""

    def __init__(self, app: Flask, engine: Engine) -> None:
        self.app = app
        self.rest: Wsgi = app.wsgi_app
        self.engine = engine
        PaymentCreate.model_rebuild()  # now, once for all processes that are forked from this one

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH and environ["REQUEST_METHOD"] == "POST" and _is_usual(environ):
            started = time.monotonic()
            request_id = web.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
            answer = self._create(environ, request_id)
            if answer is not None:
                said = web.Said("POST", PATH, answer.status, time.monotonic() - started, answer.statements)
                web.note_request(request_id, PART, said)
                phrase = HTTP_STATUS_CODES[answer.status].upper()
                start_response(f"{answer.status} {phrase}", _headers(answer, request_id, environ[guard.COUNTED]))
                return (answer.body,)
        return self.rest(environ, start_response)

    def _create(self, environ: Environ, request_id: str) -> Answer | None:
        try:
            key, body, raw = _read(environ)
            if key is None:
                return None
            asked = asked_for(body, idempotency.read_key(environ.get("HTTP_IDEMPOTENCY_KEY")))
            if not direct_payments.takes(asked):
                return None
        except (BallastError, ValidationError, ValueError, RecursionError):
            return None
        logs.begin(request=request_id, organization=key.organization_id)
        taken = environ[guard.COUNTED] = rates.take(key.id, key.rate_limit)
        if taken is not None and not taken.passed:
            return None
        who = Asker(key, environ.get("REMOTE_ADDR"), request_id)
        fingerprint = idempotency.fingerprint("POST", PATH, raw)
        if body.confirm:
            return self._charge(environ, who, asked, text_of(body.return_url), fingerprint)
        made = direct_payments.create(self.engine, who, asked, fingerprint, LONGEST_ANSWER)
        return Answer(201, made, TO_CREATE) if made else None

    def _charge(
        self, environ: Environ, who: Asker, asked: NewPayment, return_url: str | None, fingerprint: bytes
    ) -> Answer | None:
        """In the context of a request of the API, for what is out of the ordinary once it is begun is done as everywhere."""
        actor = audit.Actor("key", who.key.id, who.ip, who.request_id)
        with self.app.app_context(), audit.acting(actor):
            g.request_id, g.organization_id = who.request_id, who.key.organization_id
            db.count_statements()
            try:
                charged = direct_charges.charge(self.engine, who, asked, return_url, fingerprint, LONGEST_ANSWER)
                if charged is None:
                    return None
                status, body = (201, charged.answer) if charged.answer else _keep(who, asked, charged.payment_id)
            except Exception as error:  # noqa: BLE001 -- answered as what is not foreseen is answered everywhere
                # What became of the attempt is found out by the resolver, or by whoever repeats the request.
                with self.app.request_context(environ):
                    crash = error_answers.on_crash(error)
                return Answer(crash.status_code, crash.get_data(), TO_CHARGE, crash.headers.get("Retry-After"))
            return Answer(status, body, TO_CHARGE + db.statements())


def _keep(who: Asker, asked: NewPayment, payment_id: str) -> tuple[int, bytes]:
    """The answer for a payment whose outcome was recorded as everywhere, kept under its key."""
    owner, key = who.key.organization_id, asked.idempotency_key or ""
    with db.organization(owner), db.transaction():
        response = show(201, payment_id)
        idempotency.store(owner, key, response.status_code, response.get_data())
    return response.status_code, response.get_data()


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


def _headers(answer: Answer, request_id: str, taken: Taken | None) -> list[tuple[str, str]]:
    """In the order in which Flask and `web.finish_response` set them."""
    found = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(answer.body))),
        (VERSION_HEADER, API_VERSION),
        *HEADERS,
        *web.always(request_id, rates.headers(taken)),
    ]
    if answer.retry_after:
        found.append(("Retry-After", answer.retry_after))
    return found
