"""What invoices to come will say: the first one of a subscription that is thought about, the next one of one there is.

Drawn from the same lines by the same arithmetic as the invoices themselves, so a preview equals what is billed, to the cent, as long
as nothing is changed in between (a rate, a coupon, the customer's credit).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ballast.billing import coupons, invoices
from ballast.billing.places import Place
from ballast.billing.pricing import Line
from ballast.billing.subscriptions import changing, rolling, starting
from ballast.billing.subscriptions import plan as plans
from ballast.billing.subscriptions.periods import Rhythm
from ballast.clock import now
from ballast.errors import NotFound
from ballast.models import Coupon, Customer, Subscription
from ballast.models.states import RENEWING


@dataclass(frozen=True)
class Forecast:
    """An invoice to come: when, for which period, and what it comes to."""

    at: datetime
    period_start: datetime
    period_end: datetime
    figures: invoices.Figures


@dataclass(frozen=True)
class First:
    """What starting would bill now, and what comes next. `trial_end_at`: None without a trial."""

    plan: plans.Plan
    trial_end_at: datetime | None
    now: Forecast
    then: Forecast


def first(organization_id: str, wanted: starting.Wanted, place: Place) -> First:
    """What `starting.start` would bill. `wanted.customer_id` may be empty: `place` says the tax then, and for a customer who is about
    to be there. Changes nothing.

    Raises what `starting.start` raises for a price, quantity, customer or coupon we cannot take.
    """
    terms = plans.find(organization_id, wanted.price_id, wanted.quantity)
    customer = _customer(organization_id, wanted, place)
    _code, coupon = starting.find_discount(organization_id, wanted, terms.currency)
    timezone, started = starting.timezone_of(organization_id), now().replace(microsecond=0)
    trial_end = starting.trial_end(terms, wanted.trial_days, started, timezone)
    rhythm = terms.rhythm(trial_end or started, timezone)
    draft = invoices.NewInvoice(customer, terms.currency, "subscription_create", ())
    setup = (plans.setup_line(terms),) if terms.setup_fee else ()
    if trial_end is not None:
        today = Forecast(started, started, trial_end, invoices.figure(organization_id, replace(draft, lines=setup)))
        return First(terms, trial_end, today, _period(draft, rhythm, 0, terms, coupon))
    today = _period(draft, rhythm, 0, terms, coupon, setup)
    periods = coupons.periods_of(coupon) if coupon else None
    later = coupon if periods is None or periods > 1 else None
    return First(terms, None, today, _period(draft, rhythm, rhythm.after(0), terms, later))


def _customer(organization_id: str, wanted: starting.Wanted, place: Place) -> Customer:
    """The customer, in that place if one is named; or somebody there whom nobody has written down yet."""
    customer = starting.customer_named(organization_id, wanted.customer_id) if wanted.customer_id else None
    if customer is not None and not place.country:
        return customer
    customer_id = customer.id if customer else None
    return Customer(organization_id=organization_id, id=customer_id, country=place.country, region=place.region)


def _period(
    draft: invoices.NewInvoice,
    rhythm: Rhythm,
    number: int,
    terms: plans.Plan,
    coupon: Coupon | None,
    more: tuple[Line, ...] = (),
) -> Forecast:
    """The invoice of a whole period."""
    start, end = rhythm.period(number)
    lines = (plans.period_line(terms, start, end), *more)
    discount = coupons.as_discount(coupon) if coupon else None
    asked = replace(draft, lines=lines, discount=discount)
    return Forecast(start, start, end, invoices.figure(draft.customer.organization_id, asked))


def upcoming(subscription: Subscription, after: plans.Plan | None = None) -> Forecast:
    """The next period's invoice, with what is put off to the renewal in force; `after`: on this plan instead. Changes nothing.

    Raises NotFound where no invoice is to come: it ends with its period, rests, or has ended.
    """
    if subscription.status not in RENEWING or subscription.cancel_at_period_end:
        raise NotFound("upcoming invoice: this subscription is not going to be billed")
    return renewed(subscription, after)


def renewed(subscription: Subscription, after: plans.Plan | None = None) -> Forecast:
    """As `upcoming`, if it went on after its period. Changes nothing."""
    coming = rolling.upcoming(subscription, after)
    return Forecast(coming.start, coming.start, coming.end, rolling.upcoming_figures(subscription, coming))


def restarted(subscription: Subscription) -> Forecast:
    """The invoice of a period that begins now: what resuming bills once the paid period is over. Changes nothing."""
    terms = rolling.plan_after(subscription)
    rhythm = terms.rhythm(now().replace(microsecond=0), subscription.timezone)
    draft = starting.new_invoice(subscription, (), "subscription_cycle")
    return _period(draft, rhythm, 0, terms, coupons.coupon_in_force(subscription))


def change(subscription: Subscription, wanted: changing.Change) -> changing.Preview:
    """What a change would bill: now, or with the next period's invoice. Changes nothing. Raises what `changing.preview` raises."""
    if wanted.when == "now":
        return changing.preview(subscription, wanted)
    before, after = changing.plans_of(subscription, wanted)
    coming = upcoming(subscription, after)
    is_new = not before.same_rhythm(after)
    return changing.Preview(coming.at, before, after, coming.figures, is_new, coming.period_end)
