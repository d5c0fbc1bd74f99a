"""Why staff did something: asked for with each of their acts, and kept in the audit log."""

from __future__ import annotations

from typing import Final

from ballast.errors import InvalidRequest
from ballast.security import looks_like_card_number

LONGEST: Final = 500


def read(given: str) -> str:
    """The reason on one line. Raises InvalidRequest(`reason_missing`, `reason_too_long`, `card_number_refused`)."""
    reason = " ".join(given.split())
    if not reason:
        raise InvalidRequest("reason_missing", "Say why. It is kept in the audit log.", param="reason")
    if len(reason) > LONGEST:
        raise InvalidRequest("reason_too_long", f"Use at most {LONGEST} characters.", param="reason")
    if looks_like_card_number(reason):
        raise InvalidRequest("card_number_refused", "This holds what looks like a card number.", param="reason")
    return reason
