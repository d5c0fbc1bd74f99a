"""What the nightly run would do now: the run's own code, each step in a transaction that is taken back.

So a dry run cannot differ from the run by anything but time. No processor is asked, no number is used up, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select

from ballast.billing import invoices
from ballast.billing.subscriptions import charging, collecting, rolling, rows
from ballast.clock import now
from ballast.db import db, organization, transaction
from ballast.models import Invoice, Subscription
from ballast.models.invoices import invoices_of_subscription


@dataclass(frozen=True)
class Item:
    """One thing the run would do. `what`: charge, ask_for_card, wait, renew (at no charge), end, expire, resume, hold or stop.

    `amount`: minor units that would be charged; 0 where nothing would. `at`: when it is looked at again, for what waits.
    """

    what: str
    subscription_id: str
    customer: str
    amount: int = 0
    currency: str = ""
    card: str = ""
    invoice_id: str | None = None
    at: datetime | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.subscription_id

    @property
    def is_charge(self) -> bool:
        """Whether a card would be charged the amount."""
        return self.amount > 0


Found = TypeVar("Found")


class _TakenBackError(Exception):
    """Carries what was found out of the transaction that is undone."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__()
        self.items = items


def rehearse(organization_id: str | None = None) -> Iterator[Item]:
    """Everything `charging.charge_due` would do now, a row at a time."""
    for model, due_at, act in (
        (Subscription, Subscription.next_action_at, _roll),
        (Invoice, Invoice.next_attempt_at, _collect),
    ):
        for owner, row_id in keys_due(model, due_at, organization_id):
            yield from undone(owner, row_id, act)


def keys_due(model: Any, due_at: Any, organization_id: str | None) -> list[tuple[str, str]]:
    """What is due now, organization and id, the longest due first."""
    wanted = select(model.organization_id, model.id).where(*charging.due(model, due_at, organization_id))
    with transaction() as session:
        return [(row[0], row[1]) for row in session.execute(wanted.order_by(due_at, model.id))]


def undone(owner: str, row_id: str, act: Callable[[str, str], list[Found]]) -> list[Found]:
    """What `act` answers, in a transaction that is taken back."""
    try:
        with organization(owner), transaction():
            raise _TakenBackError(act(owner, row_id))
    except _TakenBackError as found:
        return found.items


def _roll(organization_id: str, subscription_id: str) -> list[Item]:
    """What its period's end would bring, the charge of the new period included."""
    subscription = rows.locked(organization_id, subscription_id)
    before = (subscription.status, subscription.period, subscription.anchor_at)
    rolling.act(subscription)
    if (subscription.period, subscription.anchor_at) == before[1:] or subscription.status in rows.ENDED:
        return [_item(subscription, _word(before[0], subscription), at=subscription.next_action_at)]
    newest = invoices_of_subscription(organization_id, subscription_id).limit(1)
    with_invoice = [invoice for invoice in db.session.scalars(newest) if invoice.period == subscription.period]
    if not with_invoice:
        return [_item(subscription, "resume", at=subscription.next_action_at)]
    invoice = with_invoice[0]
    if invoice.status == "paid":
        return [_item(subscription, "renew", invoice_id=invoice.id)]
    return _collect(organization_id, invoice.id)


def _word(before: str, subscription: Subscription) -> str:
    ends = {"incomplete_expired": "expire", "canceled": "end"}
    if subscription.status in ends:
        return ends[subscription.status]
    return "resume" if before == "paused" else "hold" if subscription.held_at else "wait"


def _collect(organization_id: str, invoice_id: str) -> list[Item]:
    """What would be charged for an invoice, and to which card."""
    ready = collecting.ready(organization_id, invoice_id)
    invoice = invoices.find(organization_id, invoice_id)
    subscription = rows.find(organization_id, invoice.subscription_id or "")
    if ready is not None:
        card = f"{ready.card.brand or 'card'} {ready.card.last4 or ''}".strip()
        return [_item(subscription, "charge", invoice.amount_due, card, invoice.id)]
    if subscription.status in ("unpaid", "defaulted", "canceled"):
        return [_item(subscription, "stop", invoice_id=invoice.id)]
    waits = invoice.next_attempt_at is not None and invoice.next_attempt_at > now()
    what = "ask_for_card" if invoice.first_failed_at == now() else "wait"
    return [_item(subscription, what, invoice_id=invoice.id, at=invoice.next_attempt_at if waits else None)]


def _item(
    subscription: Subscription,
    what: str,
    amount: int = 0,
    card: str = "",
    invoice_id: str | None = None,
    at: datetime | None = None,
) -> Item:
    customer = rows.customer_of_row(subscription)
    name = customer.email or customer.name or customer.id
    return Item(what, subscription.id, name, amount, subscription.currency, card, invoice_id, at)
