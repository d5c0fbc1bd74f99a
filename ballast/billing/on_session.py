"""A payment while its shopper is on a page of ours: how it stands there, and the bank's question, answered or taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ballast.billing import resolver
from ballast.db import db, end_reading
from ballast.models import Attempt, Payment
from ballast.models.payments import open_attempt_of
from ballast.processors.declines import CONFIGURATION

NOT_REACHED: Final = "We couldn't reach the payment processor. Nothing was charged. Please try again."


def state_of(payment: Payment | None) -> str:
    """What its page shows: form, action, processing or paid."""
    match payment.status if payment else None:
        case "processing":
            return "processing"
        case "requires_action":
            return "action"
        case "requires_capture" | "succeeded":
            return "paid"
        case _:
            return "form"


def decline_of(payment: Payment | None) -> str | None:
    """Why the last try did not work, in plain words. A processor's own words about our configuration are for the log and the API."""
    if payment is None:
        return None
    error = payment.last_error
    if error:
        return CONFIGURATION if error["type"] == "processor_error" else str(error["message"])
    return NOT_REACHED if payment.status == "requires_confirmation" else None


def waiting_since(payment: Payment | None) -> datetime | None:
    """When the attempt began whose outcome is open."""
    attempt = _open_attempt(payment)
    return attempt.created_at if attempt else None


def _open_attempt(payment: Payment | None) -> Attempt | None:
    if payment is None or payment.status not in ("processing", "requires_action"):
        return None
    return db.session.scalars(open_attempt_of(payment.organization_id, payment.id)).first()


def challenge_of(payment: Payment | None, return_url: str) -> dict[str, Any]:
    """What the page needs to put the bank's question."""
    wanted = (payment.next_action if payment else None) or {}
    return {
        "redirect_url": wanted.get("url"),
        "client_secret": wanted.get("client_secret"),
        "return_url": return_url,
    }


def take_back(payment: Payment | None) -> None:
    """Cancel an open challenge at the processor and record what that revealed. Does nothing without one."""
    attempt = _open_attempt(payment) if state_of(payment) == "action" else None
    key = (attempt.organization_id, attempt.id) if attempt else None
    end_reading()
    if key:
        resolver.abandon(*key)


def look_again(payment: Payment | None) -> None:
    """The shopper is back from the bank: ask the processor what is true and record it."""
    attempt = _open_attempt(payment)
    key = (attempt.organization_id, attempt.id) if attempt else None
    end_reading()
    if key:
        for found in resolver.read_open([key]):
            resolver.resolve_hint(found)
