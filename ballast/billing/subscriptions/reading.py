"""What a batch of subscriptions, invoices or outcomes needs, locked and read in a few statements instead of a few for each.

Nothing here decides: it tells the running transaction what the ordinary functions would ask for (`db.know`), and those do as they do
for one. What is not told they ask for themselves. Locks are taken in the order of `attempt_locks.lock`, and within one kind by id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Select, select

from ballast.billing import budgets, cards, credit, invoices
from ballast.clock import now
from ballast.db import among, db, know
from ballast.models import (
    Claim,
    CreditBalance,
    Customer,
    Invoice,
    InvoiceLine,
    Payment,
    PaymentMethod,
    ProcessorAccount,
    Subscription,
)
from ballast.models.states import RENEWING
from ballast.processors.base import Holder


def for_rolling(organization_id: str, subscription_ids: Sequence[str]) -> list[Subscription]:
    """Those of these subscriptions whose period simply ends, locked, with what billing the next one asks for; the others are left to
    those who do them one by one."""
    locked_ones = locked(Subscription, organization_id, subscription_ids)
    changing = set(db.session.scalars(_changing(organization_id, subscription_ids)))
    found = [one for one in locked_ones if one.id not in changing and _simply_renews(one)]
    for one in found:
        know(("changes", one.id), [])
    customers(organization_id, (one.customer_id for one in found))
    keep(invoices.settings(organization_id))
    for whose, amount in credit.hold(organization_id, {(one.customer_id, one.currency) for one in found}).items():
        know((CreditBalance, organization_id, *whose), amount)
    return found


def _changing(organization_id: str, subscription_ids: Sequence[str]) -> Select[str | None]:
    """Which of them wait for the payment of a change."""
    return select(Invoice.subscription_id).where(
        Invoice.organization_id == organization_id,
        among(Invoice.subscription_id, subscription_ids),
        Invoice.status == "open",
        Invoice.change.is_not(None),
    )


def _simply_renews(subscription: Subscription) -> bool:
    return (
        subscription.status in RENEWING
        and not subscription.cancel_at_period_end
        and subscription.next_action_at is not None
        and subscription.next_action_at <= now()
    )


def for_charging(organization_id: str, invoice_ids: Sequence[str]) -> list[Invoice]:
    """These invoices, locked, with what beginning an attempt asks for."""
    subscriptions, due = lock_invoices(organization_id, invoice_ids)
    locked(Payment, organization_id, {one.payment_id for one in due if one.payment_id})
    people = customers(organization_id, (one.customer_id for one in due))
    amounts: dict[str, int] = {}
    for one in due:
        subscription = subscriptions.get(one.subscription_id or "")
        named = subscription.payment_method_id if subscription else None
        card_id = named or people[one.customer_id].default_payment_method_id
        if card_id is not None:
            amounts.setdefault(card_id, one.amount_due)
    accounts(organization_id, budgets.hold(organization_id, amounts).values())
    return due


def lock_invoices(organization_id: str, invoice_ids: Iterable[str]) -> tuple[dict[str, Subscription], list[Invoice]]:
    """Subscriptions (by id), then invoices, locked."""
    ids = set(invoice_ids)
    billed = select(Invoice.subscription_id).where(
        Invoice.organization_id == organization_id, among(Invoice.id, ids), Invoice.subscription_id.is_not(None)
    )
    subscriptions = locked(Subscription, organization_id, db.session.scalars(billed))
    return {one.id: one for one in subscriptions}, locked(Invoice, organization_id, ids)


def for_recording(organization_id: str, payments: Collection[Payment]) -> None:
    """What recording the outcomes of these payments asks for: their claims, customers, and the lines of their invoices."""
    claimed = select(Claim).where(
        Claim.organization_id == organization_id, among(Claim.payment_id, [one.id for one in payments])
    )
    claims: dict[str, list[Claim]] = {one.id: [] for one in payments}
    for claim in db.session.scalars(claimed):
        claims[claim.payment_id].append(claim)
    for payment_id, found in claims.items():
        know((Claim, payment_id), found)
    customers(organization_id, (one.customer_id for one in payments if one.customer_id))
    billed = {claim.obligation_id for found in claims.values() for claim in found if claim.obligation == "period"}
    lines: dict[str, list[InvoiceLine]] = {invoice_id: [] for invoice_id in billed}
    wanted = select(InvoiceLine).where(InvoiceLine.organization_id == organization_id)
    wanted = wanted.where(among(InvoiceLine.invoice_id, billed)).order_by(InvoiceLine.position)
    for line in db.session.scalars(wanted):
        lines[line.invoice_id].append(line)
    for invoice_id, billed_for in lines.items():
        know((InvoiceLine, invoice_id), billed_for)


def accounts(organization_id: str, held: Iterable[PaymentMethod]) -> None:
    """The processor accounts of these cards, and their customers as those know them."""
    customers_at: dict[str, list[str]] = defaultdict(list)
    for card in held:
        if card.customer_id is not None:
            customers_at[card.processor_account_id].append(card.customer_id)
    for account_id, customer_ids in customers_at.items():
        account = db.session.get_one(ProcessorAccount, (organization_id, account_id))
        know((ProcessorAccount, organization_id, account_id), account)
        for customer_id, holder in cards.holders(organization_id, account_id, customer_ids).items():
            know((Holder, organization_id, customer_id, account_id), holder)


def customers(organization_id: str, ids: Iterable[str]) -> dict[str, Customer]:
    """Customers by id; whether their charges are on hold is known then."""
    wanted = select(Customer).where(Customer.organization_id == organization_id, among(Customer.id, set(ids)))
    found = {one.id: one for one in db.session.scalars(wanted)}
    for customer_id, one in found.items():
        know((Customer, organization_id, customer_id), one)
        know(("held", organization_id, customer_id), (one.held_at,))
    return found


def locked(model: Any, organization_id: str, ids: Iterable[str]) -> list[Any]:
    """Rows by their ids, locked in order; who locks one of them again in this transaction finds it without a statement."""
    wanted = select(model).where(model.organization_id == organization_id, among(model.id, set(ids)))
    wanted = wanted.order_by(model.id).with_for_update().execution_options(populate_existing=True)
    found = list(db.session.scalars(wanted))
    for one in found:
        know((model, organization_id, one.id), one)
    return found


def keep(row: Any) -> None:
    """Hold a row, so that the session, which refers to it weakly, has it still when it is asked for by its key."""
    know(("kept", type(row), id(row)), row)
