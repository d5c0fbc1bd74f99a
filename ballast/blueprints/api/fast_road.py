"""What the fast roads of the API have in common: requests that are answered past Flask, with the words of the plain road.

Only the ordinary request with an ordinary answer is served there. Whatever is out of the ordinary, wrong or unknown is handed on as it
came, and the plain road answers it: one place says what an error looks like.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine
from werkzeug.http import HTTP_STATUS_CODES

from ballast import logs, web
from ballast.blueprints.api import guard
from ballast.blueprints.api.setup import VERSION_HEADER
from ballast.identity import known_keys, rates
from ballast.identity.known_keys import KnownKey
from ballast.identity.limiting import Taken
from ballast.models.outbox import API_VERSION

log = logging.getLogger(__name__)
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# What log and metrics say of it: the blueprint that has the plain road.
PART: Final = "api"
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


class FastRoad(ABC):
    """WSGI: serves what it can, hands the `rest` all else. `method` and `route`: what it is for, as log and metrics have it."""

    method: str
    route: str

    def __init__(self, rest: Wsgi, engine: Engine) -> None:
        self.rest = rest
        self.engine = engine

    @abstractmethod
    def is_for(self, environ: Environ) -> bool:
        """Whether it is worth looking at: the right address, nothing unusual about it."""

    @abstractmethod
    def answer(self, environ: Environ, request_id: str) -> Answer | None:
        """The answer, None for the plain road. Nothing was done, or the plain road finds it done."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == self.method and self.is_for(environ):
            started = time.monotonic()
            request_id = web.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
            answer = self._try(environ, request_id)
            if answer is not None:
                said = web.Said(self.method, self.route, answer.status, time.monotonic() - started, answer.statements)
                web.note_request(request_id, PART, said)
                phrase = HTTP_STATUS_CODES[answer.status].upper()
                start_response(f"{answer.status} {phrase}", _headers(answer, request_id, environ[guard.COUNTED]))
                return (answer.body,)
        return self.rest(environ, start_response)

    def _try(self, environ: Environ, request_id: str) -> Answer | None:
        try:
            return self.answer(environ, request_id)
        except (
            Exception
        ):  # the plain road says what is the matter, in the words and with the numbers of every such answer
            log.exception("a request takes the plain road")
            return None


def is_usual(environ: Environ) -> bool:
    """No query, and nothing that only the plain road knows how to take."""
    return not environ.get("QUERY_STRING") and not any(name in environ for name in UNUSUAL)


def find_key(environ: Environ) -> KnownKey | None:
    """Whose key was sent, None where none was or this process does not know it. Raises Unauthenticated."""
    token, is_key = guard.read_token(environ.get("HTTP_X_API_KEY", ""), environ.get("HTTP_AUTHORIZATION", ""))
    return known_keys.find(token) if is_key else None


def take(environ: Environ, key: KnownKey, request_id: str, **about: str) -> bool:
    """Count the request; whether the limit that its key had lets it pass. The log's lines are about it from here on.

    What does not pass was not counted: the plain road asks again, by the limit that the key has now.
    """
    logs.begin(request=request_id, organization=key.organization_id, **about)
    taken = rates.take(key.id, key.rate_limit)
    if taken is not None and not taken.passed:
        return False
    environ[guard.COUNTED] = taken
    return True


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
