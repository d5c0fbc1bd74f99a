"""What of one organization waits longer than it should: a worker is down, or a job fails each time it comes to it.

RQ's jobs are everybody's, so their names and traces are for the platform's staff (/platform/jobs). Whose row it is that waits, the row
says: that is what a merchant is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, select

from ballast.clock import real_time
from ballast.models import Email, Installment, Organization, Refund, Subscription, WebhookDelivery, WebhookEndpoint
from ballast.models.financing import is_chargeable
from ballast.models.states import UNSETTLED_REFUND

# The sweepers come every few seconds, so nobody waits this long where all is well.
PATIENCE: Final = timedelta(minutes=15)
UNSENT: Final = ("pending", "failed")
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
# Matter → one of it, and several.
WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "late_renewals": ("renewal", "renewals"),
    "late_installments": ("installment", "installments"),
    "late_refunds": ("refund", "refunds"),
    "late_deliveries": ("webhook delivery", "webhook deliveries"),
    "late_emails": ("mail", "mails"),
}


def looked_for(organization: Organization) -> dict[str, Select[Any]]:
    """By matter the rows that are overdue, with `due_at`. An organization with a clock of its own waits for that."""
    if organization.clock_at is not None:
        return {}
    return {name: _late(organization.id, *which) for name, which in _lines().items()}


def _lines() -> dict[str, tuple[Any, Any, tuple[Any, ...]]]:
    """By matter: model, when it is due, and further conditions. A failing endpoint keeps its own lane waiting, by design."""
    takes = (WebhookEndpoint.organization_id == WebhookDelivery.organization_id) & (
        WebhookEndpoint.id == WebhookDelivery.endpoint_id
    )
    takes &= WebhookEndpoint.enabled & WebhookEndpoint.failing_since.is_(None)
    answers = select(WebhookEndpoint.id).where(takes).exists()
    return {
        "late_renewals": (Subscription, Subscription.next_action_at, ()),
        "late_installments": (Installment, Installment.next_attempt_at, (is_chargeable(),)),
        "late_refunds": (Refund, Refund.next_attempt_at, (Refund.status.in_(UNSETTLED_REFUND),)),
        "late_deliveries": (
            WebhookDelivery,
            WebhookDelivery.next_attempt_at,
            (WebhookDelivery.status.in_(UNSENT), answers),
        ),
        "late_emails": (Email, Email.next_attempt_at, (Email.status.in_(UNSENT),)),
    }


def _late(owner: str, model: Any, due_at: Any, which: tuple[Any, ...]) -> Select[Any]:
    return select(due_at.label("due_at")).where(model.organization_id == owner, due_at < real_time() - PATIENCE, *which)


def sentence(found: Mapping[str, tuple[int, datetime | None]]) -> tuple[str, str] | None:
    """What to say of them, and the matter that a page should show first; None where nothing waits. `found`: matter → how many, and
    since when the first of them waits."""
    late = {name: found[name] for name in WORDS if found.get(name, (0, None))[0]}
    if not late:
        return None
    what = " and ".join(f"{count:,} {WORDS[name][count != 1]}" for name, (count, _due) in late.items())
    waits = real_time() - min(due for _count, due in late.values() if due is not None)
    since = f"{waits // MINUTE} minutes" if waits < 2 * HOUR else f"{waits // HOUR} hours"
    is_one = sum(count for count, _due in late.values()) == 1
    said = f"{what} {'has' if is_one else 'have'} waited for the background jobs, {'' if is_one else 'the first '}for {since}."
    return f"{said} Nothing is lost: it is done as soon as they run.", next(iter(late))
