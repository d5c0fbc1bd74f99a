"""Choosing a customer in the dashboard, for what is then done for them: a subscription to start, an invoice to write."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, request, url_for

from ballast.db import db
from ballast.models import Customer
from ballast.models.customers import customers_of
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires

blueprint = Blueprint("choosing", __name__, url_prefix="/admin/customers/choose")
dashboard(blueprint)

MOST_FOUND: Final = 10
LEADS: Final = {"subscribe": "subscription_start.new", "bill": "invoice_writing.new"}


@blueprint.get("")
@requires("charge")
def whom() -> Response:
    """The newest, or those whose address begins so; each leads on."""
    asked = without_card_number(request.args.get("q", "").strip().lower())[:254]
    to = request.args.get("to", "")
    to = to if to in LEADS else "subscribe"
    found = customers_of(g.organization.id, asked).order_by(Customer.id.desc()).limit(MOST_FOUND)
    return render(
        "admin/customers/whom.html",
        to=to,
        rows=[
            {"customer": customer, "url": url_for(LEADS[to], customer_id=customer.id)}
            for customer in db.session.scalars(found)
        ],
        asked=asked,
    )
