"""How fast a processor is asked: so many charges a second for each account, whoever asks, in whichever worker.

Slots of time lie one after another, a gap apart. Redis gives them out, in one call for several and by its own clock, so workers never
share one. It gives none farther ahead than `HORIZON`: who dies with slots in hand wastes that much at most, and nobody who comes later
waits long for a first.

When Redis is away each worker gives out its own, at the pace divided by as many workers as there were a moment ago. (RQ's wake-ups are
away then too, so no worker begins; those at work go on.) A Redis that comes back empty knows of no slots: each worker keeps to its own
gap besides, so one worker never goes faster than its pace, and several do for less than a second.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from functools import cache
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ballast import config

log = logging.getLogger(__name__)

# Processors publish 100 a second (Stripe, live), and little else; these leave room for shoppers. docs/subscriptions.md
SETTINGS: Final = {
    "stripe": "stripe_charges_per_second",
    "braintree": "braintree_charges_per_second",
    "square": "square_charges_per_second",
}
# Seconds: enough to keep calls going out while the worker's database thread is busy.
HORIZON: Final = 0.6
# A slot is used no later than this: what is late comes on top of the next second, and some lateness more lies on the way.
LATE_SECONDS: Final = 0.03
# A server that was silent is left alone for a while.
LEFT_ALONE_SECONDS: Final = 5.0
# A worker that asked within so many seconds is one of those who share the pace.
SHARER_SECONDS: Final = 5
_left_alone_until: dict[str, float] = {}

# KEYS: the next free slot (microseconds), who shares it. ARGV: gap, horizon, how many, who asks, seconds a sharer counts.
# Answers the first slot (microseconds of Redis's clock), how many there are, how many share, and what that clock says now.
TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local gap, horizon, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZADD', KEYS[2], time[1], ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time[1] - ARGV[5])
redis.call('EXPIRE', KEYS[2], 60)
local first = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local room = math.floor((now + horizon - first) / gap) + 1
local taken = math.max(0, math.min(wanted, room))
if taken > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', first + taken * gap), 'EX', 60)
end
return {first, taken, redis.call('ZCARD', KEYS[2]), now}
"""


class Pace:
    """One account's pace in this process. `take` gives slots; nothing here sleeps."""

    def __init__(self, account_id: str, per_second: float) -> None:
        self.per_second = per_second
        self._gap = 1 / per_second
        self._keys = [f"ballast:pace:{account_id}", f"ballast:pace:{account_id}:sharers"]
        self._free_at = 0.0
        self._sharers = 1
        self._name = f"{os.uname().nodename}:{os.getpid()}"
        # How far our clock was ahead of Redis's at the last answers: the least of them is what came back the fastest.
        self._offsets: deque[float] = deque(maxlen=50)
        self._lock = threading.Lock()

    def take(self, count: int) -> list[float]:
        """Up to `count` slots within `HORIZON`: moments of `time.monotonic`, each a gap after the one before."""
        with self._lock:
            given = self._ask(count)
            if given is None:
                return self._take_alone(count)
            first, taken, self._sharers, now = given
            self._offsets.append(time.monotonic() - now / 1e6)
            return self._slots(first / 1e6 + min(self._offsets), taken, self._gap)

    def _take_alone(self, count: int) -> list[float]:
        gap, now = self._gap * self._sharers, time.monotonic()
        first = max(now, self._free_at)
        room = int((now + HORIZON - first) / gap) + 1
        return self._slots(first, max(0, min(count, room)), gap)

    def _slots(self, first: float, count: int, gap: float) -> list[float]:
        first = max(first, self._free_at)
        slots = [first + number * gap for number in range(count)]
        self._free_at = slots[-1] + gap if slots else self._free_at
        return slots

    def _ask(self, count: int) -> tuple[int, int, int, int] | None:
        url = config.current().redis_url
        if time.monotonic() < _left_alone_until.get(url, 0):
            return None
        asked = [int(self._gap * 1e6), int(HORIZON * 1e6), count, self._name, SHARER_SECONDS]
        try:
            first, taken, sharers, now = _script(url)(keys=self._keys, args=asked)
        except (RedisError, OSError) as error:
            _left_alone_until[url] = time.monotonic() + LEFT_ALONE_SECONDS
            log.warning("the pace is not shared while Redis is away: %s", type(error).__name__)
            return None
        return first, taken, sharers, now


@cache
def _script(url: str) -> Any:
    client = Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25, retry=Retry(NoBackoff(), 0))
    return client.register_script(TAKE)


@cache
def pace_of(account_id: str, processor: str) -> Pace:
    """An account's pace in this process."""
    return Pace(account_id, getattr(config.current(), SETTINGS[processor]))


def wait(account_id: str, processor: str) -> None:
    """Sleep until the account's next slot. Holds no transaction."""
    own = pace_of(account_id, processor)
    while not (slots := own.take(1)):
        time.sleep(HORIZON / 4)
    _sleep_until(slots[0])


def keep(account_id: str, processor: str, slot: float) -> None:
    """Sleep until a slot that was taken. One that has passed is given up for another, once: what is sent late is too much for the next
    second."""
    _sleep_until(slot)
    if time.monotonic() - slot > LATE_SECONDS:
        wait(account_id, processor)


def _sleep_until(slot: float) -> None:
    time.sleep(max(0.0, slot - time.monotonic()))
