"""Sample contexts of what customers see of their invoices and subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.branding import Brand
from ballast.billing.pictures import Shown
from tests.templates.samples import CHECKOUT, NOW, PAYMENT, SHOP, SOFT, Context, outlook
from tests.templates.servicing_samples import every_plan, servicing_samples

BRAND = Brand(
    "Acme Coffee", "Acme Corp", "#aa3355", "#ffffff", "#e08aa2", "#06201d", True, support_email="help@acme.test"
)
PLAIN = Brand("Acme Coffee", "Acme Corp")
LATER = NOW + timedelta(days=30)


def line(description: str, amount: int, **changes: Any) -> Row:
    fields: Context = {"quantity": 1, "unit_amount": amount, "period_start": NOW, "period_end": LATER}
    return Row(description=description, amount=amount, **(fields | changes))


def invoice(**changes: Any) -> Row:
    fields: Context = {
        "id": "in_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "token": "t0k3n",
        "number": "ACME-000042",
        "status": "open",
        "customer_name": "Ada Okafor",
        "customer_email": "ada@example.com",
        "currency": "USD",
        "subtotal": 5400,
        "discount": 540,
        "coupon_name": "Autumn",
        "tax": 432,
        "tax_name": "Sales tax",
        "tax_bps": 888,
        "tax_inclusive": False,
        "total": 5292,
        "credit_applied": 292,
        "amount_due": 5000,
        "amount_paid": 0,
        "failures": 0,
        "first_failed_at": None,
        "next_attempt_at": None,
        "finalized_at": NOW,
        "created_at": NOW,
        "paid_at": None,
    }
    return Row(**(fields | changes))


CARD = Row(id="pm_1", brand="visa", last4="4242", exp_month=2, exp_year=2027, status="active")
LINES = [line("Coffee club", 5400, quantity=3, unit_amount=1800), line("Unused time on Coffee club × 2", -1800)]
NOTE = Row(number="ACME-CN000001", amount=500, currency="USD", status="issued", created_at=NOW)


def _page(**changes: Any) -> Row:
    fields: Context = {"lines": LINES, "notes": [], "card": CARD, "can_keep": True, "is_first": False, "payment": None}
    return Row(**(fields | changes))


def invoice_samples() -> Iterator[tuple[str, str, Context]]:
    show = "invoices/show.html"
    base = CHECKOUT | {
        "shop": SHOP,
        "brand": PLAIN,
        "page": _page(),
        "invoice": invoice(),
        "tz": "America/New_York",
        "keep": True,
        "due": "50.00",
    }
    late = invoice(failures=1, first_failed_at=NOW, next_attempt_at=NOW + timedelta(days=3))
    yield show, "form", base
    yield show, "late", base | {"invoice": late, "decline": SOFT, "brand": BRAND}
    yield show, "no-card", base | {"page": _page(card=None, is_first=True, can_keep=False)}
    yield show, "changed", base | {"notice": "The way we take cards has just changed."}
    yield show, "wrong", base | {"errors": {"payment_method": "Enter your card details."}}
    yield show, "unavailable", base | {"page": _page(card=None), "processor": None}
    yield show, "action", base | {"state": "action"}
    yield show, "processing", base | {"state": "processing"}
    yield show, "processing-over", base | {"state": "processing", "polling": False}
    paid: Context = {"state": "paid", "processor": None, "invoice": invoice(status="paid", paid_at=NOW)}
    yield show, "paid", base | paid | {"page": _page(payment=PAYMENT, notes=[NOTE])}
    free = invoice(status="paid", amount_due=0, credit_applied=5292)
    yield show, "credit", base | paid | {"invoice": free, "page": _page(card=None)}
    negative = invoice(
        status="paid", amount_due=0, credit_applied=0, total=-900, subtotal=-900, discount=0, tax_name=None
    )
    yield show, "negative", base | paid | {"invoice": negative, "page": _page(card=None)}
    yield show, "void", base | paid | {"state": "void", "invoice": invoice(status="void")}


PLAN = Row(
    product="Coffee club",
    name="Coffee club × 3",
    amount=1800,
    total=5400,
    currency="USD",
    quantity=3,
    interval="month",
    count=1,
)
YEARLY = Row(
    product="Coffee club",
    name="Coffee club",
    amount=18000,
    total=18000,
    currency="USD",
    quantity=1,
    interval="year",
    count=1,
)
PRICES = [
    Row(id="price_1", nickname="", amount=1800, currency="USD", interval="month", interval_count=1),
    Row(id="price_2", nickname="Quarterly", amount=4800, currency="USD", interval="month", interval_count=3),
]
SUMS = Row(lines=LINES, discount=0, tax=300, total=3600, subtotal=3600)
FIGURES = Row(sums=SUMS, tax=Row(name="Sales tax", bps=888, inclusive=False), credit_applied=100, amount_due=3500)


def subscription(**changes: Any) -> Row:
    fields: Context = {
        "id": "sub_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "status": "active",
        "price_id": "price_1",
        "quantity": 3,
        "currency": "USD",
        "timezone": "America/New_York",
        "current_period_end": LATER,
        "cancel_at_period_end": False,
        "resumes_at": None,
        "ended_at": None,
    }
    return Row(**(fields | changes))


def held(status: str = "active", **changes: Any) -> Row:
    renews = status in ("active", "trialing")
    fields: Context = {
        "subscription": subscription(status=status),
        "plan": PLAN,
        "card": CARD,
        "upcoming": Row(at=LATER, figures=FIGURES) if renews else None,
        "owed": [],
        "pending": None,
        "others": 1,
        "may_change": renews,
        "may_pause": renews,
        "may_cancel": renews,
        "has_ended": status in ("canceled", "defaulted"),
    }
    return Row(**(fields | changes))


def _offer(**changes: Any) -> Row:
    plan = Row(**vars(PLAN) | {"setup_fee": 500, "trial_days": 0})
    first = Row(plan=plan, trial_end_at=None, now=Row(figures=FIGURES), then=Row(at=LATER, figures=FIGURES))
    terms = "Acme Coffee charges $54.00 per month, from Dec 21, 2026 on, to this card, until you cancel."
    return Row(**{"first": first, "today": FIGURES, "due": 3500, "terms": terms, "problem": None} | changes)


def subscribing_samples() -> Iterator[tuple[str, str, Context]]:
    show = "checkout/show.html"
    base = CHECKOUT | {"delivers": False, "offer": _offer(), "amount": 3500}
    yield show, "subscription", base
    yield show, "subscription-code", base | {"code": "NOPE", "offer": _offer(problem="This code is not one we know.")}
    nothing = Row(**vars(FIGURES) | {"amount_due": 0, "sums": Row(lines=[], discount=100, tax=0, total=0, subtotal=0)})
    trial = _offer(due=0, today=nothing)
    trial.first.trial_end_at = LATER
    for state in ("form", "action", "processing"):
        yield show, f"trial-{state}", base | {"state": state, "offer": trial, "amount": 0}
        both: Context = {"state": state, "amount": 10500, "outlook": outlook(parts=0), "every": "per month"}
        yield show, f"mixed-{state}", base | both
    sub = subscription(trial_end_at=None)
    done: Context = {
        "shop": SHOP,
        "order": Row(number="1", email="ada@example.com", consent=trial.terms),
        "payment": PAYMENT,
    }
    yield "checkout/subscribed.html", "paid", done | {"held": held(subscription=sub)}
    on_trial = held("trialing", subscription=subscription(status="trialing", trial_end_at=LATER))
    yield "checkout/subscribed.html", "trial", done | {"payment": None, "held": on_trial}
    plan = Row(**vars(PRICES[0]) | {"trial_days": 14, "setup_fee": 0})
    club: Context = {"name": "Club", "slug": "club", "image": None, "tagline": "", "description": "", "price": None}
    club |= {"stock": None, "left": "", "shippable": True}
    shop: Context = {"shop": SHOP, "cart": Row(count=0), "plans": [], "countries": [], "country": None}
    shop |= {"pictures": [Shown("shop/beans.svg", "Club", 480, 600)]}
    yield "storefront/product.html", "plans", shop | {"product": Row(**club, plans=[plan, PRICES_WITH_TRIALS])}
    yield "storefront/index.html", "plans", shop | {"products": [Row(**club, plans=[plan])] * 2}
    for ending in ("html", "txt"):
        told: Context = {
            "organization": SHOP,
            "brand": BRAND,
            "manage_url": "https://pay.acme.test/portal/t0k3n",
            "plan": PLAN,
        }
        for status in ("active", "trialing"):
            begun: Context = {"subscription": subscription(status=status), "consent": trial.terms}
            yield f"emails/subscription_started.{ending}", status, told | begun


PRICES_WITH_TRIALS = Row(**vars(PRICES[1]) | {"trial_days": 0, "setup_fee": 0})


def portal_samples() -> Iterator[tuple[str, str, Context]]:
    base: Context = {
        "shop": SHOP,
        "brand": PLAIN,
        "customer": Row(name="Ada", email="ada@example.com", country="US", region=""),
    }
    yield from servicing_samples(base)
    home = base | {"held": [held()], "plans": [], "invoices": [], "notes": {}, "credit": []}
    late = invoice(failures=2, next_attempt_at=NOW + timedelta(days=3))
    paused = subscription(status="paused", resumes_at=LATER)
    all_of_them = [
        held("past_due", owed=[late]),
        held("trialing", pending=YEARLY, card=None),
        held(subscription=subscription(cancel_at_period_end=True), may_cancel=False, may_change=False, may_pause=False),
        held("paused", subscription=paused),
        held("paused"),
        held("incomplete", owed=[invoice()]),
        held("unpaid", owed=[invoice(status="uncollectible", failures=4)], others=0),
        held("canceled", subscription=subscription(status="canceled", ended_at=NOW)),
    ]
    for number, one in enumerate(all_of_them):
        one.subscription = Row(**(vars(one.subscription) | {"id": f"sub_{number}"}))
    past = [
        invoice(),
        invoice(id="in_2", number="ACME-000041", status="paid"),
        invoice(number="ACME-000040", status="void"),
    ]
    yield "portal/index.html", "one", home
    yield "portal/index.html", "empty", home | {"held": []}
    full: Context = {
        "held": all_of_them,
        "plans": every_plan(),
        "invoices": past,
        "notes": {"in_2": [NOTE]},
        "brand": BRAND,
    }
    yield "portal/index.html", "every-status", home | full | {"credit": [Row(amount=900, currency="USD")]}
    yield "portal/expired.html", "over", base | {"sent": False, "problem": None}
    yield "portal/expired.html", "sent", base | {"sent": True, "problem": None}
    yield (
        "portal/expired.html",
        "too-often",
        base | {"sent": False, "problem": "Too many tries. Please wait a few minutes."},
    )
    yield "portal/cancel.html", "later", base | {"held": held()}
    yield "portal/cancel.html", "now", base | {"held": held("paused")}
    days = {months: NOW + timedelta(days=30 * months) for months in (1, 2, 3)}
    yield "portal/pause.html", "ask", base | {"held": held(), "days": days}
    plan = base | {"held": held(), "prices": PRICES, "chosen": "price_1", "quantity": "3", "when": "now"}
    plan |= {"seen": None, "problem": None}
    seen = Row(
        at=NOW, before=PLAN, after=YEARLY, figures=FIGURES, amount_due=3500, credit=0, new_anchor=True, period_end=LATER
    )
    yield "portal/plan.html", "ask", plan
    yield "portal/plan.html", "refused", plan | {"problem": "This is the plan it is on."}
    yield "portal/plan.html", "paid-now", plan | {"seen": seen, "chosen": "price_2"}
    yield "portal/plan.html", "no-card", plan | {"seen": seen, "held": held(card=None)}
    credit = Row(**(vars(seen) | {"amount_due": 0, "credit": 1200}))
    yield "portal/plan.html", "credit", plan | {"seen": credit}
    yield "portal/plan.html", "renewal", plan | {"seen": seen, "when": "renewal"}
    place = Row(
        kind="subscription",
        item="Beans",
        card=CARD,
        at_once="",
        trail=(("Your subscriptions", "/portal/t0k3n"),),
        url="/portal/card",
    )
    late_plan = Row(
        kind="payment plan",
        item="Espresso machine",
        card=None,
        at_once="$175.00, which is late,",
        trail=(("Your page", "/portal/t0k3n"), ("Espresso machine", "/portal/t0k3n/plans/agr_1")),
        url="/portal/card",
    )
    card = CHECKOUT | base | {"place": place, "problem": None, "due": "0.00", "status_url": "/portal/card"}
    for state in ("form", "action", "processing"):
        yield "portal/card.html", state, card | {"state": state}
    yield "portal/card.html", "declined", card | {"problem": SOFT, "place": late_plan}
    yield "portal/card.html", "unavailable", card | {"processor": None}
    for ending in ("html", "txt"):
        told: Context = {"organization": SHOP, "brand": BRAND, "manage_url": "https://pay.acme.test/portal/t0k3n"}
        yield f"emails/portal_link.{ending}", "sent", told | {"earlier": []}
        before = [{"since": NOW, "url": "https://pay.acme.test/portal/b3f0re"}]
        yield f"emails/portal_link.{ending}", "guest", told | {"earlier": before}
        billed: Context = {
            "invoice": invoice(),
            "lines": [Row(name="Coffee club", quantity=3, amount=5400)],
            "pay_url": "https://pay.acme.test/invoices/t0k3n",
            "pdf_url": "https://pay.acme.test/invoices/t0k3n.pdf",
            "why_url": "https://pay.acme.test/charges/t0k3n",
        }
        yield f"emails/invoice.{ending}", "manual", told | billed
        paid: Context = {
            "payment": PAYMENT,
            "order": None,
            "agreement": None,
            "receipt_url": billed["pay_url"],
            "why_url": "/charges/t0k3n",
        }
        yield f"emails/receipt.{ending}", "invoice", told | billed | paid
