"""An agreement's rows: found, locked, moved to another status, told to the outside.

Lock order: order, agreement, its installments by number, then payment and attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ballast import audit
from ballast.billing import lookup
from ballast.billing.financing.payloads import agreement_payload, installment_payload
from ballast.clock import now
from ballast.db import db, glance
from ballast.models import Customer, FinancingAgreement, Installment
from ballast.models.financing import agreement_of, installments_of
from ballast.models.states import move
from ballast.notifications import webhooks

# What a status is told as; the rest is `financing.agreement.updated`.
EVENTS: Final = {
    "active": "financing.agreement.activated",
    "late": "financing.agreement.late",
    "delinquent": "financing.agreement.delinquent",
    "defaulted": "financing.agreement.defaulted",
    "charged_off": "financing.agreement.charged_off",
    "paid_off": "financing.agreement.paid_off",
    "settled": "financing.agreement.settled",
    "refunded": "financing.agreement.refunded",
    "canceled": "financing.agreement.canceled",
}
# Nothing is owed, or will be, in these.
CLOSED: Final = ("paid_off", "settled", "refunded", "canceled")


def locked(organization_id: str, agreement_id: str) -> FinancingAgreement:
    """The agreement, locked until the transaction ends: after its order, before its installments and payments. Raises NotFound."""
    wanted = agreement_of(organization_id, agreement_id).with_for_update()
    return lookup.find(wanted.execution_options(populate_existing=True), agreement_id, "agr", "financing agreement")


def find(organization_id: str, agreement_id: str) -> FinancingAgreement:
    """The agreement. Raises NotFound."""
    wanted = agreement_of(organization_id, agreement_id)
    found: FinancingAgreement = glance(
        (FinancingAgreement, agreement_id), lambda: lookup.find(wanted, agreement_id, "agr", "financing agreement")
    )
    return found


def by_token(organization_id: str, token: str) -> FinancingAgreement | None:
    """The agreement behind the address of its page."""
    wanted = select(FinancingAgreement).where(
        FinancingAgreement.organization_id == organization_id, FinancingAgreement.token == token
    )
    return db.session.scalars(wanted).first()


def of_order(organization_id: str, order_id: str) -> FinancingAgreement | None:
    """The agreement an order is paid with, drafts included; the database allows one that is not canceled."""
    wanted = select(FinancingAgreement).where(
        FinancingAgreement.organization_id == organization_id,
        FinancingAgreement.order_id == order_id,
        FinancingAgreement.status != "canceled",
    )
    return db.session.scalars(wanted).first()


def installments(agreement: FinancingAgreement) -> list[Installment]:
    """Its installments, in order."""
    wanted = installments_of(agreement.organization_id, agreement.id)
    found: list[Installment] = glance((Installment, agreement.id), lambda: list(db.session.scalars(wanted)))
    return list(found)


def locked_installments(agreement: FinancingAgreement) -> list[Installment]:
    """Its installments, in order, locked. With the agreement locked."""
    wanted = installments_of(agreement.organization_id, agreement.id).with_for_update()
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))


def customer_of(agreement: FinancingAgreement) -> Customer:
    """Whose it is."""
    return db.session.get_one(Customer, (agreement.organization_id, agreement.customer_id))


def today(agreement: FinancingAgreement) -> date:
    """What day it is where the agreement is kept, by its organization's clock."""
    return day_of(agreement, now())


def day_of(agreement: FinancingAgreement, moment: datetime) -> date:
    """The day a moment is on, where the agreement is kept."""
    return moment.astimezone(ZoneInfo(agreement.timezone)).date()


def begins(agreement: FinancingAgreement, day: date) -> datetime:
    """The first moment of a day where the agreement is kept."""
    return datetime.combine(day, time(), ZoneInfo(agreement.timezone))


def describe(agreement: FinancingAgreement, chosen: Sequence[Installment]) -> str:
    """What these installments are called on a statement and a receipt: "Payment 2 of 4", "Payments 2 to 4 of 4"."""
    total = max((one.number for one in installments(agreement)), default=0)
    numbers = sorted(one.number for one in chosen)
    if len(numbers) == 1:
        return f"Payment {numbers[0]} of {total}"
    return f"Payments {numbers[0]} to {numbers[-1]} of {total}"


def set_status(agreement: FinancingAgreement, status: str, **detail: Any) -> None:
    """Move it, note who did it, and tell the outside. In the caller's transaction, with the row locked."""
    before = agreement.status
    move(agreement, status)
    if status in CLOSED:
        agreement.closed_at, agreement.next_action_at, agreement.next_reminder_at = now(), None, None
    else:
        agreement.closed_at = None
    changes = {"status": {"before": before, "after": status}, **detail}
    note(agreement, f"financing_agreement.{status}", changes, EVENTS.get(status, "financing.agreement.updated"))


def note(
    agreement: FinancingAgreement,
    action: str,
    changes: dict[str, Any] | None = None,
    event: str = "financing.agreement.updated",
) -> None:
    """Put a change into the audit log and tell the outside, with the state it leaves behind."""
    db.session.flush()
    audit.record(agreement.organization_id, action, "financing_agreement", agreement.id, changes)
    payload = agreement_payload(agreement, installments(agreement))
    webhooks.publish(agreement.organization_id, event, "financing_agreement", agreement.id, payload)


def tell(installment: Installment, event: str) -> None:
    """Tell the outside of an installment, with the state it is left in."""
    db.session.flush()
    payload = installment_payload(installment)
    webhooks.publish(installment.organization_id, event, "installment", installment.id, payload)
