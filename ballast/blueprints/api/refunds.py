"""Refunds over the API: create, list, get."""

from __future__ import annotations

from functools import partial
from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import payments, refund_parts, refunds
from ballast.billing.payloads import REFUND_STATUSES, refund_payload
from ballast.blueprints.api.answers import (
    Done,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.objects import RefundCreate, RefundList, RefundOut, RefundPath, RefundQuery
from ballast.blueprints.api.setup import NEEDS_KEY, make_blueprint
from ballast.models import Refund

blueprint = make_blueprint(
    "api_refunds", "Refunds", "Money going back, never more than came.", read="payments:read", write="refunds:write"
)


@blueprint.post("/refunds", summary="Refund a payment", responses={201: RefundOut}, openapi_extensions=NEEDS_KEY)
def create(body: RefundCreate) -> Response:
    """Gives back a part of a payment or all that is left. `pending` while the processor has not confirmed it.

    Of a payment for goods and a subscription together, `part` says which of them goes back; without it the goods go first.
    """
    key = key_of_request(required=True) or ""

    def begin() -> Done:
        refunds.refuse_used_key(g.organization_id, key)
        if body.part:
            refund_parts.check(payments.find(g.organization_id, body.payment))
        refund = refunds.request(g.organization_id, body.payment, body.amount, body.reason, key, part=body.part)
        return Done(refund.id, partial(refunds.send, g.organization_id, refund.id))

    return once(key, begin, partial(_show, 201))


@blueprint.get("/refunds/<refund_id>", summary="Get a refund", responses={200: RefundOut})
def get(path: RefundPath) -> Response:
    """One refund, as it is now."""
    return _show(200, path.refund_id)


@blueprint.get("/refunds", summary="List refunds", responses={200: RefundList})
def list_(query: RefundQuery) -> Response:
    """Newest first; of one payment, if you name it."""
    wanted = where_given(
        select(Refund).where(Refund.organization_id == g.organization_id), (Refund.payment_id, eq, query.payment)
    )
    if query.status:
        wanted = wanted.where(Refund.status.in_(REFUND_STATUSES[query.status]))
    return list_answer(wanted, Refund, "re", query, lambda rows: [refund_payload(row[0]) for row in rows])


def _show(status: int, refund_id: str) -> Response:
    return json_answer(status, refund_payload(refunds.find(g.organization_id, refund_id)))
