"""`GET /payments/{id}`, past Flask: what a shop's server asks for all day long, at a fifth of the work.

tests/api/test_fast_read.py compares it with the plain road.
"""

from __future__ import annotations

from typing import Final

from ballast.billing import direct_reading
from ballast.blueprints.api.fast_create import PATH
from ballast.blueprints.api.fast_road import LONGEST_ANSWER, Answer, Environ, FastRoad, find_key, is_usual, take
from ballast.errors import Unauthenticated
from ballast.ids import to_uuid

BEGINNING: Final = f"{PATH}/"
STATEMENTS: Final = 1


class FastRead(FastRoad):
    """One payment by its id, whole and without `expand`."""

    method = "GET"
    route = f"{PATH}/<payment_id>"

    def is_for(self, environ: Environ) -> bool:
        return environ.get("PATH_INFO", "").startswith(BEGINNING) and is_usual(environ)

    def answer(self, environ: Environ, request_id: str) -> Answer | None:
        payment_id = environ["PATH_INFO"].removeprefix(BEGINNING)
        try:
            key = find_key(environ)
        except Unauthenticated:
            return None
        if key is None or to_uuid(payment_id, "pay") is None or not take(environ, key, request_id, payment=payment_id):
            return None
        body = direct_reading.read(self.engine, key, payment_id)
        return Answer(200, body, STATEMENTS) if body and len(body) < LONGEST_ANSWER else None
