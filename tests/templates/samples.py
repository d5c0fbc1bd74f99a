"""Sample contexts: for every template what a view would hand it, in the states that matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace as Row
from typing import Any

from ballast.billing.branding import Brand
from ballast.billing.checkout_form import ADDRESS_FIELDS
from ballast.billing.financing import advertising, quotes
from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.settled import Settled
from ballast.billing.financing.terms import OfferTerms
from ballast.billing.order_totals import Beside
from ballast.billing.outlook import Coming, Entry, Outlook, made
from ballast.billing.pictures import Shown
from ballast.blueprints.api.error_catalog import CATALOG

Context = dict[str, Any]
NOW = datetime(2026, 11, 21, 14, 5, 9, tzinfo=UTC)

SHOP = Row(
    id="org_01kbe8wv6pe2r9f3x7m5d0t1ac",
    name="Acme Corp",
    shop_name="Acme Coffee",
    slug="acme",
    mode="sandbox",
    currency="USD",
    timezone="America/New_York",
    created_at=NOW,
    clock_at=None,
    clock_target_at=None,
    clock_problem=None,
)
USER = Row(email="owner@acme.test", full_name="Ada Okafor", is_admin=False)
CARD_TOKEN = "tok_5sX2m"


def _product(name: str, slug: str, image: str, amount: int, tagline: str, description: str = "") -> Row:
    price = Row(id=f"price_{slug}", amount=amount, currency="USD", interval=None)
    shown = {"name": name, "slug": slug, "image": f"shop/{image}.svg", "tagline": tagline, "description": description}
    return Row(**shown, price=price, plans=[], stock=None, left="", shippable=True)


PRODUCTS = [
    _product(
        "Espresso machine",
        "espresso-machine",
        "espresso-machine",
        64000,
        "Nine bars, one lever, and a boiler that is hot in four minutes.",
        "A single lever and a gauge you can read across the kitchen. "
        "The boiler is steel and the feet are cork, so it is quiet.\n\n"
        "Comes with a bottomless filter, a tamper that fits, and a brush.",
    ),
    _product("Grinder", "grinder", "grinder", 24000, "Steel burrs and forty steps, from Turkish to cold brew."),
    _product("Kettle", "kettle", "kettle", 9000, "A slow, even pour, and a handle that stays cool."),
    _product("Beans", "beans", "beans", 1800, "250 g from one farm, roasted on Monday."),
]


def _cart_line(product: Row, quantity: int) -> Row:
    amount = product.price.amount * quantity
    of_one: Context = {"product": product, "price": product.price, "is_gone": False}
    return Row(id=f"cl_{product.slug}", quantity=quantity, amount=amount, **of_one)


def _club_line() -> Row:
    price = Row(amount=2000, currency="USD", interval="month", interval_count=1)
    return Row(id="cl_club", product=PRODUCTS[3], price=price, quantity=1, amount=2000, is_gone=True)


def _plan(name: str, terms: OfferTerms) -> Row:
    """A plan for the espresso machine, as a shop shows it."""
    quote = quotes.quote(64000, "USD", terms, NOW.date())
    said = {"line": advertising.line(quote), "terms": advertising.terms(quote)}
    return Row(offer=Row(name=name), quote=quote, **said, box=Disclosure(quote, "Acme Corp", "Quote"))


PLANS = [
    _plan("Two years", OfferTerms(24, rate_bps=1490)),
    _plan("Pay in 4", OfferTerms(3, down_payment_bps=2500, grace_days=10)),
]


def _order_line(product: Row, quantity: int) -> Row:
    unit = product.price.amount
    return _sold_line(product.name, product.image, quantity, unit)


def _sold_line(name: str, image: str | None, quantity: int, unit: int, kind: str = "item") -> Row:
    of_one: Context = {"name": name, "image": image, "unit_amount": unit, "kind": kind, "is_recurring": False}
    return Row(**of_one, quantity=quantity, amount=unit * quantity)


CART_LINES = [_cart_line(PRODUCTS[0], 1), _cart_line(PRODUCTS[3], 2)]
MIXED = Row(lines=[*CART_LINES, _club_line()], amount=69600, currency="USD", count=4)
CART = Row(lines=CART_LINES, amount=67600, currency="USD", count=3)
EMPTY_CART = Row(lines=[], amount=0, currency="USD", count=0)
ORDER_LINES = [_order_line(PRODUCTS[0], 1), _order_line(PRODUCTS[3], 2)]
RATES = [
    {"rate": Row(id="shr_1", name="Standard"), "amount": 0, "words": "3 to 5 days"},
    {"rate": Row(id="shr_2", name="Express"), "amount": 1500, "words": "1 day"},
]
SENT_LINES = [*ORDER_LINES, _sold_line("Delivery: Express", None, 1, 1500, "shipping")]
ADDRESS = {
    "line1": "12 Harbor Street",
    "line2": "",
    "city": "Portland",
    "region": "ME",
    "postal_code": "04101",
    "country": "US",
}
# What a receipt says of delivery and downloads where there is neither.
NOT_SENT: Context = {"parcels": [], "offered": [], "takes": None}
ORDER = Row(
    fulfillment=None,
    number="7M5D0T1A",
    id="ord_01kbe8wv6pe2r9f3x7m5d0t1ad",
    token="t0k3n",
    email="ada@example.com",
    name="Ada Okafor",
    address=ADDRESS,
    status="paid",
    amount=67600,
    currency="USD",
    paid_at=NOW,
    created_at=NOW,
)


def _payment(**changes: Any) -> Row:
    fields: Context = {
        "id": "pay_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "amount": 67600,
        "currency": "USD",
        "status": "succeeded",
        "amount_captured": 67600,
        "amount_refunded": 0,
        "refundable": 67600,
        "capture_method": "automatic",
        "description": "Order 7M5D0T1A",
        "processor": "stripe",
        "card_brand": "visa",
        "card_last4": "4242",
        "last_error": None,
        "capture_before": None,
        "cancellation_reason": None,
        "created_at": NOW - timedelta(minutes=3),
        "succeeded_at": NOW,
        "idempotency_key": None,
        "metadata_": {},
        "payment_method_id": None,
        "off_session": False,
    }
    return Row(**(fields | changes))


PAYMENT = _payment()
REFUND = Row(
    id="re_01kbe9000pe2r9f3x7m5d0t1aa",
    amount=2000,
    of_invoice=0,
    currency="USD",
    status="succeeded",
    reason="requested_by_customer",
    message=None,
    late_success_id=None,
    created_at=NOW,
    finished_at=NOW,
)
COUNTRIES = [("US", "United States"), ("IN", "India"), ("DE", "Germany")]
PROCESSORS = {
    "stripe": {"publishable_key": "pk_test_acme"},
    "braintree": {"client_token": "eyJ2ZXJzaW9uIjoyfQ=="},
    "square": {"application_id": "sandbox-sq0idb-acme", "location_id": "L1"},
}
ACCOUNT_ID = "pac_01kbe8wv6pe2r9f3x7m5d0t1ac"


def _processor(name: str) -> Context:
    values = PROCESSORS[name] | {"locale": "en"}
    return {"name": name, "account": ACCOUNT_ID, "scripts": (f"https://js.test/{name}.js",), "values": values}


CHECKOUT: Context = {
    "shop": SHOP,
    "token": "t0k3n",
    "state": "form",
    "amount": 67600,
    "currency": "USD",
    "lines": ORDER_LINES,
    "rates": None,
    "rate": None,
    "values": {},
    "errors": {},
    "decline": None,
    "countries": COUNTRIES,
    "notice": None,
    "due": "676.00",
    "not_confirmed": "Your bank couldn't confirm it was you. Nothing was charged. Try again, or use another card.",
    "processor": _processor("stripe"),
    "action": Row(
        redirect_url="https://bank.test/3ds", client_secret="pi_1_secret_2", return_url="/checkout/t0k3n/return"
    ),
    "email": "ada@example.com",
    "polling": True,
    "delivers": True,
    "asked": ADDRESS_FIELDS,
    "fixed_email": False,
    "cancel_url": None,
    "offer": None,
    "outlook": None,
    "returning": None,
    "cards": [],
    "every": "",
    "code": "",
    "plans": [],
    "plan": None,
    "agreed": None,
    "price": 67600,
    "in_full": 67600,
    "order": ORDER,
    "beside": [],
    "free": False,
    "asks_code": False,
    "code_problem": None,
}
BESIDE = [Beside("Discount, Spring", -6760), Beside("Sales tax 8.88%", 5402)]
TYPED = {"email": "ada@example.com", "name": "Ada Okafor", **ADDRESS}


def stored_card(**changes: Any) -> Row:
    fields: Context = {
        "id": "pm_01kbe8wv6pe2r9f3x7m5d0t1ag",
        "status": "active",
        "message": None,
        "brand": "visa",
        "last4": "4242",
        "exp_month": 4,
        "exp_year": 2031,
        "created_at": NOW,
    }
    return Row(**(fields | changes))


def outlook(parts: int) -> Outlook:
    """A kettle and a club, the kettle on a plan of so many payments."""
    coming = [Coming(date(2026, 12, 21), "Club", 2000, "per month")]
    coming += [Coming(date(2027, number, 21), f"Payment {number} of {parts}", 2250) for number in range(1, parts + 1)]
    return made("USD", [Entry("Kettle", 9000), Entry("Club", 2000), Entry("Discount", -500)], coming)


CHANGED = "The way we take cards has just changed, so the card you typed was not used."
SOFT = "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later."


def checkout_samples() -> Iterator[tuple[str, str, Context]]:
    show = "checkout/show.html"
    for name in PROCESSORS:
        yield show, name, CHECKOUT | {"processor": _processor(name)}
    sent = CHECKOUT | {"lines": SENT_LINES, "rates": RATES, "rate": "shr_2", "amount": 69100}
    yield "checkout/show.html", "delivery", sent
    asking: Context = {"asks_code": True, "beside": BESIDE}
    yield show, "discount and tax", sent | asking | {"code": "SPRING"}
    yield (
        show,
        "wrong code",
        sent | asking | {"beside": [], "code": "NO", "code_problem": "This code is not one we know."},
    )
    yield show, "free", CHECKOUT | asking | {"free": True, "amount": 0, "processor": None}
    yield "checkout/show.html", "delivered nowhere", sent | {"rates": [], "errors": {"country": "Choose another."}}
    yield show, "changed", CHECKOUT | {"values": TYPED | {"save_card": "yes"}, "notice": CHANGED}
    yield show, "declined", CHECKOUT | {"values": TYPED, "decline": SOFT}
    errors = {
        "email": "Enter an email address such as ada@example.com.",
        "postal_code": "Enter a postal code.",
        "payment_method": "Enter your card.",
    }
    yield show, "errors", CHECKOUT | {"values": TYPED | {"email": "ada@"}, "errors": errors}
    of_session: Context = {"delivers": False, "fixed_email": True, "cancel_url": "https://shop.example/cart"}
    yield show, "session", CHECKOUT | of_session | {"values": {"email": "ada@example.com"}}
    for asked in ((), ("country",), ("region", "country")):
        yield show, f"digital-{len(asked)}", CHECKOUT | {"delivers": False, "asked": asked}
    mine: Context = {"fixed_email": True, "returning": Row(email="ada@example.com")}
    cards = [stored_card(), stored_card(id="pm_2", brand=None, last4=None, exp_year=None)]
    yield show, "saved", CHECKOUT | mine | {"values": TYPED, "cards": cards}
    yield show, "saved-none", CHECKOUT | mine | {"values": TYPED | {"card": "new"}}
    yield show, "action", CHECKOUT | {"state": "action"}
    secret_only = Row(redirect_url=None, client_secret="pi_1_secret_2", return_url="/checkout/t0k3n/return")
    yield show, "action-script", CHECKOUT | {"state": "action", "action": secret_only}
    yield show, "processing", CHECKOUT | {"state": "processing"}
    yield show, "processing-over", CHECKOUT | {"state": "processing", "polling": False}
    unavailable: Context = {"shop": SHOP, "token": "t0k3n", "amount": 67600, "currency": "USD"}
    yield "checkout/unavailable.html", "page", unavailable
    receipt: Context = {"shop": SHOP, "order": ORDER, "lines": ORDER_LINES, "payment": PAYMENT, "refunds": []}
    receipt |= NOT_SENT
    receipt |= {"saved": None, "delivers": True, "beside": []}
    yield "checkout/receipt.html", "paid", receipt
    yield "checkout/receipt.html", "discount and tax", receipt | {"beside": BESIDE}
    yield "checkout/receipt.html", "free", receipt | {"beside": BESIDE, "payment": None}
    for status in ("active", "pending", "failed"):
        yield "checkout/receipt.html", f"card-{status}", receipt | {"saved": stored_card(status=status)}
    together = receipt | {"order": Row(**vars(ORDER) | {"consent": "Until you cancel."}), "every": "per month"}
    for name, plan_url, parts in (
        ("in-full", None, 0),
        ("with-plan", "/plans/t0k3n", 3),
        ("long-plan", "/plans/t0k3n", 9),
    ):
        yield "checkout/together.html", name, together | {"outlook": outlook(parts=parts), "plan_url": plan_url}
    backs = [Row(amount=5400, of_invoice=part, status="succeeded", created_at=NOW) for part in (0, 5400, 1800)]
    nothing = together | {"outlook": outlook(parts=3), "plan_url": None, "payment": None}
    yield "checkout/together.html", "nothing-today", nothing
    yield "checkout/together.html", "refunded", nothing | {"payment": PAYMENT, "refunds": backs}
    refunded = _payment(amount_refunded=2000, card_brand=None, card_last4=None)
    pending = Row(amount=500, status="pending", created_at=NOW)
    yield "checkout/receipt.html", "refunded", receipt | {"payment": refunded, "refunds": [REFUND, pending]}
    gone: Context = {
        "shop": SHOP,
        "amount": 67600,
        "currency": "USD",
        "paid_at": NOW,
        "receipt_url": "/checkout/t0k3n/receipt",
        "back_url": None,
    }
    yield "checkout/gone.html", "paid-nothing", gone | {"reason": "paid", "amount": 0}
    for reason in ("paid", "changed", "expired", "item"):
        yield "checkout/gone.html", reason, gone | {"reason": reason}
    yield "checkout/gone.html", "expired-link", gone | {"reason": "expired", "back_url": "/buy/t0k3n"}


def storefront_samples() -> Iterator[tuple[str, str, Context]]:
    shop: Context = {"shop": SHOP, "cart": EMPTY_CART, "plans": [], "countries": [], "country": None, "outlook": None}
    shop |= {"pictures": [Shown("shop/kettle.svg", "Kettle", 480, 600)]}
    shop |= {"sending": "Free", "asks_code": False, "code": "", "code_problem": None, "beside": [], "taxed": False}
    yield "storefront/index.html", "full", shop | {"products": PRODUCTS, "cart": CART}
    yield "storefront/index.html", "empty", shop | {"products": []}
    bare = _product("Filter papers", "papers", "kettle", 600, "")
    bare.image = None
    yield "storefront/index.html", "no-image", shop | {"products": [bare]}
    yield "storefront/product.html", "plain", shop | {"product": PRODUCTS[0]}
    several = [Shown("shop/kettle.svg", "Kettle", 480, 600), Shown("images/img_1", "From above", 1200, 1500)]
    for name, seen in (("gallery", several), ("bare", [])):
        yield "storefront/product.html", name, shop | {"product": PRODUCTS[0], "pictures": seen}
    for_some = {"plans": PLANS, "countries": [("US", "United States"), ("CA", "Canada")], "country": "US"}
    yield "storefront/product.html", "in parts", shop | {"product": PRODUCTS[0]} | for_some
    yield "storefront/index.html", "in parts", shop | {"products": PRODUCTS, "plans": PLANS}
    yield "storefront/cart.html", "in parts", shop | {"cart": CART, "plans": PLANS}
    yield "storefront/product.html", "added", shop | {"product": bare, "added": True}
    yield "storefront/cart.html", "full", shop | {"cart": CART}
    typed: Context = {"cart": CART, "asks_code": True, "code": "SPRING", "taxed": True}
    yield "storefront/cart.html", "code", shop | typed | {"beside": BESIDE[:1]}
    yield "storefront/cart.html", "wrong code", shop | typed | {"code_problem": "This code is not one we know."}
    yield "storefront/cart.html", "mixed", shop | {"cart": MIXED, "outlook": outlook(parts=0), "rates": True}
    second = {"notice": "Club is in your cart already.", "replace": {"price_id": "price_1", "quantity": 1}}
    yield "storefront/cart.html", "second", shop | {"cart": MIXED, "outlook": outlook(parts=0)} | second
    yield "storefront/cart.html", "empty", shop
    few = [_product("Cups", "cups", "cups", 3200, "Three."), _product("Scale", "scale", "scale", 7400, "Precise.")]
    few[0].stock, few[0].left, few[1].stock, few[1].left = 3, "3 left", 0, "Sold out"
    yield "storefront/index.html", "few", shop | {"products": [*few, *few]}
    for product in few:
        yield "storefront/product.html", product.left, shop | {"product": product, "delivery": "$6.00."}
    gone = Row(lines=[_cart_line(few[1], 2), _cart_line(few[0], 4)], amount=27600, currency="USD", count=6)
    yield "storefront/cart.html", "gone", shop | {"cart": gone, "sending": "From $6.00"}
    guide = Row(**(vars(few[0]) | {"shippable": False, "stock": None, "left": ""}))
    yield "storefront/product.html", "file", shop | {"product": guide}
    asked = shop | {"email": "", "error": None, "sent": False}
    yield "storefront/account.html", "ask", asked
    yield "storefront/account.html", "wrong", asked | {"email": "ada", "error": "This does not look like an address."}
    yield "storefront/account.html", "sent", asked | {"email": "ada@example.com", "sent": True}
    yield "storefront/cart.html", "notice", shop | {"cart": CART, "notice": "The price of beans has changed to $18.00."}


def _row(minutes: int, email: str | None, **changes: Any) -> Row:
    at = NOW - timedelta(minutes=minutes)
    customer = Row(id="cus_01kbe8wv6pe2r9f3x7m5d0t1ae", email=email, name="Ada Okafor") if email else None
    return Row(payment=_payment(created_at=at, **changes), customer=customer)


PAYMENT_ROWS = [
    _row(3, "ada@example.com"),
    _row(
        14,
        "jun.watanabe@example.jp",
        amount=18400,
        currency="JPY",
        status="requires_action",
        amount_captured=0,
        description="Order 0K2M9A7C",
    ),
    _row(
        40,
        "lena@brandt.example",
        amount=4990,
        currency="EUR",
        status="requires_payment_method",
        amount_captured=0,
        description=None,
    ),
    _row(
        65, None, amount=49900, currency="INR", description="Invoice 1042", card_brand="mastercard", card_last4="4444"
    ),
    _row(70, "omar@example.com", amount=64000, amount_captured=64000, amount_refunded=64000),
    _row(90, "sofia.reyes@example.com", amount=3215, amount_captured=3215, amount_refunded=1000),
    _row(
        120,
        "a.very.long.address.of.a.customer@subdomain.example.com",
        status="processing",
        amount_captured=0,
        card_last4=None,
        card_brand=None,
    ),
    _row(300, "kim@example.com", status="failed", amount=9000, amount_captured=0),
    _row(310, "mia@example.com", status="requires_capture", amount=24000, amount_captured=0),
    _row(400, "bo@example.com", status="canceled", amount=1800, amount_captured=0),
]
ADMIN: Context = {
    "organization": SHOP,
    "current_user": USER,
    "may_audit": True,
    "export_url": "/admin/payments/export.csv",
}
FILTERS = [
    Row(label=label, url=f"/admin/payments?status={label.lower()}", current=index == 0)
    for index, label in enumerate(
        ("All", "Succeeded", "Processing", "Waiting for customer", "Authorized", "Failed", "Canceled")
    )
]


def _attempt(number: int, status: str, minutes: int, **changes: Any) -> Row:
    fields: Context = {
        "id": f"att_{number}",
        "number": number,
        "status": status,
        "processor": "stripe",
        "external_id": "pi_3Qx8Yb2eZvKYlo2C1gFJqL0a",
        "decline_class": None,
        "decline_code": None,
        "message": None,
        "is_open": status in ("created", "submitted", "unknown", "action_required"),
        "created_at": NOW - timedelta(minutes=minutes),
        "finished_at": None,
        "amount": 67600,
        "currency": "USD",
    }
    return Row(**(fields | changes))


DECLINED = _attempt(1, "declined", 3, decline_code="generic_decline", message=SOFT)
APPROVED = _attempt(2, "approved", 1)
EVENT = Row(id="evt_01kbe9000pe2r9f3x7m5d0t1ab", type="payment_intent.succeeded", created_at=NOW)
ENDPOINT = Row(url="http://127.0.0.1:8010/_sandbox/receiver")
SHOW: Context = ADMIN | {
    "disputes": [],
    "lost": 0,
    "may_answer": True,
    "reason_of": lambda _word: REASON,
    "payment": PAYMENT,
    "attempts": [DECLINED, APPROVED],
    "timeline": [
        Row(at=NOW, kind="event", item=EVENT),
        Row(at=NOW - timedelta(minutes=1), kind="attempt", item=APPROVED),
        Row(at=NOW - timedelta(minutes=3), kind="attempt", item=DECLINED),
    ],
    "customer": PAYMENT_ROWS[0].customer,
    "stored_card": None,
    "order": ORDER,
    "lines": ORDER_LINES,
    "settles": [],
    "refunds": [],
    "may_capture": False,
    "may_refund": True,
    "transfers": [
        Row(
            debit="processor_receivable",
            credit="sales",
            transfer=Row(kind="capture", amount=67600, currency="USD", posted_at=NOW),
        ),
        Row(
            debit="refunds",
            credit="processor_receivable",
            transfer=Row(kind="refund", amount=2000, currency="USD", posted_at=NOW),
        ),
    ],
    "deliveries": [
        Row(
            event=EVENT,
            endpoint=ENDPOINT,
            delivery=Row(status="delivered", attempts=1, response_status=204, reason=None),
        ),
        Row(
            event=EVENT,
            endpoint=ENDPOINT,
            delivery=Row(status="failed", attempts=3, response_status=None, reason="timeout"),
        ),
        Row(
            event=EVENT,
            endpoint=ENDPOINT,
            delivery=Row(status="pending", attempts=0, response_status=None, reason=None),
        ),
    ],
    "emails": [
        Row(
            subject="Receipt for $676.00 from Acme Coffee",
            status="sent",
            recipient="ada@example.com",
            sent_at=NOW,
            created_at=NOW,
        )
    ],
    "inbox": [
        Row(
            id="inb_01kbe8wv6pe2r9f3x7m5d0t1ac",
            type="payment_intent.succeeded",
            status="applied",
            external_id="evt_3Qx8Yb2eZvKYlo2C1gFJqL0a",
            received_at=NOW,
        )
    ],
    "pending": False,
}
NOTHING: Context = {
    "order": None,
    "lines": [],
    "refunds": [],
    "transfers": [],
    "deliveries": [],
    "emails": [],
    "inbox": [],
    "timeline": [],
    "attempts": [],
}
REASON = Row(
    title="Fraud",
    says="The card's holder says they did not make this payment.",
    helps=("That this customer ordered before", "Proof that the goods were delivered"),
)


def _dispute(status: str, **changes: Any) -> Row:
    fields: Context = {
        "id": "dp_01kbe9000pe2r9f3x7m5d0t1aa",
        "external_id": "dp_1Q2w3E4r5T6y",
        "amount": 67600,
        "currency": "USD",
        "reason": "fraudulent",
        "status": status,
        "due_at": NOW + timedelta(days=7),
        "evidence": None,
        "action": None,
        "message": None,
        "created_at": NOW,
        "finished_at": None,
        "is_open": status in ("warning", "needs_response", "under_review"),
        "needs_answer": status in ("warning", "needs_response") and not changes.get("action"),
    }
    return Row(**(fields | changes))


DISPUTE_PAGE: Context = ADMIN | {
    "dispute": _dispute("needs_response"),
    "payment": PAYMENT,
    "processor": "stripe",
    "customer": PAYMENT_ROWS[0].customer,
    "reason": REASON,
    "holds_money": True,
    "is_late": False,
    "history": [Row(type="dispute.created", created_at=NOW, data={"status": "needs_response"})],
    "may_answer": True,
    "text": "",
    "most": 500,
    "error": None,
    "problem": None,
}
REFUND_FORM: Context = ADMIN | {
    "disputed": False,
    "payment": PAYMENT,
    "attempts": [APPROVED],
    "refundable": 67600,
    "amount_text": "676.00",
    "amount": 67600,
    "reason": "requested_by_customer",
    "reasons": [("requested_by_customer", "The customer asked"), ("duplicate", "Paid twice"), ("fraudulent", "Fraud")],
    "errors": {},
    "parts": [],
    "part": "",
    "problem": None,
    "form_key": "0190",
}
BARS = [
    Row(
        label=f"{(datetime(2026, 10, 23, tzinfo=UTC) + timedelta(days=day)):%b %-d}",
        value=value * 100,
        text=f"${value:,}.00",
        before=90000,
        before_text="$900.00",
    )
    for day, value in enumerate(
        (
            820,
            940,
            1210,
            1180,
            1490,
            610,
            540,
            1260,
            1330,
            1290,
            1520,
            1710,
            720,
            690,
            1400,
            1380,
            1550,
            1600,
            1820,
            880,
            760,
            1490,
            1650,
            1580,
            1770,
            1960,
            930,
            0,
            1720,
            1316,
        )
    )
]
VOLUME = Row(
    bars=BARS,
    ticks=[Row(value=0, text="$0"), Row(value=100000, text="$1k"), Row(value=200000, text="$2k")],
    sentence="$38,256.00 in 30 days, 12 % more than in the 30 days before.",
)
METRICS = [
    Row(label="Volume", value="$38,256.00", note="12 % more than before"),
    Row(label="Payments", value="412", note="of 431 tried"),
    Row(label="Success rate", value="95.6%", note="of attempts with an answer"),
    Row(label="Owed on plans", value="$9,120.00", note="$320.00 past due"),
    Row(label="Webhooks delivered", value="99%", note="1,204 of 1,210 deliveries"),
    Row(label="API keys", value="3", note="2 used in the last 30 days"),
]
ATTENTION = [
    Row(tone="danger", text="3 webhook deliveries gave up", url="/admin/payments", action="Look"),
    Row(
        tone="warning",
        text="1 payment has no answer from the processor yet",
        url="/admin/payments?status=processing",
        action="Look",
    ),
]


def admin_samples() -> Iterator[tuple[str, str, Context]]:
    overview: Context = ADMIN | {
        "metrics": METRICS,
        "volume": VOLUME,
        "attention": ATTENTION,
        "payments": PAYMENT_ROWS[:6],
    }
    yield "admin/overview.html", "full", overview
    yield "admin/overview.html", "empty", overview | {"volume": None, "attention": [], "payments": []}
    index: Context = ADMIN | {
        "payments": PAYMENT_ROWS,
        "filters": FILTERS,
        "filtered": False,
        "previous_url": None,
        "next_url": "/admin/payments?before=x",
    }
    yield "admin/payments/index.html", "full", index
    yield "admin/payments/index.html", "empty", index | {"payments": [], "next_url": None}
    yield (
        "admin/payments/index.html",
        "filtered",
        index | {"payments": [], "filtered": True, "previous_url": "/admin/payments?after=x"},
    )
    yield "admin/style.html", "all", ADMIN


def payment_samples() -> Iterator[tuple[str, str, Context]]:
    show = "admin/payments/show.html"
    yield show, "paid", SHOW
    pays = [Settled("agr_01kbe8wv6pe2r9f3x7m5d0t1ac", (2,), 3), Settled("agr_01kbe8wv6pe2r9f3x7m5d0t1ad", (), 3)]
    yield show, "installment", SHOW | {"settles": pays, "order": None, "lines": []}
    for status in ("active", "pending", "failed", "detached"):
        yield show, f"card-{status}", SHOW | {"stored_card": stored_card(status=status)}
    charged = _payment(payment_method_id="pm_1", off_session=True)
    yield show, "off-session", SHOW | {"payment": charged, "stored_card": stored_card(), "order": None, "lines": []}
    asked = _payment(
        status="requires_payment_method",
        off_session=True,
        amount_captured=0,
        last_error={"type": "card_error", "decline_class": "authentication", "message": SOFT},
    )
    yield show, "needs-customer", SHOW | {"payment": asked, "stored_card": stored_card()}
    bare = _payment(
        status="requires_payment_method", amount_captured=0, card_last4=None, card_brand=None, description=None
    )
    yield show, "new", SHOW | NOTHING | {"payment": bare, "customer": None, "may_refund": False}
    unknown = _attempt(1, "unknown", 3)
    waiting = _payment(status="processing", amount_captured=0, succeeded_at=None)
    timeline = [Row(at=NOW, kind="attempt", item=unknown)]
    yield (
        show,
        "unknown",
        SHOW
        | NOTHING
        | {"payment": waiting, "attempts": [unknown], "timeline": timeline, "may_refund": False, "pending": True},
    )
    held = _payment(status="requires_capture", capture_before=NOW + timedelta(days=7))
    expired = _payment(status="canceled", cancellation_reason="expired")
    for name, payment in (("held", held), ("not-captured", expired)):
        yield "admin/payments/show.html", name, SHOW | {"payment": payment, "may_capture": name == "held"}
    for status in ("requires_action", "requires_capture", "failed", "canceled", "requires_confirmation"):
        yield show, status, SHOW | {"payment": _payment(status=status, amount_captured=0), "may_refund": False}
    error = _payment(status="requires_payment_method", last_error={"code": "card_declined"}, amount_captured=0)
    yield show, "declined", SHOW | {"payment": error, "attempts": [DECLINED], "may_refund": False}
    yield (
        show,
        "refunded",
        SHOW
        | {
            "payment": _payment(amount_refunded=2000, refundable=65600),
            "refunds": [REFUND],
            "timeline": [Row(at=NOW, kind="refund", item=REFUND), *SHOW["timeline"]],
        },
    )
    for status in ("warning", "needs_response", "under_review", "won", "lost"):
        disputed = {"disputes": [_dispute(status)], "lost": 67600 if status == "lost" else 0, "may_refund": False}
        yield show, f"disputed-{status}", SHOW | disputed


def payment_act_samples() -> Iterator[tuple[str, str, Context]]:
    tries = (
        Row(attempt=DECLINED, outcome="Declined: generic_decline", operator="Soft decline: it may be tried again."),
    )
    part = Row(label="Kettle × 1", amount=67600, how="")
    why = Row(heading="Order ACME-1042", parts=(part,), facts=(("Order", "ord_1"),), tries=tries)
    yield "admin/payments/why.html", "order", ADMIN | {"payment": PAYMENT, "why": why}
    refund = "admin/payments/refund.html"
    yield refund, "whole", REFUND_FORM
    yield refund, "parts", REFUND_FORM | {"parts": [("", "The order first"), ("order", "The order alone")]}
    yield refund, "error", REFUND_FORM | {"errors": {"amount": "Enter at most $676.00."}, "amount_text": "900"}
    yield (
        refund,
        "refused",
        REFUND_FORM | {"problem": "The processor did not accept this refund. Nothing was refunded."},
    )
    yield refund, "disputed", REFUND_FORM | {"disputed": True}
    held = "admin/payments/held.html"
    form = ADMIN | {
        "payment": _payment(status="requires_capture"),
        "attempts": [APPROVED],
        "amount_text": "676.00",
        "amount_error": None,
        "problem": None,
    }
    yield held, "capture", form | {"act": "capture"}
    yield held, "too-much", form | {"act": "capture", "amount_error": "More than what is held cannot be captured."}
    yield held, "release", form | {"act": "release"}
    yield held, "over", form | {"act": "release", "payment": _payment(), "problem": "No money is held."}
    yield refund, "nothing-left", REFUND_FORM | {"refundable": 0, "payment": _payment(amount_refunded=67600)}


def dispute_samples() -> Iterator[tuple[str, str, Context]]:
    row = {"payment": PAYMENT, "customer": PAYMENT_ROWS[0].customer, "reason": REASON}
    disputes = [_dispute("needs_response"), _dispute("warning", due_at=None), _dispute("won", finished_at=NOW)]
    index: Context = ADMIN | {
        "rows": [row | {"dispute": dispute} for dispute in disputes],
        "chosen": "needs_answer",
        "filters": FILTERS,
        "previous_url": None,
        "next_url": "/admin/disputes?after=x",
    }
    yield "admin/disputes/index.html", "full", index
    for chosen in ("needs_answer", "won", "all"):
        empty: Context = {"rows": [], "chosen": chosen, "next_url": None}
        yield "admin/disputes/index.html", f"empty-{chosen}", index | empty
    show = "admin/disputes/show.html"
    yield show, "open", DISPUTE_PAGE
    yield show, "late", DISPUTE_PAGE | {"is_late": True}
    yield show, "read-only", DISPUTE_PAGE | {"may_answer": False, "customer": None}
    yield show, "too-long", DISPUTE_PAGE | {"text": "x" * 501, "error": "At most 500 characters can be sent."}
    yield show, "refused", DISPUTE_PAGE | {"dispute": _dispute("needs_response", message="No."), "text": "A draft."}
    yield (
        show,
        "sending",
        DISPUTE_PAGE | {"dispute": _dispute("needs_response", action="submit_evidence", evidence="A")},
    )
    yield show, "accepting", DISPUTE_PAGE | {"dispute": _dispute("needs_response", action="accept"), "history": []}
    yield show, "conflict", DISPUTE_PAGE | {"dispute": _dispute("under_review"), "problem": "It has been answered."}
    for status in ("warning", "under_review", "won", "lost", "accepted"):
        closed = _dispute(status, evidence="We sent it.", due_at=None, finished_at=NOW if status == "won" else None)
        yield show, status, DISPUTE_PAGE | {"dispute": closed, "holds_money": status == "lost"}
    accept = "admin/disputes/accept.html"
    yield accept, "open", DISPUTE_PAGE
    yield accept, "inquiry", DISPUTE_PAGE | {"dispute": _dispute("warning"), "holds_money": False}
    yield accept, "closed", DISPUTE_PAGE | {"dispute": _dispute("won")}


def start_samples() -> Iterator[tuple[str, str, Context]]:
    sandbox = Row(
        **{
            name: f"http://127.0.0.1:8010/_sandbox/{name}"
            for name in ("mailbox", "receiver", "charges", "wire", "faults")
        }
    )
    people = [Row(role=role, email=f"{role}@acme.test") for role in ("owner", "admin", "viewer", "staff", "shopper")]
    page: Context = {
        "store_url": "/shop/acme/",
        "admin_url": "/admin/",
        "docs_url": "/api/docs",
        "sandbox": sandbox,
        "people": people,
    }
    last = PAYMENT
    yield "start/index.html", "fresh", page | {"last_payment": None}
    yield "start/index.html", "bought", page | {"last_payment": last}


def email_samples() -> Iterator[tuple[str, str, Context]]:
    receipt: Context = {
        "organization": SHOP,
        "payment": PAYMENT,
        "order": ORDER,
        "lines": ORDER_LINES,
        "receipt_url": "http://127.0.0.1:8000/checkout/t/receipt",
        "why_url": "http://127.0.0.1:8000/charges/t0k3n",
        "brand": Brand("Acme Coffee", "Acme Corp"),
        "invoice": None,
        "agreement": None,
        "outlook": None,
        "pdf_url": None,
    }
    api: Context = receipt | {
        "payment": _payment(card_brand=None, card_last4=None, description="Invoice 1042"),
        "order": None,
        "lines": [],
        "receipt_url": None,
        "why_url": "http://127.0.0.1:8000/charges/t0k3n",
    }
    for ending in ("html", "txt"):
        yield f"emails/organization_live.{ending}", "live", {"organization": SHOP, "processors_url": "http://x/p"}
        yield f"emails/receipt.{ending}", "order", receipt
        yield f"emails/receipt.{ending}", "discount and tax", receipt | {"beside": BESIDE}
        yield f"emails/free_order.{ending}", "order", receipt | {"beside": BESIDE}
        yield f"emails/receipt.{ending}", "together", receipt | {"outlook": outlook(parts=3)}
        yield f"emails/receipt.{ending}", "api", api
        refund = {"refund": REFUND, "payment": _payment(amount_refunded=2000)}
        yield f"emails/refund.{ending}", "order", receipt | refund
        yield f"emails/refund.{ending}", "api", api | refund
        came_late = {"refund": Row(**(vars(REFUND) | {"late_success_id": "late_01kbe9000pe2r9f3x7m5d0t1aa"}))}
        yield f"emails/refund.{ending}", "late", receipt | refund | came_late
        for done in ("refund", "credit", "release", "dispute"):
            late = Row(amount=2000, currency="USD", answer=done, arrived_at=NOW)
            told_late: Context = {"organization": SHOP, "payment": PAYMENT, "late": late, "payment_url": "http://x/p"}
            yield f"emails/late_success.{ending}", done, told_late
        open_one: Context = {"organization": SHOP, "payment": PAYMENT, "attempt": APPROVED, "since": NOW}
        yield (
            f"emails/payment_unknown.{ending}",
            "open",
            open_one | {"attempt_url": "http://x/admin/radar/unknown/att_1"},
        )
        disputed = {"dispute": _dispute("needs_response"), "reason": REASON, "dispute_url": "http://127.0.0.1:8000/d"}
        yield f"emails/dispute.{ending}", "dispute", receipt | disputed | {"is_inquiry": False}
        account: Context = {"organization": SHOP, "user": USER, "link_url": "http://127.0.0.1:8000/link/t0k3n"}
        yield f"emails/verify_email.{ending}", "new", account
        yield f"emails/claim_organization.{ending}", "known", account
        yield f"emails/invitation.{ending}", "admin", account | {"role": "admin", "expires_at": NOW + timedelta(days=7)}
        yield f"emails/reset_password.{ending}", "known", account
        yield f"emails/change_email.{ending}", "new", account | {"email": "ada@example.com"}
        told = {"title": "Your password was changed", "sentence": "It was changed in your account's settings."}
        yield f"emails/account_changed.{ending}", "password", account | told
        asked = {"dispute": _dispute("warning", due_at=None), "is_inquiry": True}
        yield f"emails/dispute.{ending}", "inquiry", api | disputed | asked
        endpoint = Row(url="https://hooks.acme.test/ballast", failing_since=NOW - timedelta(days=5), disabled_at=NOW)
        off: Context = {"organization": SHOP, "endpoint": endpoint, "because": "failing", "endpoint_url": "http://x/w"}
        yield f"emails/endpoint_disabled.{ending}", "failing", off
        gone = Row(url=endpoint.url, failing_since=None, disabled_at=NOW)
        yield f"emails/endpoint_disabled.{ending}", "gone", off | {"endpoint": gone, "because": "gone"}


def customer(**changes: Any) -> Row:
    fields: Context = {
        "id": "cus_01kbe8wv6pe2r9f3x7m5d0t1ae",
        "email": "noor.haddad@example.com",
        "name": "Noor Haddad",
        "held_at": None,
        "created_at": NOW - timedelta(days=40),
    }
    return Row(**(fields | changes))


def customer_samples() -> Iterator[tuple[str, str, Context]]:
    bare = stored_card(id="pm_01kbe8wv6pe2r9f3x7m5d0t1ah", exp_month=None, exp_year=None, brand=None)
    rows = [
        {"customer": customer(), "cards": [stored_card(), bare]},
        {"customer": customer(email=None, name=""), "cards": []},
    ]
    index: Context = ADMIN | {
        "customers": rows,
        "asked": "",
        "previous_url": None,
        "next_url": "/admin/customers?after=x",
    }
    yield "admin/customers/index.html", "full", index
    yield "admin/customers/index.html", "empty", index | {"customers": [], "next_url": None}
    yield "admin/customers/index.html", "nobody", index | {"customers": [], "next_url": None, "asked": "zoe@"}
    stored = [{"card": stored_card(), "processor": "stripe"}, {"card": bare, "processor": "square"}]
    show: Context = ADMIN | {"customer": customer(), "cards": stored, "may_charge": True, "payments": PAYMENT_ROWS[:3]}
    show |= {"leaving": [], "may_remove": True, "may_erase": True, "plans": [], "more_plans": False}
    show |= {"previous_url": None, "next_url": "/admin/customers/x?after=y"}
    nothing: Context = {"cards": [], "payments": [], "may_charge": False, "next_url": None}
    yield "admin/customers/show.html", "full", show
    yield "admin/customers/show.html", "empty", show | nothing
    leaving = [
        {"card": stored_card(status="detached", removal=removal, message="403"), "processor": "braintree"}
        for removal in ("pending", "refused")
    ]
    yield "admin/customers/show.html", "leaving", show | {"leaving": leaving}
    erase = ADMIN | {"customer": customer(), "payments": 3, "obstacles": [], "problem": None}
    yield "admin/customers/erase.html", "page", erase
    yield "admin/customers/erase.html", "open", erase | {"obstacles": ["refunds under way (1)"], "problem": "Wait."}
    yield "admin/customers/remove.html", "page", ADMIN | {"customer": customer()} | stored[0]
    held = {"customer": customer(name="", held_at=NOW), "may_charge": False}
    yield "admin/customers/show.html", "held", show | held
    typed = {"amount": "20.00", "description": "Beans, December", "card": stored[0]["card"].id, "form_key": "0190"}
    form: Context = ADMIN | {
        "customer": customer(),
        "cards": stored,
        "form_key": "0190",
        "problem": None,
        "errors": {},
    }
    yield "admin/customers/charge.html", "fresh", form | {"typed": typed | {"amount": "", "description": ""}}
    errors = {"amount": "Enter an amount above zero.", "description": "Say what it is for.", "card": "Choose a card."}
    yield "admin/customers/charge.html", "errors", form | {"typed": typed, "errors": errors}
    yield "admin/customers/charge.html", "held", form | {"typed": typed, "problem": "Charges are on hold."}
    yield "admin/customers/charge.html", "no-card", form | {"typed": typed, "cards": []}
    review = ADMIN | {"customer": customer(), "amount": 2000, "typed": typed} | stored[0]
    yield "admin/customers/review.html", "page", review
    yield "admin/customers/review.html", "no-address", review | {"customer": customer(email=None)}


def auth_samples() -> Iterator[tuple[str, str, Context]]:
    form: Context = {"email": "", "error": None, "next": ""}
    yield "auth/sign_in.html", "fresh", form
    yield (
        "auth/sign_in.html",
        "error",
        form
        | {
            "email": "owner@acme.test",
            "error": "That email and password don't match an account.",
            "next": "/admin/payments",
        },
    )


def other_samples() -> Iterator[tuple[str, str, Context]]:
    for status in (400, 401, 403, 404, 405, 409, 413, 418, 422, 429, 500, 503):
        context: Context = {"status": status, "code": "some_code", "message": "One sentence for a person."}
        yield "errors/error.html", str(status), context | {"request_id": "req_01kbe8wv6pe2r9f3x7m5d0t1ac"}
    yield "api/docs.html", "page", {"openapi_url": "/api/openapi.json", "errors": CATALOG}


def samples() -> Iterator[tuple[str, str, Context]]:
    """(template, name of the state, context) for every page."""
    from tests.templates.agreement_samples import agreement_samples
    from tests.templates.billing_samples import billing_samples
    from tests.templates.customer_samples import invoice_samples, portal_samples, subscribing_samples
    from tests.templates.dashboard_samples import dashboard_samples
    from tests.templates.financing_samples import financing_samples
    from tests.templates.identity_samples import identity_samples  # it takes its people and its clock from here
    from tests.templates.plan_mail_samples import plan_mail_samples
    from tests.templates.plan_samples import plan_samples
    from tests.templates.platform_samples import platform_samples
    from tests.templates.processor_samples import processor_samples
    from tests.templates.selling_samples import selling_samples
    from tests.templates.shop_samples import shop_samples
    from tests.templates.subscription_samples import subscription_samples
    from tests.templates.webhook_samples import webhook_samples

    yield from identity_samples()
    yield from dashboard_samples()
    yield from platform_samples()
    yield from processor_samples()
    yield from webhook_samples()
    yield from selling_samples()
    yield from billing_samples()
    yield from agreement_samples()
    yield from subscription_samples()
    yield from financing_samples()
    yield from plan_mail_samples()
    yield from invoice_samples()
    yield from portal_samples()
    yield from subscribing_samples()
    yield from storefront_samples()
    yield from checkout_samples()
    yield from plan_samples()
    yield from shop_samples()
    yield from admin_samples()
    yield from payment_samples()
    yield from payment_act_samples()
    yield from dispute_samples()
    yield from customer_samples()
    yield from auth_samples()
    yield from other_samples()
    yield from start_samples()
    yield from email_samples()
