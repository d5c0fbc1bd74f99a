"""One POST to somebody else's server: bounded in time and size, whatever that server does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Timer
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ballast.clock import real_time

BODY_KEPT = 2048
# Connections kept open to one endpoint, and endpoints with open connections.
PER_ENDPOINT = 50
ENDPOINTS = 200
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Answer:
    """What came back. `reason` is a word when it was not delivered: timeout, refused, tls, dns, http_500 …"""

    status: int | None
    body: str
    reason: str | None
    duration_ms: int
    retry_after: int | None = None


def post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
    """POST, once, within `timeout` seconds. Only 2xx is success, whatever its body; redirects are not followed."""
    started = time.monotonic()
    try:
        response = _pool().request(
            "POST", url, body=body, headers=headers, redirect=False, timeout=timeout, preload_content=False
        )
    except urllib3.exceptions.HTTPError as error:
        late = time.monotonic() - started >= timeout
        return Answer(None, "", "timeout" if late else _reason(error), _since(started))
    if time.monotonic() - started >= timeout:  # It was cut off in its headers: half an answer is none.
        response.close()
        return Answer(None, "", "timeout", _since(started))
    kept = _read_body(response, started + timeout)
    reason = None if 200 <= response.status < 300 else f"http_{response.status}"
    return Answer(response.status, kept, reason, _since(started), _retry_after(response.headers.get("Retry-After")))


def _read_body(response: urllib3.BaseHTTPResponse, until: float) -> str:
    """The first 2 kB as text. A body that is longer, slow or broken costs its connection, not the delivery."""
    kept, ended = b"", False
    with suppress(urllib3.exceptions.HTTPError):
        while not ended and len(kept) < BODY_KEPT and time.monotonic() < until:
            piece = response.read1(BODY_KEPT - len(kept), decode_content=True)
            kept, ended = kept + piece, not piece
    response.release_conn() if ended else response.close()
    return kept.decode(errors="replace").replace("\0", "")


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _retry_after(value: str | None) -> int | None:
    """Seconds, given as such or as an HTTP date (RFC 9110, 10.2.3); at most a day."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), DAY_SECONDS)
    try:
        wait = (parsedate_to_datetime(value) - real_time()).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(round(wait), 0), DAY_SECONDS)


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "dns"
        case urllib3.exceptions.NewConnectionError():
            return "refused"
        case urllib3.exceptions.TimeoutError():
            return "timeout"
        case urllib3.exceptions.SSLError():
            return "tls"
        case urllib3.exceptions.LocationParseError() | urllib3.exceptions.LocationValueError():
            return "bad_url"
        case _:
            return "connection_lost"


# --- A deadline for the whole answer -----------------------------------------------------------------------------------------
# A socket's timeout starts anew with each byte: a server that sends its headers one by one could hold a thread for hours.


@contextmanager
def _ended_after(connection: HTTPConnection) -> Iterator[None]:
    sock, seconds = connection.sock, connection.timeout
    if sock is None or not isinstance(seconds, (int, float)):
        yield
        return
    timer = Timer(seconds, _shut, (sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(sock: Any) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Http(HTTPConnection):
    def getresponse(self) -> Any:
        with _ended_after(self):
            return super().getresponse()


class _Https(HTTPSConnection):
    def getresponse(self) -> Any:
        with _ended_after(self):
            return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


@cache
def _pool() -> urllib3.PoolManager:
    pool = urllib3.PoolManager(num_pools=ENDPOINTS, maxsize=PER_ENDPOINT, retries=False)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
