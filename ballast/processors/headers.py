"""Reading HTTP headers, whatever the case they come in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from ballast.clock import real_time


def find_header(headers: Mapping[str, str] | None, name: str) -> str | None:
    """The value of a header, or None."""
    return next((value for key, value in (headers or {}).items() if key.lower() == name.lower()), None)


def seconds_to_wait(headers: Mapping[str, str] | None) -> float | None:
    """What `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3); None where it asks for nothing readable."""
    said = find_header(headers, "Retry-After")
    if said is None:
        return None
    with suppress(ValueError):
        seconds = float(said)
        return seconds if 0 <= seconds < float("inf") else None
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(said) - real_time()).total_seconds())
    return None
