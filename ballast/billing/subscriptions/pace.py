"""How fast a processor is asked: so many calls a second for each account, whoever of this process's threads asks."""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import Final

from ballast import config

# Processors publish 100 a second (Stripe, live), and little else; these leave room for shoppers. docs/subscriptions.md
SETTINGS: Final = {
    "stripe": "stripe_charges_per_second",
    "braintree": "braintree_charges_per_second",
    "square": "square_charges_per_second",
}


class Pace:
    """Slots of time, one after another; `wait` sleeps until the next free one."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Take the next slot and sleep until it has come."""
        with self._lock:
            slot = max(self._free_at, time.monotonic())
            self._free_at = slot + self._gap
        delay = slot - time.monotonic()
        if delay > 0:
            time.sleep(delay)


@cache
def pace_of(_account_id: str, processor: str) -> Pace:
    """An account's pace in this process."""
    return Pace(getattr(config.current(), SETTINGS[processor]))
