"""Delivery, downloads and stock, as pages and mails show them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace as Row

from ballast.billing.branding import Brand
from tests.templates.samples import ADMIN, NOW, ORDER, ORDER_LINES, PAYMENT, SHOP, Context

SHIPMENT = Row(
    id="ship_1", carrier="UPS", tracking_number="1Z999AA10123456784", tracking_url="https://ups.test/1Z", created_at=NOW
)
PARCEL = Row(shipment=SHIPMENT, lines=[("Espresso machine", 1), ("Beans", 2)])
PLAIN = Row(
    shipment=Row(id="ship_2", carrier="", tracking_number="", tracking_url=None, created_at=NOW), lines=[("Beans", 1)]
)
FILE = Row(name="Brew guide.pdf", size=1_204_000, url=None)
ELSEWHERE = Row(name="https://videos.test/brewing", size=0, url="https://videos.test/brewing")
RATE = Row(
    id="shr_1",
    name="Standard",
    amount=700,
    currency="USD",
    countries=["US", "CA"],
    free_from=10_000,
    min_days=3,
    max_days=5,
    archived_at=None,
)


def offered(file: Row = FILE, left: int = 4) -> Row:
    """A file as its buyer sees it."""
    return Row(file=file, left=left, token="t0k3n", download=Row(most=5, taken=5 - left))


def sent_order(**changes: object) -> Row:
    """An order of which something is sent."""
    return Row(**(vars(ORDER) | {"fulfillment": "unfulfilled"} | changes))


def shop_samples() -> Iterator[tuple[str, str, Context]]:
    receipt: Context = {"shop": SHOP, "lines": ORDER_LINES, "payment": PAYMENT, "refunds": [], "saved": None}
    receipt |= {"delivers": True, "takes": "3 to 5 days"}
    for fulfillment, parcels in (("unfulfilled", []), ("partially_fulfilled", [PLAIN]), ("fulfilled", [PLAIN, PARCEL])):
        order = sent_order(fulfillment=fulfillment)
        files = [offered(), offered(ELSEWHERE, 0)]
        yield (
            "checkout/receipt.html",
            fulfillment,
            receipt | {"beside": [], "order": order, "parcels": parcels, "offered": files},
        )
    page = "checkout/download.html"
    fresh: Context = {"shop": SHOP, "brand": Brand("Acme Coffee", "Acme Corp"), "problem": None, "token": "t0k3n"}
    fresh |= {"found": offered(), "order_url": "/checkout/t0k3n/receipt"}
    yield page, "fresh", fresh
    yield page, "elsewhere", fresh | {"found": offered(ELSEWHERE, 1)}
    yield page, "used-up", fresh | {"found": offered(left=0)}
    gone = "This order was refunded, so its files are not yours to fetch any more."
    yield page, "gone", fresh | {"found": None, "order_url": None, "token": None, "problem": gone}
    yield from _settings()
    for ending in ("html", "txt"):
        mail: Context = {"organization": SHOP, "brand": Brand("Acme Coffee", "Acme Corp"), "order": ORDER}
        mail |= {"words": "Espresso machine, 2 × Beans", "order_url": "http://127.0.0.1:8000/checkout/t0k3n/receipt"}
        yield f"emails/on_its_way.{ending}", "all", mail | {"shipment": SHIPMENT, "is_all": True}
        yield f"emails/on_its_way.{ending}", "part", mail | {"shipment": PLAIN.shipment, "is_all": False}


def _settings() -> Iterator[tuple[str, str, Context]]:
    page = "admin/settings/shipping.html"
    names = ("name", "amount", "currency", "countries", "free_from", "min_days", "max_days")
    empty: Context = ADMIN | {"rows": [], "may_change": True, "typed": dict.fromkeys(names, ""), "errors": {}}
    free = Row(**(vars(RATE) | {"id": "shr_2", "name": "Pickup", "amount": 0, "countries": [], "archived_at": NOW}))
    rows = [{"rate": RATE, "words": "3 to 5 days"}, {"rate": free, "words": "Today"}]
    yield page, "empty", empty
    yield page, "full", empty | {"rows": rows}
    yield page, "wrong", empty | {"rows": rows, "errors": {"countries": "There is no country QQ."}}
    yield page, "read", empty | {"rows": rows, "may_change": False}
