"""What time it is. Domain code asks here and never the operating system.

Two clocks (docs/architecture.md): `real_time()` runs leases, probes, sessions and signatures; `now()` is the organization's own clock,
which equals real time unless someone set it (a sandbox organization being advanced, or a test).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_set: ContextVar[datetime | None] = ContextVar("ballast_clock", default=None)
_followed: ContextVar[datetime | None] = ContextVar("ballast_followed_clock", default=None)
_real: ContextVar[timedelta] = ContextVar("ballast_real_offset", default=timedelta())


def real_time() -> datetime:
    """Real time, UTC and aware. Tests may shift it with `shifted`."""
    return datetime.now(UTC) + _real.get()


def now() -> datetime:
    """The organization's time, UTC and aware."""
    return _set.get() or _followed.get() or real_time()


def follow(instant: datetime | None) -> None:
    """From here on in this context the organization's clock stands at `instant` (aware), or runs with real time (None).

    For `db` alone, which reads it with the organization's name at the begin of each transaction; a clock that is held with `at` wins.
    """
    _followed.set(instant)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Hold the organization's clock at `instant` (aware) inside the block."""
    if instant.tzinfo is None:
        raise ValueError("the clock takes aware datetimes only")
    token = _set.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _set.reset(token)


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Shift real time by `by` inside the block, so that leases and probes can be tested without waiting."""
    token = _real.set(_real.get() + by)
    try:
        yield
    finally:
        _real.reset(token)
