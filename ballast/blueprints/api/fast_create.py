"""`POST /payments`, past Flask: what most requests of a sale day are, at a tenth of the work; with `confirm`, at a fourth.

It is served by the same functions and with the same words as on the plain road (tests/api/test_fast_create.py compares the two).
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final

from flask import Flask, g
from pydantic import ValidationError
from sqlalchemy import Engine

from ballast import audit, db, error_answers, web
from ballast.billing import direct_charges, direct_payments, idempotency
from ballast.billing.direct_payments import Asker
from ballast.billing.new_payments import NewPayment
from ballast.blueprints.api import guard
from ballast.blueprints.api.fast_road import LONGEST_ANSWER, Answer, Environ, FastRoad, find_key, is_usual, take
from ballast.blueprints.api.payments import asked_for, show, text_of
from ballast.blueprints.api.schemas import PaymentCreate
from ballast.errors import BallastError
from ballast.identity.known_keys import KnownKey

PATH: Final = "/api/v1/payments"
# How often Postgres was asked past the session.
TO_CREATE: Final = 1
TO_CHARGE: Final = 3


class FastCreate(FastRoad):
    """A payment that is created, or created and charged."""

    method = "POST"
    route = PATH

    def __init__(self, app: Flask, engine: Engine) -> None:
        super().__init__(app.wsgi_app, engine)
        self.app = app
        PaymentCreate.model_rebuild()  # now, once for all processes that are forked from this one

    def is_for(self, environ: Environ) -> bool:
        return environ.get("PATH_INFO") == PATH and is_usual(environ) and _has_body(environ)

    def answer(self, environ: Environ, request_id: str) -> Answer | None:
        try:
            key, body, raw = _read(environ)
            if key is None:
                return None
            asked = asked_for(body, idempotency.read_key(environ.get("HTTP_IDEMPOTENCY_KEY")))
            if not direct_payments.takes(asked):
                return None
        except (BallastError, ValidationError, ValueError, RecursionError):
            return None
        if not take(environ, key, request_id):
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
            # What is raised here goes to the plain road. It charges nothing twice: nobody was asked for money so far. If the payment
            # was written all the same, it finds the Idempotency-Key taken and says so; the resolver gives up what was not sent.
            trying = direct_charges.begin(self.engine, who, asked, return_url, fingerprint, LONGEST_ANSWER)
            if trying is None:
                return None
            try:
                charged = direct_charges.go_on(self.engine, trying)
                status, body = (201, charged.answer) if charged.answer else _keep(who, asked, charged.payment_id)
            except Exception as error:  # noqa: BLE001 -- answered as what is not foreseen is answered everywhere
                # Not on the plain road, which would only find the key taken. What became of the attempt is found out by the resolver,
                # or by whoever repeats the request.
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


def _has_body(environ: Environ) -> bool:
    return 0 < web.body_length(environ) <= guard.MAX_BODY and environ.get("CONTENT_TYPE") == "application/json"


def _read(environ: Environ) -> tuple[KnownKey | None, PaymentCreate, Any]:
    """Whose key it is, None if this process does not know it, and the body, checked and as it was sent; it can be read again.

    Raises BallastError, ValidationError, ValueError.
    """
    sent = environ["wsgi.input"].read(web.body_length(environ))
    environ["wsgi.input"] = BytesIO(sent)
    key, raw = find_key(environ), json.loads(sent)
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    guard.refuse_unsafe(raw)
    return key, PaymentCreate.model_validate(raw), raw
