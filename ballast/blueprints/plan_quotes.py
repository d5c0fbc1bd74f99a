"""Plans on a merchant's own site: what a price is offered on, for any page to show. Public, cacheable, without cookies.

It says what the shop says to everybody, so pages of any origin may read it and frame it, and nobody is asked who they are.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from flask import Blueprint, Response, g, jsonify, make_response, render_template, request

from ballast import money
from ballast.billing.financing import advertising
from ballast.billing.financing.advertising import Advertised
from ballast.db import set_organization
from ballast.errors import InvalidRequest, NotFound, RateLimited
from ballast.identity import limiting, users
from ballast.ids import to_uuid
from ballast.models import Organization
from ballast.templating import STATIC

blueprint = Blueprint("plan_quotes", __name__, url_prefix="/plans")

# Requests of one address a minute. A shop's page asks once for each price it shows, and what it is told may be kept for five minutes.
MOST: Final = 120
WINDOW_SECONDS: Final = 60
KEPT: Final = "public, max-age=300"
KEPT_SCRIPT: Final = "public, max-age=3600"
MOST_PRODUCTS: Final = 50
# Nothing but our own style, in a frame of anybody's.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
)


@blueprint.get("/quote")
def frame() -> Response:
    """The plans as a small page, for an iframe. Empty where nothing is offered."""
    _take()
    shop = _shop()
    response = make_response(render_template("financing/frame.html", shop=shop, plans=_plans(shop)))
    response.headers["Content-Security-Policy"] = POLICY
    g.caching = KEPT
    return response


@blueprint.get("/quote.json")
def quote() -> Response:
    """{"plans": [{line, terms, payment, apr, …}]}, the smallest payment first."""
    _take()
    plans = [advertising.payload(one) for one in _plans(_shop())]
    g.caching = KEPT
    return jsonify({"plans": plans})


@blueprint.get("/embed.js")
def script() -> Response:
    """Writes the plans into the elements of a page that ask for them."""
    response = make_response(_source())
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = g.caching = KEPT_SCRIPT
    return response


@cache
def _source() -> str:
    return (STATIC / "js" / "plans.js").read_text()


@blueprint.after_request
def open_to_all(response: Response) -> Response:
    """Pages of any origin may read it, refusals too."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _take() -> None:
    """Count one more request of this address. Lets it pass while Redis is away. Raises RateLimited."""
    taken = limiting.take(limiting.window(MOST, WINDOW_SECONDS), "plans", request.remote_addr or "")
    if taken is not None and not taken.passed:
        raise RateLimited(f"Limit: {MOST} requests per {WINDOW_SECONDS} seconds.", taken.reset)


def _shop() -> Organization:
    """Whose plans; from here on the request works for that organization. Raises NotFound."""
    found = users.organization_by_slug(request.args.get("shop", ""))
    if found is None:
        raise NotFound("shop")
    set_organization(found.id)
    return found


def _plans(shop: Organization) -> list[Advertised]:
    """What was asked for. Raises InvalidRequest with its parameter."""
    typed, currency = request.args.get("amount", ""), request.args.get("currency", shop.currency)
    if not (typed.isascii() and typed.isdigit()) or not 1 <= int(typed[:15]) <= money.MAX_AMOUNT or len(typed) > 15:
        raise InvalidRequest("amount_invalid", "Send the amount in minor units, such as 64000.", param="amount")
    money.exponent(currency)
    products = request.args.getlist("product")[:MOST_PRODUCTS]
    if not all(to_uuid(one, "prod") for one in products):
        raise InvalidRequest("parameter_invalid", "A product is named by its id, prod_….", param="product")
    return advertising.plans(shop, int(typed), currency, request.args.get("country"), products)
