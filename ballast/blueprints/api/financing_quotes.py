"""What a price costs on the plans that are offered. A quote changes nothing, so whoever may read may ask for one."""

from __future__ import annotations

from typing import Any

from flask import Response, g

from ballast.billing.financing import disclosure, quoting
from ballast.billing.financing.offer_payloads import quote_payload
from ballast.billing.financing.quotes import Quote
from ballast.blueprints.api.answers import json_answer, key_of_request
from ballast.blueprints.api.financing_schemas import QuoteCreate, QuoteList
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Customer, FinancingOffer, Organization
from ballast.models.customers import customer_of

blueprint = make_blueprint(
    "api_financing_quotes",
    "Financing quotes",
    "What any price costs on your plans, with the APR and the disclosure. Asks for `financing:read` alone: a quote changes nothing.",
    read="financing:read",
    write="financing:read",
)


@blueprint.post("/financing/quotes", summary="Quote a price", responses={200: QuoteList}, openapi_extensions=TAKES_KEY)
def quote(body: QuoteCreate) -> Response:
    """On one offer, or on each that the sale is eligible for. Both APR solvers agree on every quote. Writes nothing."""
    key_of_request()
    organization = db.session.get_one(Organization, g.organization_id)
    customer = _customer(body.customer)
    sale = (body.amount, body.currency, body.country, body.products, customer)
    if body.offer:
        offer = quoting.find(g.organization_id, body.offer)
        found = [(offer, quoting.quote_for(organization, body.offer, *sale))]
    else:
        found = quoting.choices(organization, *sale)
    shown = [_with_box(organization, offer, one, body.disclosure) for offer, one in found]
    return json_answer(200, {"object": "list", "data": shown, "has_more": False})


def _customer(customer_id: str | None) -> Customer | None:
    if customer_id is None:
        return None
    found = db.session.scalars(customer_of(g.organization_id, customer_id)).first()
    if found is None:
        raise InvalidRequest("customer_unknown", f"No such customer {customer_id[:64]}.", param="customer")
    return found


def _with_box(organization: Organization, offer: FinancingOffer, one: Quote, wanted: bool) -> dict[str, Any]:
    box = disclosure.render(quoting.box(organization, one)) if wanted else None
    return {**quote_payload(offer, one), "disclosure": box}
