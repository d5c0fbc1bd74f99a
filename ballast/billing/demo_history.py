"""A year of the demo organization's business, written down as it would have happened, for a dashboard that looks lived in.

The same year for the same organization. The charges are at accounts of their own, archived ones: no processor knows them, so none
can be given back or answered, and nothing looks for them. Rows are written in bulk; the ledger by what always posts to it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from ballast import audit, clock
from ballast.billing import accounts, ledger
from ballast.billing.demo_names import ACCOUNTS, CARDS, DECLINES, FIRST, GOODS, LAST
from ballast.billing.payloads import customer_payload, dispute_payload, payment_payload, refund_payload
from ballast.clock import now
from ballast.db import db, transaction
from ballast.ids import id_at
from ballast.models import (
    Attempt,
    Customer,
    Dispute,
    Event,
    Organization,
    Payment,
    ProcessorAccount,
    Refund,
    WebhookDelivery,
    WebhookEndpoint,
)
from ballast.notifications.webhooks import wants

DAYS: Final = 365
# Payments a day at the beginning of the year and at its end.
GROWTH: Final = (4.0, 12.0)
# Monday to Sunday.
WEEK: Final = (0.9, 0.85, 0.9, 1.0, 1.2, 1.35, 0.8)
# How often a month with presents to buy sells more: by the month's number.
SEASON: Final = {11: 1.35, 12: 1.5, 1: 0.8, 7: 0.85}
# No processor has this one.
TOKEN: Final = "demo"  # noqa: S105
NAME: Final = "Demo history"
TOLD_DAYS: Final = 30
MARK: Final = {"seed": "history"}
SHARES: Final = (6, 3, 2)


@dataclass
class Posting:
    """What the ledger is told: when, and the arguments of `ledger.post` after the organization."""

    at: datetime
    words: tuple[str, str, str, str, int, str, str]


@dataclass
class Year:
    """What has happened so far, and the dice it is thrown with."""

    organization_id: str
    currency: str
    accounts: list[tuple[str, str]]
    dice: random.Random
    until: datetime
    customers: list[Customer] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)

    def id(self, prefix: str, at: datetime) -> str:
        return id_at(prefix, at, self.dice.getrandbits(74))

    def pick(self, among: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        """One of several, by the weight that each ends with."""
        return self.dice.choices(among, [one[-1] for one in among])[0]

    def tell(self, kind: str, about: str, row_id: str, data: dict[str, Any], at: datetime) -> None:
        self.events.append(
            Event(
                id=self.id("evt", at),
                organization_id=self.organization_id,
                type=kind,
                resource_type=about,
                resource_id=row_id,
                data=data,
                created_at=at,
            )
        )

    def post(
        self, kind: str, source: str, debit: str, credit: str, payment: Payment, amount: int, at: datetime
    ) -> None:
        self.postings.append(Posting(at, (kind, source, debit, credit, amount, payment.currency, payment.id)))


def plant_history(organization_id: str, days: int = DAYS) -> int:
    """Write the `days` that end now, unless that was done; answers how many payments. Work for the organization first."""
    wanted = select(Payment.id).where(Payment.organization_id == organization_id, Payment.metadata_.contains(MARK))
    if db.session.scalars(wanted.limit(1)).first():
        return 0
    with transaction() as session:
        organization = session.scalars(select(Organization).where(Organization.id == organization_id)).one()
        year = Year(
            organization_id,
            organization.currency,
            [account_of(organization, processor) for processor in ACCOUNTS],
            random.Random(organization.slug),  # noqa: S311  the same year each time, and no secret
            now(),
        )
        for back in range(days, -1, -1):
            _live_a_day(year, back)
        _write(year)
        audit.record(organization_id, "demo.history", "organization", organization_id, {"payments": len(year.payments)})
    return len(year.payments)


def account_of(organization: Organization, processor: str) -> tuple[str, str]:
    """Id and processor of an archived account, made if need be, at which what never went to a processor was charged. In the caller's
    transaction."""
    wanted = select(ProcessorAccount.id).where(
        ProcessorAccount.organization_id == organization.id,
        ProcessorAccount.processor == processor,
        ProcessorAccount.name == NAME,
    )
    known = db.session.scalars(wanted).first()
    if known is not None:
        return known, processor
    fields = {name: value.format(slug=organization.slug) for name, value in ACCOUNTS[processor].items()}
    account: ProcessorAccount = accounts.add(organization, processor, fields)
    account.name, account.is_default, account.share = NAME, False, 0
    db.session.flush()
    accounts.archive(organization.id, account.id)
    return account.id, processor


# --- What happened -----------------------------------------------------------------------------------------------------------


def _live_a_day(year: Year, back: int) -> None:
    midnight = year.until.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=back)
    grown = GROWTH[0] + (GROWTH[1] - GROWTH[0]) * (DAYS - back) / DAYS
    expected = grown * WEEK[midnight.weekday()] * SEASON.get(midnight.month, 1.0)
    for _ in range(round(year.dice.gauss(expected, expected**0.5 / 2))):
        at = midnight + timedelta(seconds=int(year.dice.triangular(6 * 3600, 23 * 3600, 19 * 3600)))
        if at < year.until:
            _sell(year, at)


def _sell(year: Year, at: datetime) -> None:
    customer = _customer(year, at)
    name, price, _ = year.pick(GOODS)
    account_id, processor = year.dice.choices(year.accounts, SHARES)[0]
    payment = Payment(
        id=year.id("pay", at),
        organization_id=year.organization_id,
        amount=price * (2 if price < 5_000 and year.dice.random() < 0.3 else 1),
        currency=year.currency,
        status="requires_confirmation",
        capture_method="automatic",
        off_session=False,
        save_card=False,
        amount_captured=0,
        amount_refunded=0,
        description=name,
        processor=processor,
        processor_account_id=account_id,
        payment_method_token=TOKEN,
        customer_id=customer.id,
        metadata_=dict(MARK),
        created_at=at,
    )
    year.payments.append(payment)
    year.tell("payment_intent.created", "payment", payment.id, payment_payload(payment), at)
    luck = year.dice.random()
    if luck < 0.02:
        _cancel(year, payment, at + timedelta(hours=2))
    elif luck < 0.12:
        _decline(year, payment, at + timedelta(seconds=4))
        if year.dice.random() < 0.6:
            _pay(year, payment, 2, at + timedelta(minutes=3))
    else:
        _pay(year, payment, 1, at + timedelta(seconds=3))


def _customer(year: Year, at: datetime) -> Customer:
    if year.customers and year.dice.random() < 0.65:
        return year.dice.choice(year.customers)
    first, last = year.dice.choice(FIRST), year.dice.choice(LAST)
    customer = Customer(
        id=year.id("cus", at),
        organization_id=year.organization_id,
        email=f"{first}.{last}{len(year.customers)}@example.com".lower(),
        name=f"{first} {last}",
        metadata_={},
        created_at=at,
    )
    year.customers.append(customer)
    year.tell("customer.created", "customer", customer.id, customer_payload(customer), at)
    return customer


def _attempt(year: Year, payment: Payment, number: int, status: str, at: datetime) -> Attempt:
    brand, last4, _ = year.pick(CARDS)
    payment.card_brand, payment.card_last4 = brand, last4
    attempt = Attempt(
        id=year.id("att", at),
        organization_id=year.organization_id,
        payment_id=payment.id,
        number=number,
        status=status,
        processor=payment.processor,
        processor_account_id=payment.processor_account_id,
        amount=payment.amount,
        currency=payment.currency,
        off_session=False,
        external_id=f"demo_{payment.id}_{number}",
        created_at=at,
        send_deadline_at=at + timedelta(minutes=1),
        submitted_at=at,
        finished_at=at + timedelta(seconds=1),
    )
    year.attempts.append(attempt)
    return attempt


def _pay(year: Year, payment: Payment, number: int, at: datetime) -> None:
    attempt = _attempt(year, payment, number, "approved", at)
    payment.status, payment.amount_captured, payment.succeeded_at = "succeeded", payment.amount, at
    payment.last_error = None
    year.post("capture", attempt.id, "processor_receivable", "sales", payment, payment.amount, at)
    year.tell("payment_intent.succeeded", "payment", payment.id, payment_payload(payment), at)
    luck = year.dice.random()
    if luck < 0.05:
        _refund(year, payment, attempt, at + timedelta(days=year.dice.uniform(1, 20)))
    elif luck < 0.058:
        _dispute(year, payment, attempt, at + timedelta(days=year.dice.uniform(2, 25)))


def _decline(year: Year, payment: Payment, at: datetime) -> None:
    attempt = _attempt(year, payment, 1, "declined", at)
    code, kind, message = year.dice.choice(DECLINES)
    attempt.decline_code, attempt.decline_class, attempt.message = code, kind, message
    payment.status = "requires_payment_method"
    error = {"type": "card_error", "code": "card_declined", "decline_code": code, "decline_class": kind}
    payment.last_error = error | {"message": message}
    year.tell("payment_intent.attempt_failed", "payment", payment.id, payment_payload(payment), at)


def _cancel(year: Year, payment: Payment, at: datetime) -> None:
    if at < year.until:
        payment.status, payment.canceled_at = "canceled", at
        year.tell("payment_intent.canceled", "payment", payment.id, payment_payload(payment), at)


def _refund(year: Year, payment: Payment, attempt: Attempt, at: datetime) -> None:
    if at >= year.until:
        return
    amount = payment.amount if year.dice.random() < 0.7 else payment.amount // 2
    refund = Refund(
        id=year.id("re", at),
        organization_id=year.organization_id,
        payment_id=payment.id,
        attempt_id=attempt.id,
        amount=amount,
        currency=payment.currency,
        status="pending",
        reason="requested_by_customer",
        external_id=f"demo_{payment.id}_refund",
        created_at=at,
        sent_at=at,
        finished_at=at + timedelta(seconds=2),
    )
    year.refunds.append(refund)
    year.tell("refund.created", "payment", payment.id, refund_payload(refund), at)
    refund.status, payment.amount_refunded = "succeeded", amount
    year.post("refund", refund.id, "refunds", "processor_receivable", payment, amount, at)
    year.tell("refund.succeeded", "payment", payment.id, refund_payload(refund), at + timedelta(seconds=2))


def _dispute(year: Year, payment: Payment, attempt: Attempt, at: datetime) -> None:
    if at >= year.until:
        return
    closed_at = at + timedelta(days=year.dice.uniform(10, 35))
    dispute = Dispute(
        id=year.id("dp", at),
        organization_id=year.organization_id,
        payment_id=payment.id,
        attempt_id=attempt.id,
        processor_account_id=payment.processor_account_id,
        external_id=f"demo_{payment.id}_dispute",
        amount=payment.amount,
        currency=payment.currency,
        reason=year.dice.choice(("fraudulent", "product_not_received")),
        status="needs_response",
        due_at=at + timedelta(days=9),
        created_at=at,
    )
    year.disputes.append(dispute)
    year.post("dispute", f"{dispute.id}/1", "disputes", "processor_receivable", payment, payment.amount, at)
    year.tell("dispute.created", "payment", payment.id, dispute_payload(dispute), at)
    if closed_at >= year.until:  # the bank still thinks about it
        dispute.status, dispute.evidence = (
            "under_review",
            "Tracking number 1Z 999, delivered to the address of the order.",
        )
        return
    _close(year, dispute, payment, closed_at)


def _close(year: Year, dispute: Dispute, payment: Payment, at: datetime) -> None:
    dispute.evidence = "Tracking number 1Z 999, delivered to the address of the order."
    dispute.status, dispute.finished_at = year.dice.choice(("won", "lost")), at
    if dispute.status == "won":
        year.post(
            "dispute_returned", f"{dispute.id}/1", "processor_receivable", "disputes", payment, payment.amount, at
        )
    year.tell("dispute.closed", "payment", payment.id, dispute_payload(dispute), at)


# --- Writing it down ---------------------------------------------------------------------------------------------------------


def _write(year: Year) -> None:
    for rows in (year.customers, year.payments, year.attempts, year.refunds, year.disputes, year.events):
        db.session.add_all(rows)
        db.session.flush()
    for posting in year.postings:
        with clock.at(posting.at):
            ledger.post(year.organization_id, *posting.words)
    _deliver(year)


def _deliver(year: Year) -> None:
    """What the last weeks' events came to at the endpoints there are, numbered after what these have had."""
    wanted = select(WebhookEndpoint).where(
        WebhookEndpoint.organization_id == year.organization_id, WebhookEndpoint.enabled
    )
    recent = [one for one in year.events if one.created_at > year.until - timedelta(days=TOLD_DAYS)]
    recent.sort(key=lambda one: one.created_at)
    for endpoint in db.session.scalars(wanted.with_for_update()):
        for event in recent:
            if wants(endpoint.event_types, event.type):
                endpoint.sequence += 1
                db.session.add(_delivered(year, endpoint, event))


def _delivered(year: Year, endpoint: WebhookEndpoint, event: Event) -> WebhookDelivery:
    is_lost = year.dice.random() < 0.004
    at = event.created_at + timedelta(seconds=1)
    return WebhookDelivery(
        id=year.id("del", at),
        organization_id=year.organization_id,
        endpoint_id=endpoint.id,
        event_id=event.id,
        status="dead_letter" if is_lost else "delivered",
        sequence=endpoint.sequence,
        attempts=6 if is_lost else 1,
        response_status=503 if is_lost else 200,
        response_body="",
        reason="http_503" if is_lost else None,
        duration_ms=year.dice.randint(18, 140),
        created_at=event.created_at,
        next_attempt_at=at,
        delivered_at=None if is_lost else at,
    )
