"""Sample contexts of financing: offers and lending settings in the dashboard, plans in a frame of a merchant's own site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.financing import advertising, offer_form, quotes
from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.lending_settings import BOUNDS
from ballast.billing.financing.terms import OfferTerms
from ballast.blueprints.financing_offers import INTERVALS, PREPAYMENTS
from tests.templates.samples import ADMIN, NOW, PLANS, SHOP, USER, Context

TERMS = OfferTerms(24, rate_bps=1490, down_payment_bps=1000, fee_amount=2500, late_fee_bps=500, late_fee_cap=1500)
QUOTE = quotes.quote(64000, "USD", TERMS, date(2026, 11, 21))


def _offer(**changes: Any) -> Row:
    fields: Context = {
        "id": "offer_01kbe8wv6pe2r9f3x7m5d0t1bj",
        "name": "Two years",
        "description": "Small payments for large machines.",
        "status": "published",
        "currency": "USD",
        "minimum_amount": 20000,
        "maximum_amount": 500000,
        "countries": ["US", "CA"],
        "product_ids": ["prod_1"],
        "customer_cap": 300000,
        "exposure_cap": 10000000,
        "expected_loss_bps": 350,
        "position": 1,
        **TERMS.to_dict(),
    }
    return Row(**(fields | changes))


OFFER = _offer()
OPEN = _offer(status="draft", name="Pay in 4", description="", countries=[], product_ids=[], exposure_cap=None)
TRIED = Row(
    price=64000,
    typed="640.00",
    problem=None,
    quote=QUOTE,
    line=advertising.line(QUOTE),
    terms=advertising.terms(QUOTE),
    box=Disclosure(QUOTE, "Acme Corp, 12 Harbor Street, Portland", "Quote"),
    expected=Row(cash=60000, loss=2100),
)
FAILED = Row(price=100, typed="1.00", problem="A payment of $0.25 is less than can be charged, $0.50.")
NEEDS = ["it charges interest", "it has 25 payments, more than four"]
OWED = Row(total=4200000, by_customer=0)
PRODUCT = Row(id="prod_1", name="Espresso machine")
FORM: Context = ADMIN | {
    "offer": None,
    "typed": offer_form.of(OFFER),
    "currency": "USD",
    "products": [PRODUCT, Row(id="prod_2", name="Kettle")],
    "intervals": INTERVALS,
    "prepayments": PREPAYMENTS,
    "tried": TRIED,
    "problem": None,
    "needs": NEEDS,
    "example": "640.00",
    "errors": {},
}


def financing_samples() -> Iterator[tuple[str, str, Context]]:
    yield from _offers()
    yield from _acts()
    yield from _settings()
    yield "financing/frame.html", "plans", {"shop": SHOP, "plans": PLANS}
    yield "financing/frame.html", "none", {"shop": SHOP, "plans": []}


def _offers() -> Iterator[tuple[str, str, Context]]:
    page = ADMIN | {"chosen": "", "may_change": True, "previous_url": None, "next_url": "?after=offer_1"}
    rows = [{"offer": OFFER, "owed": OWED}, {"offer": OPEN, "owed": Row(total=0, by_customer=0)}]
    yield "admin/financing/offers.html", "some", page | {"rows": rows}
    yield "admin/financing/offers.html", "none", page | {"rows": [], "next_url": None}
    yield "admin/financing/offers.html", "none archived", page | {"rows": [], "chosen": "archived", "next_url": None}
    yield "admin/financing/offer_form.html", "new", FORM | {"tried": None, "problem": "Say name.", "needs": []}
    errors = {"rate_bps": "Enter a percentage such as 25 or 12.5.", "product_ids": "One of these is not yours."}
    yield "admin/financing/offer_form.html", "wrong", FORM | {"errors": errors, "tried": FAILED}
    yield "admin/financing/offer_form.html", "edit", FORM | {"offer": OFFER}
    one = {"offer": OFFER, "owed": OWED, "expected": Row(cash=4053000, loss=147000), "tried": TRIED, "needs": NEEDS}
    shown = ADMIN | one | {"products": [PRODUCT], "snippet_origin": "http://127.0.0.1:8000", "may_change": True}
    yield "admin/financing/offer.html", "published", shown
    draft = {"offer": OPEN, "products": [], "tried": FAILED, "needs": [], "may_change": False}
    yield "admin/financing/offer.html", "draft", shown | draft
    yield "admin/financing/offer.html", "archived", shown | {"offer": _offer(status="archived")}


def _acts() -> Iterator[tuple[str, str, Context]]:
    for act in ("publish", "unpublish", "archive", "restore"):
        asked = {"offer": OFFER, "act": act, "needs": NEEDS, "blocked": False, "tried": [TRIED], "owed": OWED}
        yield "admin/financing/offer_act.html", act, ADMIN | asked | {"problem": None}
    blocked = {"offer": OPEN, "act": "publish", "needs": NEEDS, "blocked": True, "tried": [FAILED, TRIED], "owed": OWED}
    yield "admin/financing/offer_act.html", "blocked", ADMIN | blocked | {"problem": "It does not work."}


def _settings() -> Iterator[tuple[str, str, Context]]:
    values = dict.fromkeys(BOUNDS, "15")
    off = ADMIN | {"values": values, "bounds": BOUNDS, "allowed_at": None, "allowed_by": None, "errors": {}}
    yield "admin/financing/settings.html", "off", off | {"may_change": True}
    on = {"allowed_at": NOW, "allowed_by": USER, "errors": {"switch": "Unpublish these offers first: Two years."}}
    yield "admin/financing/settings.html", "on", off | on | {"may_change": True}
    yield "admin/financing/settings.html", "viewer", off | {"may_change": False}
