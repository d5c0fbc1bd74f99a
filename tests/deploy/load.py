"""Requests at an even pace, whatever becomes of those before: reads, payments created, payments created and confirmed."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import urllib3

from tests.deploy.hand import ByHand

THREADS: Final = 16
# Of twenty: what a shop's own server asks for all day long. A confirmed payment is two calls to the processor besides.
MIX: Final = ("read",) * 14 + ("create",) * 5 + ("confirm",)
# Who answers later than this has failed too: nobody waits so long.
PATIENCE: Final = 20.0


@dataclass
class Load:
    """What was sent and what came of it. `paid`: the payments whose confirmation was answered 201, by id."""

    stack: ByHand
    rate: float
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def sent(self) -> int:
        return sum(self.counts.values())

    def percentile(self, part: float) -> float:
        """Milliseconds that this part of all answers took at most, from when each was to be sent."""
        return 1000 * sorted(self.seconds)[min(len(self.seconds) - 1, int(part * len(self.seconds)))]

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Keeps asking inside the block; all answers have come when it ends."""
        self._http = urllib3.PoolManager(
            maxsize=THREADS, ca_certs=str(self.stack.certificate), timeout=PATIENCE, retries=False
        )
        self._began, tickets = time.monotonic(), itertools.count()
        threads = [threading.Thread(target=self._ask_on, args=(tickets,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            self._http.clear()

    def _ask_on(self, tickets: Iterator[int]) -> None:
        for ticket in tickets:
            due = self._began + ticket / self.rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            kind = MIX[ticket % len(MIX)]
            try:
                self._ask(kind if self.created else "create")
            except urllib3.exceptions.HTTPError as error:
                self.failures.append(f"{kind}: {error!r}")
            self.counts[kind] += 1
            self.seconds.append(time.monotonic() - due)

    def _ask(self, kind: str) -> None:
        headers = {"X-API-Key": self.stack.local["api_key"], "Content-Type": "application/json"}
        url = f"{self.stack.web}/api/v1/payments"
        if kind == "read":
            answer = self._http.request("GET", f"{url}/{self.created[-1]}", headers=headers)
        else:
            body = {"amount": 3100, "currency": "USD"}
            if kind == "confirm":
                body |= {"payment_method": "pm_card_visa", "confirm": True}
            headers["Idempotency-Key"] = str(uuid4())
            answer = self._http.request("POST", url, headers=headers, body=json.dumps(body))
        if answer.status not in (200, 201):
            self.failures.append(f"{kind}: {answer.status} {answer.data[:300]!r}")
        elif kind != "read":
            made = json.loads(answer.data)["id"]
            (self.paid if kind == "confirm" else self.created).append(made)
