"""How many requests a key, or a signed-in user, may send in any window. Fails open: a limit that cannot be counted lets pass."""

from __future__ import annotations

from ballast import config
from ballast.errors import RateLimited
from ballast.identity import limiting
from ballast.identity.limiting import Taken


def take(caller_id: str, limit: int | None = None) -> Taken | None:
    """Count one more request; `limit` instead of RATE_LIMIT_DEFAULT_RPM if given. None when Redis is away."""
    settings = config.current()
    item = limiting.window(limit or settings.rate_limit_default_rpm, settings.rate_limit_window_seconds)
    return limiting.take(item, "api", caller_id)


def headers(taken: Taken | None) -> dict[str, str]:
    """`RateLimit-*` for the answer."""
    if taken is None:
        return {}
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    return dict(zip(names, map(str, (taken.limit, taken.remaining, taken.reset)), strict=True))


def refuse(taken: Taken | None) -> None:
    """Raises RateLimited when the limit was used up."""
    if taken is None or taken.passed:
        return
    seconds = config.current().rate_limit_window_seconds
    raise RateLimited(
        f"Limit: {taken.limit} requests per {seconds} seconds for this key. "
        f"Retry after {taken.reset} seconds with the same Idempotency-Key.",
        taken.reset,
    )
