"""One POST to somebody else's server: bounded in time and size, whatever that server does, and never to a server of our own."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Timer
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection
from urllib3.util.ssl_match_hostname import CertificateError

from ballast.clock import real_time
from ballast.notifications import addresses
from ballast.notifications.answering import BODY_KEPT

# Connections kept open to one endpoint, and endpoints with open connections.
PER_ENDPOINT = 8
ENDPOINTS = 200
DAY_SECONDS = 86_400
# Where nobody says how long to wait for a connection.
PATIENCE = 5.0


@dataclass(frozen=True)
class Answer:
    """What came back. `reason` is a word when it was not delivered: timeout, refused, tls, dns, private_address, http_500 …"""

    status: int | None
    body: str
    reason: str | None
    duration_ms: int
    retry_after: int | None = None


def post(url: str, body: bytes, headers: dict[str, str], timeout: float, *, allow_private: bool) -> Answer:
    """POST, once, within `timeout` seconds. Only 2xx is success, whatever its body; redirects are not followed.

    `allow_private`: the server may stand in our own network, which is for the local stack alone.
    """
    started = time.monotonic()
    try:
        response = _pool(allow_private).request(
            "POST", url, body=body, headers=headers, redirect=False, timeout=timeout, preload_content=False
        )
    except urllib3.exceptions.HTTPError as error:
        word = word_for(error)
        late = word == "connection_lost" and time.monotonic() - started >= timeout  # cut off by our own deadline
        return Answer(None, "", "timeout" if late else word, _since(started))
    if time.monotonic() - started >= timeout:  # It was cut off in its headers: half an answer is none.
        response.close()
        return Answer(None, "", "timeout", _since(started))
    kept = _read_body(response, started + timeout)
    return answer(response.status, kept, _since(started), response.headers.get("Retry-After"))


def answer(status: int, kept: str, duration_ms: int, later: str | None) -> Answer:
    """What an answer comes to. `later`: its Retry-After."""
    reason = None if 200 <= status < 300 else f"http_{status}"
    return Answer(status, kept, reason, duration_ms, _retry_after(later))


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
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(round(wait), 0), DAY_SECONDS)


def word_for(error: urllib3.exceptions.HTTPError) -> str:
    """Why nothing was delivered."""
    return next((word for kinds, word in REASONS if isinstance(error, kinds)), "connection_lost")


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


class _Private(urllib3.exceptions.HTTPError):
    """The name leads into a network that is not public. (Of urllib3's family, so that its pool lets it through.)"""


def _connect(connection: HTTPConnection, allow_private: bool) -> socket.socket:
    """A socket to the one address that was looked at; the name stays for TLS and the Host header."""
    timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else PATIENCE
    started = time.monotonic()
    try:
        address = addresses.pin(connection.host, connection.port, timeout, allow_private)
        left = max(timeout - (time.monotonic() - started), 0.001)
        return create_connection((address, connection.port), left, socket_options=connection.socket_options)
    except addresses.PrivateAddress as error:
        raise _Private(str(error)) from error
    except socket.gaierror as error:
        raise urllib3.exceptions.NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(connection, "too late") from error
    except OSError as error:
        raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error


# The first that fits: some of urllib3's kinds are kinds of others.
REASONS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((_Private,), "private_address"),
    ((urllib3.exceptions.NameResolutionError,), "dns"),
    ((urllib3.exceptions.NewConnectionError,), "refused"),
    ((urllib3.exceptions.TimeoutError,), "timeout"),
    ((urllib3.exceptions.SSLError,), "tls"),
    ((urllib3.exceptions.LocationParseError, urllib3.exceptions.LocationValueError), "bad_url"),
)


class _Http(HTTPConnection):
    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.allow_private)

    def getresponse(self) -> Any:
        with _ended_after(self):
            return super().getresponse()


class _Https(HTTPSConnection):
    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.allow_private)

    def getresponse(self) -> Any:
        with _ended_after(self):
            return super().getresponse()


class _LocalHttp(_Http):
    allow_private = True


class _LocalHttps(_Https):
    allow_private = True


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _LocalHttpPool(HTTPConnectionPool):
    ConnectionCls = _LocalHttp


class _LocalHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _LocalHttps


def connect(scheme: str, host: str, port: int, timeout: float, *, allow_private: bool) -> socket.socket:
    """A connection for whoever speaks HTTP on it himself, opened as `post` opens its own. Raises urllib3.exceptions.HTTPError."""
    connection: HTTPConnection
    if scheme == "https":
        secure = _LocalHttps if allow_private else _Https
        connection = secure(host, port, timeout=timeout, ssl_context=_trusted())
    else:
        connection = (_LocalHttp if allow_private else _Http)(host, port, timeout=timeout)
    try:
        connection.connect()
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(connection, "too late") from error
    except (ssl.SSLError, CertificateError) as error:
        raise urllib3.exceptions.SSLError(error) from error
    except OSError as error:
        raise urllib3.exceptions.ProtocolError("connection lost", error) from error
    opened, connection.sock = connection.sock, None
    assert opened is not None
    return opened


@cache
def _trusted() -> ssl.SSLContext:
    """One context for all: reading the machine's certificates takes longer than many a delivery."""
    return ssl.create_default_context()


@cache
def _pool(allow_private: bool) -> urllib3.PoolManager:
    """Open connections, kept apart: one that was opened for the local stack is never used for anybody else."""
    pool = urllib3.PoolManager(num_pools=ENDPOINTS, maxsize=PER_ENDPOINT, retries=False, ssl_context=_trusted())
    local, public = (_LocalHttpPool, _LocalHttpsPool), (_HttpPool, _HttpsPool)
    http, https = local if allow_private else public
    pool.pool_classes_by_scheme = {"http": http, "https": https}
    return pool
