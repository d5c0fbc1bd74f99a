"""Counting what may happen only so often: true sliding windows in Redis, by the `limits` library.

A limit never decides who somebody is. When Redis is away, callers choose: let it pass, or count in this process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.commands.core import Script
from redis.exceptions import RedisError

from ballast import config

log = logging.getLogger(__name__)

# A server that was silent is left alone for a while, so that it slows one request and not all of them.
LEFT_ALONE_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 0.25
_left_alone_until: dict[str, float] = {}


@dataclass(frozen=True)
class Taken:
    """What is left of a limit after one more: `remaining` more at once, all of it again in `reset` seconds. `passed`: it fit."""

    passed: bool
    limit: int
    remaining: int
    reset: int


def window(most: int, seconds: int) -> RateLimitItem:
    """At most `most` in any `seconds`."""
    return RateLimitItemPerSecond(most, seconds, namespace="ballast")


def take(item: RateLimitItem, *who: str) -> Taken | None:
    """Count one more of `who`. None when Redis is away: nothing was counted."""
    return _ask(lambda limiter: _ask_once(limiter, item, who, counting=True))


def _ask(question: Callable[[MovingWindowRateLimiter], Taken]) -> Taken | None:
    url = config.current().redis_url
    if time.monotonic() < _left_alone_until.get(url, 0):
        return None
    try:
        return question(_shared(url))
    except (RedisError, OSError) as error:
        _left_alone_until[url] = time.monotonic() + LEFT_ALONE_SECONDS
        log.warning("limits are not shared while Redis is away: %s", type(error).__name__)
        return None


def look(item: RateLimitItem, *who: str) -> Taken | None:
    """What is left of a limit, counting nothing; `passed`: one more would fit. None when Redis is away."""
    return _ask(lambda limiter: _ask_once(limiter, item, who, counting=False))


def take_here(item: RateLimitItem, *who: str) -> Taken:
    """Count one more of `who` in this process alone."""
    return _count(_here(), item, *who)


def forget(item: RateLimitItem, *who: str) -> None:
    """Begin anew for `who`."""
    _here().clear(item, *who)
    url = config.current().redis_url
    if time.monotonic() < _left_alone_until.get(url, 0):
        return
    try:
        _shared(url).clear(item, *who)
    except (RedisError, OSError) as error:
        _left_alone_until[url] = time.monotonic() + LEFT_ALONE_SECONDS
        log.warning("could not forget a limit while Redis is away: %s", type(error).__name__)


# `limits` counts, or tests, and looks in two calls; this is both in one, on the list that it keeps: the moments of a window, the
# latest first.
_COUNT: Final = """
local at, limit, lasts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local nth = redis.call('lindex', KEYS[1], limit - 1)
local passed = not (nth and tonumber(nth) >= at - lasts)
if passed and ARGV[4] == '1' then
  redis.call('lpush', KEYS[1], ARGV[1])
  redis.call('ltrim', KEYS[1], 0, limit - 1)
  redis.call('expire', KEYS[1], lasts)
end
local low, high, oldest = 0, redis.call('llen', KEYS[1]) - 1, -1
while low <= high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('lindex', KEYS[1], middle)) >= at - lasts then oldest, low = middle, middle + 1 else high = middle - 1 end
end
return {passed and 1 or 0, oldest + 1, oldest < 0 and ARGV[1] or redis.call('lindex', KEYS[1], oldest)}
"""


def _ask_once(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: tuple[str, ...], *, counting: bool) -> Taken:
    now, lasts = time.time(), item.get_expiry()
    key = _storage(limiter).prefixed_key(item.key_for(*who))
    passed, count, oldest = _script(config.current().redis_url)(
        keys=[key], args=[now, item.amount, lasts, int(counting)]
    )
    reset = max(1, int(float(oldest) + lasts - now + 0.999))
    return Taken(bool(passed), item.amount, max(0, item.amount - count), min(reset, lasts))


def _storage(limiter: MovingWindowRateLimiter) -> RedisStorage:
    assert isinstance(limiter.storage, RedisStorage)
    return limiter.storage


@cache
def _script(url: str) -> Script:
    redis: Any = _storage(_shared(url)).get_connection()
    return Script(redis, _COUNT)


def _count(limiter: MovingWindowRateLimiter, item: RateLimitItem, *who: str) -> Taken:
    return _read(limiter, item, limiter.hit(item, *who), *who)


def _read(limiter: MovingWindowRateLimiter, item: RateLimitItem, passed: bool, *who: str) -> Taken:
    seen = limiter.get_window_stats(item, *who)
    reset = max(1, int(seen.reset_time - time.time() + 0.999))
    return Taken(passed, item.amount, max(0, seen.remaining), min(reset, item.get_expiry()))


class _Redis(RedisStorage):
    """Loads the client of Redis alone: `limits` would load Valkey's beside it, which is as large, wherever that is installed."""

    DEPENDENCIES = {"redis": None}  # noqa: RUF012  as the class above says it


@cache
def _shared(url: str) -> MovingWindowRateLimiter:
    storage = _Redis(
        url, key_prefix="ballast:limits", socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )
    return MovingWindowRateLimiter(storage)


@cache
def _here() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())
