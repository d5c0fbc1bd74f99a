"""How far a campaign is, for whoever watches."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 30.0


@contextmanager
def told(describe: Callable[[], str], every: float = EVERY) -> Iterator[None]:
    """Inside the block a line on stderr every so often, with the seconds that have passed."""
    began, is_over = time.monotonic(), threading.Event()

    def tell() -> None:
        while not is_over.wait(every):
            print(f"{time.monotonic() - began:6.0f} s  {describe()}", file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()
