"""Sample contexts of payment links: their pages in the dashboard, and the page a shopper sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.blueprints.card_testing import WORDS
from tests.templates.samples import ADMIN, NOW, ORDER, SHOP, Context


def _link(**changes: Any) -> Row:
    fields: Context = {
        "id": "plink_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "token": "b2u5y8",
        "name": "Consultation, one hour",
        "price_id": None,
        "amount": 12000,
        "currency": "USD",
        "quantity_adjustable": False,
        "allow_promotion_codes": True,
        "active_until": None,
        "last_day": None,
        "max_uses": None,
        "success_url": None,
        "created_at": NOW - timedelta(days=4),
    }
    return Row(**(fields | changes))


LINK = _link()
LIMITED = _link(
    name="A workshop with a rather long name that has to be cut somewhere",
    quantity_adjustable=True,
    max_uses=20,
    active_until=NOW + timedelta(days=9),
    last_day=NOW + timedelta(days=9),
    success_url="https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
)
ONCE: Context = {"every": "", "terms": ""}
OFFER = Row(name=LINK.name, amount=12000, currency="USD", image=None, tagline="", **ONCE)
KETTLE = Row(name="Kettle", amount=9000, currency="USD", image="shop/kettle.svg", tagline="A slow, even pour.", **ONCE)
SESSIONS = [
    {"session": Row(status=status, created_at=NOW), "order": order, "payment_id": payment_id}
    for status, order, payment_id in (
        ("complete", ORDER, "pay_01kbe8wv6pe2r9f3x7m5d0t1ac"),
        ("open", Row(email=None, amount=24000, currency="USD"), None),
        ("expired", Row(email="jun@example.jp", amount=12000, currency="USD"), None),
    )
]
TYPED = dict.fromkeys(
    (
        "price",
        "name",
        "amount",
        "active_until",
        "max_uses",
        "success_url",
        "quantity_adjustable",
        "allow_promotion_codes",
    ),
    "",
)


def selling_samples() -> Iterator[tuple[str, str, Context]]:
    yield from card_testing_samples()
    index: Context = ADMIN | {"rows": [], "may_change": True, "previous_url": None, "next_url": None}
    rows = [
        {"link": LINK, "uses": 12, "state": "active"},
        {"link": LIMITED, "uses": 20, "state": "used_up"},
        {"link": LINK, "uses": 0, "state": "inactive"},
        {"link": LINK, "uses": 1, "state": "ended"},
    ]
    yield "admin/payment_links/index.html", "empty", index
    yield "admin/payment_links/index.html", "full", index | {"rows": rows, "next_url": "/admin/payment-links?after=x"}
    yield "admin/payment_links/index.html", "viewer", index | {"may_change": False}
    new: Context = ADMIN | {"typed": TYPED | {"currency": "USD"}, "errors": {}}
    new |= {"prices": [("", "Something else: name and amount below"), ("price_1", "Kettle, $90.00")]}
    yield "admin/payment_links/new.html", "empty", new
    wrong = {
        "typed": TYPED | {"currency": "USD", "amount": "ten"},
        "errors": {"amount": "Enter an amount such as 20.00."},
    }
    yield "admin/payment_links/new.html", "wrong", new | wrong
    show: Context = ADMIN | {
        "link": LINK,
        "uses": 1,
        "state": "active",
        "offer": OFFER,
        "address": "https://pay.acme.test/buy/b2u5y8",
        "button": '<a href="https://pay.acme.test/buy/b2u5y8" style="color:#FFFFFF">Buy Consultation, one hour</a>',
        "sessions": SESSIONS,
        "may_change": True,
        "previous_url": None,
        "next_url": None,
    }
    yield "admin/payment_links/show.html", "active", show
    yield "admin/payment_links/show.html", "limited", show | {"link": LIMITED, "uses": 3, "sessions": []}
    for state in ("inactive", "ended", "used_up"):
        yield "admin/payment_links/show.html", state, show | {"link": LIMITED, "state": state, "uses": 20}
    yield "admin/payment_links/show.html", "not-for-sale", show | {"offer": None, "may_change": False}
    buy: Context = {"shop": SHOP, "token": "b2u5y8", "offer": OFFER, "adjustable": False, "quantity": "1", "most": 99}
    buy |= {"errors": {}, "problem": None}
    yield "checkout/buy.html", "plain", buy
    club = Row(
        **(
            vars(KETTLE)
            | {"every": "per month", "terms": "Free for 14 days, then charged. You can cancel at any time."}
        )
    )
    yield "checkout/buy.html", "subscription", buy | {"offer": club, "adjustable": True}
    yield "checkout/buy.html", "picture", buy | {"offer": KETTLE, "adjustable": True}
    wrong = {"adjustable": True, "quantity": "0", "errors": {"quantity": "Choose a quantity from 1 to 99."}}
    yield "checkout/buy.html", "wrong", buy | wrong
    yield "checkout/buy.html", "refused", buy | {"problem": "No processor account takes new cards for $120.00."}
    yield "checkout/buy.html", "closed", buy | {"offer": None}


def card_testing_samples() -> Iterator[tuple[str, str, Context]]:
    page = "admin/settings/card_testing.html"
    usual = Row(address=10, card=5, organization=200)
    quiet: Context = ADMIN | {
        "rows": [],
        "total": 0,
        "totals": {"address": 0, "card": 0, "organization": 0},
        "words": WORDS,
        "limits": usual,
        "usual": usual,
        "values": {"address": "", "card": "", "organization": ""},
        "errors": {},
        "may_change": True,
    }
    rows = [
        Row(hour=NOW, rule="address", count=1284, last_address="203.0.113.9", last_at=NOW),
        Row(hour=NOW, rule="card", count=3, last_address=None, last_at=NOW),
        Row(hour=NOW - timedelta(hours=2), rule="organization", count=40, last_address="2001:db8::7", last_at=NOW),
    ]
    busy = {"rows": rows, "total": 1327, "totals": {"address": 1284, "card": 3, "organization": 40}}
    yield page, "quiet", quiet
    yield page, "busy", quiet | busy
    yield page, "viewer", quiet | {"may_change": False}
    wrong = {"values": {"address": "ten", "card": "", "organization": ""}, "errors": {"address": "Enter a number."}}
    yield page, "wrong", quiet | wrong
