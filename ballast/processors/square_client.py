"""The SDK's client for one Square account: one version, one pool, no retries, and nothing sent too late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, ParamSpec, TypeVar

import httpx
from square import Square
from square.core.request_options import RequestOptions
from square.requests.money import MoneyParams

from ballast.processors.base import Credentials
from ballast.processors.sending import assert_in_time

P = ParamSpec("P")
T = TypeVar("T")
API_VERSION: Final = "2025-08-20"
POOL = 32
ONCE: RequestOptions = {"max_retries": 0}


def make_client(credentials: Credentials) -> tuple[Square, httpx.Client]:
    """The client, and its pool, which whoever made it closes."""
    timeout = httpx.Timeout(credentials.read_timeout, connect=credentials.connect_timeout)
    limits = httpx.Limits(max_connections=POOL, max_keepalive_connections=POOL)
    http = httpx.Client(timeout=timeout, limits=limits, trust_env=False, event_hooks={"request": [_assert_in_time]})
    client = Square(
        base_url=credentials.api_base.rstrip("/"),
        token=credentials.secret_key,
        version=API_VERSION,
        timeout=timeout,  # type: ignore[arg-type]  # handed on to httpx; a number would be the connect timeout too
        httpx_client=http,
    )
    return client, http


def _assert_in_time(request: httpx.Request) -> None:
    assert_in_time(request.method)


def ask(call: Callable[P, T], *args: P.args, **said: P.kwargs) -> T:
    """Call the SDK. It trips over an answer of another shape than it knows: that is no answer, whatever Square did.

    Raises ApiError, httpx.HTTPError, TooLateError.
    """
    try:
        answer = call(*args, **said)
    except (AttributeError, TypeError, ValueError) as error:
        raise httpx.DecodingError(f"Square's answer could not be read: {error}") from error
    if answer is None:
        raise httpx.DecodingError("Square's answer was null")
    return answer


def money_of(amount: int, currency: str) -> MoneyParams:
    """Minor units as Square takes them."""
    return {"amount": amount, "currency": currency.upper()}


def instant(moment: datetime) -> str:
    """A time as Square takes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
