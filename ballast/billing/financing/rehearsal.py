"""What the nightly run would do to plans now: the run's own code, each step in a transaction that is taken back.

So a dry run cannot differ from the run by anything but time. No processor is asked, nothing is sent; if the process dies nothing of it
happened, at whatever line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ballast.billing.financing import collecting, lateness, rows
from ballast.billing.subscriptions.rehearsal import keys_due, undone
from ballast.clock import now
from ballast.db import db
from ballast.models import FinancingAgreement, Installment


@dataclass(frozen=True)
class Item:
    """One thing the run would do. `what`: charge, ask_for_card, wait, stop, hold; look, late_fee, or the status a plan would have.

    `amount`: minor units that would be charged to a card, or added as a fee. `at`: when it is looked at again, for what waits.
    """

    what: str
    subject: str
    customer: str
    amount: int = 0
    currency: str = ""
    card: str = ""
    at: datetime | None = None

    @property
    def is_charge(self) -> bool:
        """Whether a card would be charged the amount."""
        return self.what == "charge"


def rehearse(organization_id: str | None = None) -> Iterator[Item]:
    """Everything `charging.charge_due` and `lateness.look_due` would do now, a row at a time."""
    for owner, row_id in keys_due(Installment, Installment.next_attempt_at, organization_id):
        yield from undone(owner, row_id, _collect)
    for owner, row_id in keys_due(FinancingAgreement, FinancingAgreement.next_action_at, organization_id):
        yield from undone(owner, row_id, _look)


def _collect(organization_id: str, installment_id: str) -> list[Item]:
    """What would be charged for an installment, and to which card."""
    ready = collecting.ready(organization_id, installment_id)
    one = db.session.get_one(Installment, (organization_id, installment_id))
    agreement = rows.find(organization_id, one.agreement_id)
    if ready is not None:
        card = f"{ready.card.brand or 'card'} {ready.card.last4 or ''}".strip()
        return [_item(agreement, one.id, "charge", one.left, card)]
    if agreement.held_at is not None:
        return [_item(agreement, one.id, "hold", at=agreement.next_action_at)]
    if one.first_failed_at == now():
        return [_item(agreement, one.id, "ask_for_card")]
    return [_item(agreement, one.id, "wait" if one.next_attempt_at else "stop", at=one.next_attempt_at)]


def _look(organization_id: str, agreement_id: str) -> list[Item]:
    """What a look would bring: late fees, another status."""
    agreement = rows.locked(organization_id, agreement_id)
    before, fees = agreement.status, {one.id: one.late_fee for one in rows.installments(agreement)}
    lateness.act(agreement)
    fined = [(one, one.late_fee - fees[one.id]) for one in rows.installments(agreement)]
    found = [_item(agreement, one.id, "late_fee", fee) for one, fee in fined if fee]
    if agreement.status != before:
        found.append(_item(agreement, agreement.id, agreement.status))
    if agreement.held_at is not None:
        found.append(_item(agreement, agreement.id, "hold", at=agreement.next_action_at))
    return found or [_item(agreement, agreement.id, "look", at=agreement.next_action_at)]


def _item(
    agreement: FinancingAgreement,
    subject: str,
    what: str,
    amount: int = 0,
    card: str = "",
    at: datetime | None = None,
) -> Item:
    customer = rows.customer_of(agreement)
    name = customer.email or customer.name or customer.id
    return Item(what, subject, name, amount, agreement.currency, card, at)
