"""Financing over the API: the plans you offer."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq
from typing import Any

from flask import Response, g
from sqlalchemy import select

from ballast.billing.financing import offers, quoting
from ballast.billing.financing.offer_payloads import offer_payload
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.financing_schemas import (
    OfferAct,
    OfferCreate,
    OfferList,
    OfferOut,
    OfferPatch,
    OfferPath,
    OfferQuery,
    OfferTermsIn,
)
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.db import end_reading, transaction
from ballast.models import FinancingOffer

blueprint = make_blueprint(
    "api_financing",
    "Financing",
    "Plans in installments that you offer to your customers.",
    read="financing:read",
    write="financing:write",
    permission="lending",
)


@blueprint.post(
    "/financing/offers", summary="Create a financing offer", responses={201: OfferOut}, openapi_extensions=TAKES_KEY
)
def create_offer(body: OfferCreate) -> Response:
    """A draft, shown to nobody until it is published."""
    key = key_of_request()
    given = _given(body)
    return once(key, lambda: Done(offers.create(g.organization_id, given, key).id), lambda row: _shown(row, 201))


def _given(body: OfferTermsIn) -> dict[str, Any]:
    """What was sent, as the columns are called."""
    given = body.model_dump(exclude_unset=True)
    return {"product_ids" if name == "products" else name: value for name, value in given.items()}


def _shown(offer_id: str, status: int = 200) -> Response:
    return json_answer(status, offer_payload(quoting.find(g.organization_id, offer_id)))


@blueprint.get("/financing/offers", summary="List financing offers", responses={200: OfferList})
def list_offers(query: OfferQuery) -> Response:
    """Newest first."""
    wanted = select(FinancingOffer).where(FinancingOffer.organization_id == g.organization_id)
    bounds = ((FinancingOffer.status, eq, query.status), (FinancingOffer.currency, eq, query.currency))
    return list_answer(
        where_given(wanted, *bounds),
        FinancingOffer,
        "offer",
        query,
        lambda rows: [offer_payload(row[0]) for row in rows],
    )


@blueprint.get("/financing/offers/<offer_id>", summary="Get a financing offer", responses={200: OfferOut})
def get_offer(path: OfferPath) -> Response:
    """One offer, whatever its status."""
    return _shown(path.offer_id)


@blueprint.patch("/financing/offers/<offer_id>", summary="Change a financing offer", responses={200: OfferOut})
def update_offer(path: OfferPath, body: OfferPatch) -> Response:
    """What is quoted from now on. Agreements keep what was agreed."""
    end_reading()
    with transaction():
        return json_answer(200, offer_payload(offers.edit(g.organization_id, path.offer_id, _given(body))))


@blueprint.post(
    "/financing/offers/<offer_id>/publish",
    summary="Publish a financing offer",
    responses={200: OfferOut},
    openapi_extensions=TAKES_KEY,
)
def publish_offer(path: OfferPath, body: OfferAct) -> Response:
    """Shown to shoppers from now on. Refused unless it works at its least, a middle and its greatest amount."""
    return _do(offers.publish, path, body)


@blueprint.post(
    "/financing/offers/<offer_id>/unpublish",
    summary="Unpublish a financing offer",
    responses={200: OfferOut},
    openapi_extensions=TAKES_KEY,
)
def unpublish_offer(path: OfferPath, body: OfferAct) -> Response:
    """Shown to nobody, a draft again. Agreements go on."""
    return _do(offers.unpublish, path, body)


@blueprint.post(
    "/financing/offers/<offer_id>/archive",
    summary="Archive a financing offer",
    responses={200: OfferOut},
    openapi_extensions=TAKES_KEY,
)
def archive_offer(path: OfferPath, body: OfferAct) -> Response:
    """Put away. Agreements go on."""
    return _do(offers.archive, path, body)


@blueprint.post(
    "/financing/offers/<offer_id>/restore",
    summary="Restore a financing offer",
    responses={200: OfferOut},
    openapi_extensions=TAKES_KEY,
)
def restore_offer(path: OfferPath, body: OfferAct) -> Response:
    """Out of the archive, a draft."""
    return _do(offers.restore, path, body)


def _do(act: Callable[[str, str], FinancingOffer], path: OfferPath, body: OfferAct) -> Response:
    assert body is not None
    return once(key_of_request(), lambda: Done(act(g.organization_id, path.offer_id).id), _shown)
