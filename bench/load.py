"""Clients that create and confirm payments over HTTP, as fast as they are answered. Run as a program of its own, so that it does
not share a Python with what it measures: `python -m bench.load URL KEY CLIENTS SECONDS` prints JSON."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit
from uuid import uuid4

BODY = json.dumps({"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}).encode()


def main(url: str, key: str, clients: int, seconds: float) -> None:
    """Print {"requests", "errors", "seconds", "p50_ms", "p99_ms"}."""
    until = time.monotonic() + seconds
    times: list[float] = []
    errors: list[int] = []
    started = time.monotonic()
    threads = [threading.Thread(target=_client, args=(url, key, until, times, errors)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    times.sort()
    print(
        json.dumps(
            {
                "requests": len(times),
                "errors": len(errors),
                "seconds": took,
                "p50_ms": round(1000 * times[len(times) // 2], 1),
                "p99_ms": round(1000 * times[int(len(times) * 0.99)], 1),
            }
        )
    )


def _client(url: str, key: str, until: float, times: list[float], errors: list[int]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    while time.monotonic() < until:
        headers = {"X-API-Key": key, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        began = time.monotonic()
        connection.request("POST", "/api/v1/payments", BODY, headers)
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - began)
        if answer.status != 201:
            errors.append(answer.status)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
