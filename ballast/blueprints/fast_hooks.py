"""Events of processors, past Flask: what comes three times for each payment, at a fraction of the work.

Only an event that is stored is answered here, with the answer of the plain road (tests/api/test_fast_hooks.py compares the two).
Whatever else comes is handed on as it came.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from sqlalchemy import Engine
from werkzeug.datastructures import EnvironHeaders

from ballast import logs, web
from ballast.billing import direct_events

log = logging.getLogger(__name__)
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

BEGINNING: Final = "/hooks/"
ROUTE: Final = "/hooks/<processor>/<account_id>"
MOST_BYTES: Final = 1024 * 1024
STATEMENTS: Final = 1
HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", web.POLICY_OF_ALL),
    ("Vary", "HX-Request, Accept-Encoding, Cookie"),
)


class FastHooks:
    """WSGI: serves what it can, hands the `rest` all else."""

    def __init__(self, rest: Wsgi, engine: Engine) -> None:
        self.rest = rest
        self.engine = engine

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if path.startswith(BEGINNING) and environ["REQUEST_METHOD"] == "POST":
            started = time.monotonic()
            request_id = web.name_request(environ.get("HTTP_X_REQUEST_ID", ""))
            if self._try(environ, path, request_id):
                said = web.Said("POST", ROUTE, 204, time.monotonic() - started, STATEMENTS)
                web.note_request(request_id, "hooks", said)
                start_response("204 NO CONTENT", [*HEADERS, *web.always(request_id)])
                return ()
        return self.rest(environ, start_response)

    def _try(self, environ: Environ, path: str, request_id: str) -> bool:
        try:
            return self._store(environ, path, request_id)
        except Exception:  # the plain road stores it, or says what is the matter
            log.exception("an event takes the plain road")
            return False

    def _store(self, environ: Environ, path: str, request_id: str) -> bool:
        processor, _, account_id = path.removeprefix(BEGINNING).partition("/")
        owner = direct_events.owner_of(processor, account_id)
        length = web.body_length(environ)
        if owner is None or not 0 < length <= MOST_BYTES or environ.get("HTTP_COOKIE"):
            return False
        raw = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(raw)
        logs.begin(request=request_id, organization=owner)
        return direct_events.store(self.engine, account_id, raw, dict(EnvironHeaders(environ)))
