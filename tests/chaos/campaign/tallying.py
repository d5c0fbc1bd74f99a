"""What everybody in a campaign counts together, and how everybody insists."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import requests

# What a client may be told and asks again for, with the same key: 0 stands for no answer at all.
AGAIN = (0, 409, 429, 502, 503, 504)
# How long somebody insists; a killed database is back within twenty seconds on a loaded machine, and may be killed again.
INSISTENCE = 300.0


@dataclass
class Tally:
    """What everybody counts together. `left`: payments that are still to be made. `problems`: what nobody may be told."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def take(self) -> bool:
        """One more payment to make; False when all are made."""
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def fall_due(self, count: int) -> None:
        """So many renewals more, which nobody has to ask for."""
        with self.lock:
            self.left -= count
            self.counts["renewals"] += count

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def complain(self, said: str) -> None:
        """Said at once too: a long campaign is not to be waited for when something is wrong."""
        print(f"  {said[:500]}", file=sys.stderr, flush=True)
        with self.lock:
            self.problems.append(said)


def key_of(rng: random.Random) -> str:
    """An Idempotency-Key that the seed decides."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def insist(tally: Tally, act: Callable[[], requests.Response]) -> requests.Response | None:
    """Ask until there is an answer that is one. A 500 is a problem; None when there was none in all that time."""
    until = time.monotonic() + INSISTENCE
    while time.monotonic() < until:
        pause = 0.5
        try:
            answer = act()
        except requests.RequestException:
            tally.count("no answer")
        else:
            if answer.status_code not in AGAIN:
                if answer.status_code >= 500:
                    tally.complain(
                        f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text[:300]}"
                    )
                return answer
            tally.count(f"told {answer.status_code}")
            pause = float(answer.headers.get("Retry-After", pause))
        time.sleep(pause * random.uniform(1, 2))
    tally.complain("somebody insisted in vain")
    return None
