"""Shipping rates over the API. Archived, never deleted; what a rate costs does not change, another amount is another rate."""

from __future__ import annotations

from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import shipping
from ballast.blueprints.api.keeping import change, is_archived, listed, made, shown
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.blueprints.api.shipping_schemas import (
    ShippingRateCreate,
    ShippingRateList,
    ShippingRateOut,
    ShippingRatePatch,
    ShippingRatePath,
    ShippingRateQuery,
)
from ballast.models import ShippingRate

blueprint = make_blueprint(
    "api_shipping",
    "Shipping",
    "Ways to send an order: what each costs, where it goes, and how long it takes. Orders are sent at one of them.",
    read="payments:read",
    write="payments:write",
    permission="catalog",
)


@blueprint.post(
    "/shipping_rates", summary="Create a shipping rate", responses={201: ShippingRateOut}, openapi_extensions=TAKES_KEY
)
def create(body: ShippingRateCreate) -> Response:
    """The shop offers it from now on; a checkout session if it names it."""
    return made(lambda: shipping.create(g.organization_id, shipping.NewRate(**body.model_dump())))


@blueprint.get("/shipping_rates", summary="List shipping rates", responses={200: ShippingRateList})
def list_(query: ShippingRateQuery) -> Response:
    """Newest first, archived ones too unless you say otherwise."""
    return listed(
        select(ShippingRate).where(ShippingRate.organization_id == g.organization_id),
        ShippingRate,
        query,
        (ShippingRate.currency, eq, query.currency),
        (ShippingRate.archived_at, is_archived, query.archived),
    )


@blueprint.get("/shipping_rates/<shipping_rate_id>", summary="Get a shipping rate", responses={200: ShippingRateOut})
def get(path: ShippingRatePath) -> Response:
    """One shipping rate, archived or not."""
    return shown(ShippingRate, path.shipping_rate_id)


@blueprint.patch(
    "/shipping_rates/<shipping_rate_id>", summary="Change a shipping rate", responses={200: ShippingRateOut}
)
def update(path: ShippingRatePath, body: ShippingRatePatch) -> Response:
    """`name` and `archived`. Orders keep what they say."""
    return change(ShippingRate, path.shipping_rate_id, body)
