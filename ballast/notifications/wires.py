"""Open connections to merchants' servers, for deliveries that are sent many at a time: kept after an answer, used again.

Opening one may take seconds and happens on threads; `posting` says how, so the same guard stands before every one.
"""

from __future__ import annotations

import socket
import ssl
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from ballast.notifications import posting

# Connections that are kept although nobody uses them, over all servers.
MOST_IDLE: Final = 512


class BadAddress(ValueError):
    """What cannot be an address."""


@dataclass(frozen=True)
class Place:
    """Where a URL leads: the server, the first lines of a request, and whether it may stand in our own network."""

    scheme: str
    host: str
    port: int
    start: bytes
    allow_private: bool


@lru_cache(maxsize=1024)
def place(url: str, allow_private: bool) -> Place:
    """Raises BadAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(url) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        raise BadAddress(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    named = host if port is None else f"{host}:{port}"
    start = f"POST {target} HTTP/1.1\r\nHost: {named}\r\nAccept-Encoding: identity\r\n"
    if " " in target:
        raise BadAddress(url)
    return Place(
        parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), start.encode(), allow_private
    )


def written(where: Place, headers: dict[str, str], body: bytes) -> bytes:
    """The whole request."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (where.start, lines.encode(), len(body), body)


class Wires:
    """Idle connections by where they lead. For one thread."""

    def __init__(self) -> None:
        self._idle: OrderedDict[Place, deque[socket.socket]] = OrderedDict()
        self._count = 0

    def take(self, where: Place) -> socket.socket | None:
        """One whose server has neither hung up nor spoken since; None where a new one is to be opened."""
        waiting = self._idle.get(where)
        while waiting:
            self._count -= 1
            found = waiting.pop()
            if is_quiet(found):
                return found
            found.close()
        return None

    def keep(self, where: Place, used: socket.socket) -> None:
        """For the next one."""
        if self._count >= MOST_IDLE:
            used.close()
            return
        self._idle.setdefault(where, deque()).append(used)
        self._count += 1

    def close(self) -> None:
        """All of them."""
        for waiting in self._idle.values():
            for one in waiting:
                one.close()
        self._idle.clear()


def is_quiet(connection: socket.socket) -> bool:
    """Whether nothing has come on an idle connection, its end included."""
    try:
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def open_(where: Place, timeout: float) -> socket.socket:
    """A connection that does not block. Raises urllib3.exceptions.HTTPError, as `posting.post` would meet it."""
    opened = posting.connect(where.scheme, where.host, where.port, timeout, allow_private=where.allow_private)
    opened.setblocking(False)
    with suppress(OSError):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened
