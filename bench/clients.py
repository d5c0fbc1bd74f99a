"""Clients that create or read payments over HTTP, as fast as they are answered, at the least cost to the cores they share with the
server: one thread, one `select`, requests written beforehand but for their key. Run as a program of its own, so that it shares no
Python with what it measures: `python -m bench.clients URL KEY CLIENTS SECONDS BODY` prints JSON. In place of the body, the id of a
payment to read; `VERSION` after it is sent as Ballast-Version."""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

DONE = b"HTTP/1.1 20"
LENGTH = b"content-length:"


@dataclass
class Client:
    """One connection with one request under way."""

    sock: socket.socket
    began: float = 0.0
    got: bytes = b""
    whole: int = 0


@dataclass
class Counted:
    """Seconds of each request, and how many were not answered with 200 or 201."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0


def main(url: str, key: str, clients: int, seconds: float, body: str, version: str = "") -> None:
    """Print {"requests", "errors", "seconds", "p50_ms", "p99_ms"}."""
    parts = urlsplit(url)
    begun = f"HTTP/1.1\r\nHost: {parts.netloc}\r\nX-API-Key: {key}\r\n"
    head, tail = creating(begun, body.encode()) if body.startswith("{") else reading(begun, body, version)
    selector = selectors.DefaultSelector()
    counted, started = Counted(), time.monotonic()
    for _ in range(clients):
        sock = socket.create_connection((parts.hostname or "", parts.port or 80))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one = Client(sock)
        selector.register(sock, selectors.EVENT_READ, one)
        ask(one, head, tail)
    until, under_way = started + seconds, clients
    while under_way:
        for found, _ in selector.select(30):
            if not read(found.data, counted):
                continue
            if time.monotonic() < until:
                ask(found.data, head, tail)
            else:
                under_way -= 1
    report(counted, time.monotonic() - started)


def creating(begun: str, body: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the Idempotency-Key."""
    head = f"POST /api/v1/payments {begun}Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
    return head.encode(), b"\r\n\r\n" + body


def reading(begun: str, payment_id: str, version: str) -> tuple[bytes, bytes]:
    """What stands before and after the X-Request-Id."""
    named = f"Ballast-Version: {version}\r\n" if version else ""
    return f"GET /api/v1/payments/{payment_id} {begun}{named}X-Request-Id: ".encode(), b"\r\n\r\n"


def ask(client: Client, head: bytes, tail: bytes) -> None:
    """Send one request."""
    client.began, client.got, client.whole = time.monotonic(), b"", 0
    client.sock.sendall(head + str(uuid4()).encode() + tail)


def read(client: Client, counted: Counted) -> bool:
    """Take what has come; whether that ends the answer. Raises ConnectionError when the server hangs up."""
    piece = client.sock.recv(65_536)
    if not piece:
        raise ConnectionError("the server closed a connection that was in use")
    client.got += piece
    if not client.whole and (end := client.got.find(b"\r\n\r\n")) >= 0:
        at = client.got.lower().index(LENGTH) + len(LENGTH)
        client.whole = end + 4 + int(client.got[at : client.got.index(b"\r\n", at)])
    if not client.whole or len(client.got) < client.whole:
        return False
    counted.seconds.append(time.monotonic() - client.began)
    counted.errors += not client.got.startswith(DONE)
    return True


def report(counted: Counted, took: float) -> None:
    """As JSON on the output."""
    times = sorted(counted.seconds)
    answer = {"requests": len(times), "errors": counted.errors, "seconds": took}
    answer |= {
        "p50_ms": round(1000 * times[len(times) // 2], 2),
        "p99_ms": round(1000 * times[len(times) * 99 // 100], 2),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:7])
