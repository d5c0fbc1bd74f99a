"""A mail about a subscription, asked for from outside: of the present state, once for its key; one that failed goes out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, select

from ballast import queue
from ballast.billing import invoices
from ballast.billing.subscriptions import collecting, letters, rolling, rows, settling
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import Attempt, Email
from ballast.models.payments import attempts_of
from ballast.models.states import RENEWING, move

# What the last word on a subscription may be, once its dunning is over.
OVER: Final = ("defaulted", "unpaid")


@dataclass(frozen=True)
class Notice:
    """The mail there is now. `email_id`: None where there is nobody to write to; `written`: by this call."""

    email_id: str | None
    status: str | None
    written: bool


def upcoming_charge(organization_id: str, subscription_id: str) -> Notice:
    """What is charged next, or that the trial ends. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    found = rows.locked(organization_id, subscription_id)
    if found.status not in RENEWING or found.cancel_at_period_end:
        raise Conflict("state_conflict", "No charge of this subscription is coming.")
    figures = rolling.upcoming_figures(found, rolling.upcoming(found))
    kind = "trial_ending" if found.status == "trialing" else "upcoming_charge"
    return once(
        organization_id,
        found.id,
        (kind,),
        lambda: letters.coming(found, kind, figures.amount_due, found.current_period_end),
    )


def charge_failed(organization_id: str, invoice_id: str) -> Notice:
    """What was declined, and what will happen. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    invoice = invoices.find(organization_id, invoice_id)
    found, invoice = collecting.lock(organization_id, invoice.id)
    if found is None or invoice.status != "open" or invoice.first_failed_at is None:
        raise Conflict("state_conflict", "This invoice is not one whose charge has failed.")
    last = last_declined(organization_id, invoice.payment_id)
    decline_class = (last.decline_class if last else None) or "hard"
    kinds = ("charge_failed", "action_needed")
    return once(organization_id, found.id, kinds, lambda: letters.charge_failed(found, invoice, decline_class, last))


def defaulted(organization_id: str, subscription_id: str) -> Notice:
    """That dunning is over. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    found = rows.locked(organization_id, subscription_id)
    if found.status not in OVER:
        raise Conflict("state_conflict", f"This subscription is {found.status}.")
    invoice = db.session.scalars(settling.owed_of(found)).first()
    return once(organization_id, found.id, (f"subscription_{found.status}",), lambda: letters.ended(found, invoice))


def last_declined(organization_id: str, payment_id: str | None) -> Attempt | None:
    """The newest attempt of a payment that was declined."""
    if payment_id is None:
        return None
    declined = [one for one in db.session.scalars(attempts_of(organization_id, payment_id)) if one.status == "declined"]
    return max(declined, key=lambda one: one.number, default=None)


def once(organization_id: str, resource_id: str, kinds: tuple[str, ...], write: Callable[[], None]) -> Notice:
    """Write a mail of one of `kinds` unless its key is there already; send again what could not be sent."""
    wanted = _newest(organization_id, resource_id, kinds)
    before = db.session.scalars(wanted).first()
    write()
    db.session.flush()
    mail = db.session.scalars(wanted).first()
    if mail is None:
        return Notice(None, None, written=False)
    if mail.status == "failed":
        move(mail, "pending")
        mail.next_attempt_at, mail.attempts = real_time(), 0
        queue.wake(queue.SEND_EMAILS)
    return Notice(mail.id, mail.status, written=before is None or before.id != mail.id)


def _newest(organization_id: str, resource_id: str, kinds: tuple[str, ...]) -> Select[Email]:
    wanted = select(Email).where(
        Email.organization_id == organization_id,
        Email.resource_id == resource_id,
        Email.kind.in_(kinds),
    )
    return wanted.order_by(Email.id.desc()).limit(1)
