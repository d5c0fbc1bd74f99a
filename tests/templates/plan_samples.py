"""Sample contexts of buying on a plan, made by the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace as Row

from ballast.billing.agreement_page import Seen
from ballast.billing.financing import opening, quotes
from ballast.billing.financing.terms import OfferTerms, hash_of
from ballast.billing.financing_checkout import Plan
from ballast.models import FinancingAgreement, FinancingOffer, Installment, PaymentMethod
from tests.templates.customer_samples import BRAND
from tests.templates.samples import (
    BESIDE,
    CHECKOUT,
    NOT_SENT,
    NOW,
    ORDER,
    ORDER_LINES,
    PAYMENT,
    REFUND,
    SHOP,
    TYPED,
    Context,
)

START = date(2026, 11, 21)
IN_FOUR = OfferTerms(installments=3, down_payment_bps=2500, late_fee_amount=500, grace_days=10)
IN_TEN = OfferTerms(installments=10, rate_bps=999, fee_amount=1000)
NOTHING_DOWN = OfferTerms(installments=6, fee_amount=500, fee_financed=True)


def plan(name: str, terms: OfferTerms) -> Plan:
    offer = FinancingOffer(id=f"offer_{name.lower().replace(' ', '')}", name=name)
    return Plan(offer, quotes.quote(67600, "USD", terms, START), "Acme Corp, 12 Harbor Street", "Order 7M5D0T1A")


def seen(terms: OfferTerms = IN_FOUR, paid: int = 1, card: PaymentMethod | None = None) -> Seen:
    """An agreement of which `paid` installments are paid and the next is late."""
    quote = quotes.quote(67600, "USD", terms, START)
    frozen = opening.terms_of(quote)
    agreement = FinancingAgreement(
        id="agr_01kbe8wv6pe2r9f3x7m5d0t1bk",
        token="t0k3n",
        status="late",
        currency="USD",
        timezone="America/New_York",
        price=quote.price,
        down_payment=quote.down_payment,
        terms=frozen,
        terms_hash=hash_of(frozen),
        consented_at=NOW,
        activated_at=NOW,
    )
    installments = [
        Installment(
            number=line.number,
            status="paid" if line.number <= paid else "late" if line.number == paid + 1 else "scheduled",
            due_on=line.due_on,
            principal=line.principal,
            interest=line.interest,
            late_fee=500 if line.number == paid + 1 else 0,
            principal_paid=line.principal if line.number <= paid else 0,
            interest_paid=line.interest if line.number <= paid else 0,
            **dict.fromkeys(("late_fee_paid", "principal_credited", "interest_waived", "late_fee_waived"), 0),
        )
        for line in quote.lines
    ]
    return Seen(agreement, ORDER, installments, card, "https://pay.acme.test/plans/t0k3n")  # type: ignore[arg-type]


def plan_samples() -> Iterator[tuple[str, str, Context]]:
    plans = [plan("Pay in 4", IN_FOUR), plan("Ten months", IN_TEN), plan("Nothing down", NOTHING_DOWN)]
    chosen: Context = CHECKOUT | {"plans": plans, "code": ""}
    yield "checkout/show.html", "plans", chosen
    for one in plans:
        agreed = TYPED | {"agree": "yes", "shown_terms": one.fingerprint}
        yield "checkout/show.html", f"plan-{one.offer.id}", chosen | {"plan": one, "amount": one.due, "values": agreed}
    unread = {"agree": "Read the plan, and tick the box to agree to it."}
    yield (
        "checkout/show.html",
        "plan-unread",
        chosen | {"plan": plans[0], "amount": plans[0].due, "in_full": None, "errors": unread},
    )
    at_the_bank: Context = {"state": "action", "agreed": {"total_of_payments": 48000, "total_sale_price": 64000}}
    yield "checkout/show.html", "plan-action", chosen | {"amount": 16000} | at_the_bank
    card = PaymentMethod(brand="visa", last4="4242", status="active")
    planned: Context = {"shop": SHOP, "order": ORDER, "lines": ORDER_LINES, "payment": PAYMENT, "refunds": [REFUND]}
    planned |= NOT_SENT | {"beside": BESIDE} | {"seen": seen(card=card), "delivers": True}
    yield "checkout/planned.html", "paid", planned
    pending = PaymentMethod(brand=None, last4=None, status="pending")
    nothing: Context = {"payment": None, "refunds": [], "seen": seen(NOTHING_DOWN, 0, pending), "delivers": False}
    yield "checkout/planned.html", "nothing-today", planned | nothing
    page: Context = {"shop": SHOP, "brand": BRAND, "seen": seen(card=card), "sha256": "a" * 64}
    page |= {"problem": None, "is_sent": False}
    yield "financing/agreement.html", "late", page
    yield "financing/agreement.html", "no-card", page | {"seen": seen(IN_TEN), "is_sent": True}
    yield "financing/agreement.html", "paid", page | {"seen": seen(paid=3), "problem": "Too many mails. Wait."}
    shown = seen()
    mail: Context = {
        "organization": SHOP,
        "brand": BRAND,
        "customer": Row(name="Ada Okafor", email="ada@example.com"),
        "order": ORDER,
        "agreement": shown.agreement,
        "installments": shown.installments,
        "plan_url": shown.url,
        "pdf_url": f"{shown.url}/disclosure.pdf",
        "manage_url": "https://pay.acme.test/portal/t0k3n",
    }
    for ending in ("html", "txt"):
        yield f"emails/agreement.{ending}", "begun", mail
        yield f"emails/plan_card_needed.{ending}", "needed", mail
