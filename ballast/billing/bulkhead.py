"""How many requests of a web process may wait for processors at once: one fewer than it has threads (a bulkhead, as ships have).

A processor that hangs keeps a thread for half a minute and longer. Were every thread its own, nobody would be left for the pages, for
the other processors and for `/readyz`, and the silence of one would be an outage of all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from ballast import metrics

# How many threads this process answers requests with, which `ballast.serving` says; a process that it does not say so to has no limit.
THREADS: Final = "BALLAST_WEB_THREADS"
# Seconds to wait for a place where all are taken. Once in vain, nobody waits for the next seconds: a thread that waits answers nobody.
PATIENCE: Final = 2.0
PAUSE: Final = 10.0


class Bulkhead:
    """`most` places to wait at a time."""

    def __init__(self, most: int) -> None:
        self._free = BoundedSemaphore(most)
        self._full_until = 0.0

    def enter(self) -> bool:
        """Take a place; False where there is none, and then there is nothing to leave."""
        if self._free.acquire(blocking=False):
            return True
        if time.monotonic() < self._full_until:
            return False
        if self._free.acquire(timeout=PATIENCE):
            return True
        self._full_until = time.monotonic() + PAUSE
        return False

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()


@cache
def _ours() -> Bulkhead | None:
    """Of this process; made after the web server has forked it."""
    threads = int(os.environ.get(THREADS) or 0)
    return Bulkhead(threads - 1) if threads > 1 else None


@contextmanager
def place(processor: str) -> Iterator[bool]:
    """A place to wait for a processor, for as long as the block lasts. False: nothing is to be asked, for too many wait already."""
    ours = _ours()
    if ours is None:
        yield True
        return
    if not ours.enter():
        metrics.count("ballast_turned_away_total", processor=processor)
        yield False
        return
    try:
        yield True
    finally:
        ours.leave()
