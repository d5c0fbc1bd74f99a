"""Starting a subscription: terms agreed, a first invoice, a first payment with its customer present.

If the process dies before the commit nothing happened. After it there is a subscription that is `incomplete`, with an invoice that can
be paid on its page for 23 hours; then it has expired, and owes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast.billing import cards, coupons, invoices, payments
from ballast.billing.pricing import Line
from ballast.billing.subscriptions import collecting, plan, rolling, rows
from ballast.billing.subscriptions.periods import add_days
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Coupon, Customer, Invoice, Organization, PromotionCode, Subscription
from ballast.models.customers import customer_of

FIRST_PAYMENT_TAKES: Final = timedelta(hours=23)


@dataclass(frozen=True)
class Wanted:
    """What is to be started. `payment_method`: a stored card (`pm_…`) or the processor's own token, then of `account_id`.

    `trial_days`: None for the price's own. `currency` is the price's. `source`: what else the page knows of the card. `waits`: it is
    bought together with an order, begins when that is paid (`settling.begin`), and its first invoice is paid with that; `is_free`:
    nothing is due of it today, so nothing is billed before it begins.
    """

    customer_id: str
    price_id: str
    quantity: int = 1
    payment_method: str | None = None
    promotion_code: str | None = None
    coupon_id: str | None = None
    trial_days: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    source: payments.Source | None = None
    return_url: str | None = None
    idempotency_key: str | None = None
    waits: bool = False
    is_free: bool = False


@dataclass(frozen=True)
class Started:
    """A subscription, its first invoice if anything was billed, and the attempt to run once this has committed."""

    subscription: Subscription
    invoice: Invoice | None
    begun: payments.Begun | None


def start(organization_id: str, wanted: Wanted) -> Started:
    """Write the subscription and begin its first payment. In the caller's transaction; run `begun` after it.

    Raises InvalidRequest for a price, quantity, customer, coupon or card we cannot take, Conflict(`customer_held`),
    Conflict(`idempotency_key_expired`) when one was started under this key before its stored answer expired.
    """
    _refuse_used_key(organization_id, wanted.idempotency_key)
    terms = plan.find(organization_id, wanted.price_id, wanted.quantity)
    customer = customer_named(organization_id, wanted.customer_id)
    subscription = _row(organization_id, wanted, terms, customer)
    _redeem(subscription, wanted)
    db.session.add(subscription)
    db.session.flush()
    rows.note(subscription, "subscription.created", None, "subscription.created")
    if wanted.is_free:
        return Started(subscription, None, None)
    if subscription.trial_end_at is not None:
        return _on_trial(subscription, terms, wanted)
    invoice = rolling.bill_period(subscription, terms, "subscription_create", with_setup=True)
    return Started(subscription, invoice, _first_payment(subscription, invoice, wanted))


def _refuse_used_key(organization_id: str, key: str | None) -> None:
    wanted = select(Subscription.id).where(
        Subscription.organization_id == organization_id, Subscription.idempotency_key == key
    )
    if key and db.session.scalars(wanted).first():
        raise Conflict(
            "idempotency_key_expired",
            "A subscription was started under this Idempotency-Key and its stored answer has expired. Look in the list.",
        )


def customer_named(organization_id: str, customer_id: str) -> Customer:
    """Somebody who may be charged. Raises InvalidRequest(`customer_unknown`), Conflict(`customer_held`)."""
    found = customer_of(organization_id, customer_id)
    customer = db.session.scalars(found).first() if to_uuid(customer_id, "cus") else None
    if customer is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id[:64]}.", param="customer")
    if customer.held_at is not None:
        raise Conflict("customer_held", "This customer's charges are on hold.")
    return customer


def timezone_of(organization_id: str) -> str:
    """In which time zone periods of the organization's new subscriptions are counted."""
    return db.session.scalars(select(Organization.timezone).where(Organization.id == organization_id)).one()


def trial_end(terms: plan.Plan, trial_days: int | None, started: datetime, timezone: str) -> datetime | None:
    """When a trial that begins at `started` is over; None for none. `trial_days`: None for the price's own."""
    days = terms.trial_days if trial_days is None else trial_days
    return add_days(started, days, timezone) if days else None


