"""Searching the whole organization, as a page and as what the palette shows."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, g, request, url_for

from ballast.billing import search
from ballast.billing.search import Found
from ballast.security import without_card_number
from ballast.templating import show_date
from ballast.web import dashboard, is_htmx, render, see_other

blueprint = Blueprint("search", __name__, url_prefix="/admin/search")
dashboard(blueprint)

# Kind of id → what the page calls them, the page of one, the name of its id there, and the kind of its status.
KINDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "cus": ("Customers", "customers.show", "customer_id", ""),
    "pay": ("Payments", "admin.payment", "payment_id", "payment"),
    "ord": ("Orders", "orders.show", "order_id", "order"),
    "in": ("Invoices", "invoices.show", "invoice_id", "invoice"),
    "sub": ("Subscriptions", "subscriptions.show", "subscription_id", "subscription"),
    "dp": ("Disputes", "disputes.show", "dispute_id", "dispute"),
    "prod": ("Products", "products.show", "product_id", ""),
    "plink": ("Payment links", "payment_links.show", "link_id", ""),
    "em": ("Mails", "mails.show", "email_id", "email"),
    "evt": ("Events", "events.show", "published_id", ""),
    "del": ("Deliveries", "webhook_deliveries.show", "delivery_id", "delivery"),
    "inb": ("Processor events", "processor_events.show", "event_id", "inbox"),
    "cart": ("Carts", "orders.cart", "cart_id", "cart"),
}
# What the words of a page are found by → where it is.
PAGES: Final = {
    "Overview": "admin.overview",
    "Payments": "admin.payments",
    "Refunds": "refunds.index",
    "Radar": "radar.index",
    "Unknown outcomes": "radar.unknown_outcomes",
    "Disputes": "disputes.index",
    "Customers": "customers.index",
    "Orders": "orders.index",
    "Carts": "orders.carts",
    "Payment links": "payment_links.index",
    "Subscriptions": "subscriptions.index",
    "Invoices": "invoices.index",
    "Products": "products.index",
    "Coupons": "coupons.index",
    "Tax rates": "tax_rates.index",
    "Ledger": "ledger.index",
    "Transfers": "ledger.transfers",
    "Processors": "processors.index",
    "Processor events": "processor_events.index",
    "Webhooks": "webhooks.index",
    "Webhook deliveries": "webhook_deliveries.index",
    "Events": "events.index",
    "Mails": "mails.index",
    "Settings": "settings.index",
    "Members": "settings.members",
    "API keys": "keys.index",
    "Shipping": "shipping_settings.index",
    "Billing settings": "billing_settings.index",
    "Card testing": "card_testing.index",
    "Your account": "account.index",
}
MOST_PAGES: Final = 5


@blueprint.get("")
def index() -> Response:
    """What fits. A whole id leads to its page at once; a card number is nothing to look for."""
    asked = without_card_number(request.args.get("q", "").strip())[:254]
    found = search.everything(g.organization, asked)
    if len(found) == 1 and search.is_id(asked) and not is_htmx():
        return see_other(_item(found[0])["url"])
    return render("admin/search/index.html", "results", asked=asked, groups=_groups(asked, found))


def _groups(asked: str, found: list[Found]) -> list[dict[str, Any]]:
    """Pages first, then what was found, by kind in the order it came."""
    words = asked.lower()
    pages = [
        {"title": name, "note": "", "state": "", "kind": "", "url": url_for(route)} for name, route in PAGES.items()
    ]
    fitting = [page for page in pages if len(words) > 1 and words in page["title"].lower()][:MOST_PAGES]
    groups = [{"label": "Pages", "items": fitting}] if fitting else []
    for kind, (label, *_) in KINDS.items():
        items = [_item(one) for one in found if one.kind == kind]
        if items:
            groups.append({"label": label, "items": items})
    return groups


def _item(found: Found) -> dict[str, Any]:
    _, route, name, kind = KINDS[found.kind]
    day = show_date(found.at, g.organization.timezone) if found.at else ""
    note = ", ".join(part for part in (found.note, day) if part)
    address: dict[str, Any] = {name: found.id}
    return {
        "title": found.title,
        "note": note,
        "state": found.state if kind else "",
        "kind": kind,
        "url": url_for(route, **address),
    }
