"""The last moment at which a call that moves money may leave this process.

Whoever gives an attempt up relies on it: a process that was paused (SIGSTOP, a stalled disk, a laptop lid) and wakes up later must not
send what another has closed meanwhile. Each adapter's transport asks right before it writes to the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from ballast.clock import real_time

_send_by: ContextVar[datetime | None] = ContextVar("ballast_send_by", default=None)
READS = frozenset({"GET", "HEAD"})


class TooLateError(Exception):
    """The deadline has passed, and nothing was sent."""


@contextmanager
def sending_until(moment: datetime | None) -> Iterator[None]:
    """Let nothing but reads leave this process after `moment` (real time) inside the block.

    None lets everything out, whatever an outer block said: for what may be repeated.
    """
    token = _send_by.set(moment)
    try:
        yield
    finally:
        _send_by.reset(token)


def assert_in_time(method: str) -> None:
    """Called by a transport before it sends. Raises TooLateError."""
    moment = _send_by.get()
    if moment is not None and method.upper() not in READS and real_time() > moment:
        raise TooLateError