def _row(organization_id: str, wanted: Wanted, terms: plan.Plan, customer: Customer) -> Subscription:
    timezone = timezone_of(organization_id)
    started = now().replace(microsecond=0)
    trial_over = trial_end(terms, wanted.trial_days, started, timezone)
    begin, end = (started, trial_over) if trial_over else terms.rhythm(started, timezone).period(0)
    card = cards.find_named(organization_id, wanted.payment_method)
    if card is not None and card.customer_id != customer.id:
        raise InvalidRequest(
            "payment_method_unknown", "This card is not stored for this customer.", param="payment_method"
        )
    subscription = Subscription(
        id=new_id("sub"),
        organization_id=organization_id,
        status="trialing" if trial_over and not wanted.waits else "incomplete",
        customer_id=customer.id,
        payment_method_id=card.id if card else None,
        price_id=terms.price_id,
        quantity=terms.quantity,
        currency=terms.currency,
        timezone=timezone,
        anchor_at=trial_over or started,
        period=-1 if trial_over else 0,
        current_period_start=begin,
        current_period_end=end,
        trial_end_at=trial_over,
        cancel_at_period_end=False,
        next_action_at=now() + FIRST_PAYMENT_TAKES if wanted.waits or not trial_over else trial_over,
        metadata_=wanted.metadata,
        idempotency_key=wanted.idempotency_key,
        created_at=now(),
    )
    rows.remind(subscription)
    return subscription


def find_discount(organization_id: str, wanted: Wanted, currency: str) -> tuple[PromotionCode | None, Coupon | None]:
    """The coupon that was asked for, by a code or by its id, if it can be redeemed now. Changes nothing.

    Raises InvalidRequest(`promotion_code_invalid`, `coupon_invalid`).
    """
    if not wanted.promotion_code and not wanted.coupon_id:
        return None, None
    code, coupon = (
        coupons.find_code(organization_id, wanted.promotion_code, wanted.customer_id or None, currency)
        if wanted.promotion_code
        else (None, coupons.find_coupon(organization_id, wanted.coupon_id or "", currency))
    )
    coupons.check_part(coupon, "subscriptions")
    return code, coupon


def _redeem(subscription: Subscription, wanted: Wanted) -> None:
    code, coupon = find_discount(subscription.organization_id, wanted, subscription.currency)
    if coupon is None:
        return
    coupons.redeem(subscription.organization_id, coupon, code, subscription.customer_id)
    subscription.coupon_id, subscription.promotion_code_id = coupon.id, code.id if code else None
    subscription.coupon_periods_left = coupons.periods_of(coupon)


def _on_trial(subscription: Subscription, terms: plan.Plan, wanted: Wanted) -> Started:
    """A trial owes nothing yet but a set-up fee, which is billed at once."""
    if not terms.setup_fee:
        return Started(subscription, None, None)
    invoice = invoices.issue(
        subscription.organization_id, new_invoice(subscription, (plan.setup_line(terms),), "manual")
    )
    return Started(subscription, invoice, _first_payment(subscription, invoice, wanted))


def new_invoice(subscription: Subscription, lines: tuple[Line, ...], reason: str) -> invoices.NewInvoice:
    """An invoice of a subscription that is for no whole period."""
    return invoices.NewInvoice(
        customer=rows.customer_of_row(subscription),
        currency=subscription.currency,
        reason=reason,
        lines=lines,
        subscription_id=subscription.id,
    )


def _first_payment(subscription: Subscription, invoice: Invoice, wanted: Wanted) -> payments.Begun | None:
    """With the customer present, and the card stored for later. None where nothing is due, or no card was given yet."""
    invoice.next_attempt_at = None
    if invoice.status != "open" or not wanted.payment_method:
        return None
    given = wanted.source or payments.Source()
    source = payments.Source(
        wanted.payment_method,
        verification=given.verification,
        account_id=given.account_id,
        save_card=subscription.payment_method_id is None,
        one_time=given.one_time,
        device_data=given.device_data,
        series="recurring",
        first_of_series=True,
    )
    return collecting.begin_with(invoice, source, wanted.return_url)
