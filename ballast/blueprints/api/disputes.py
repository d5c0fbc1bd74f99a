"""Disputes over the API: list, get, answer, accept."""

from __future__ import annotations

from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import dispute_answers, disputes
from ballast.billing.payloads import dispute_payload
from ballast.blueprints.api.answers import (
    Done,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.objects import (
    DisputeAccept,
    DisputeEvidence,
    DisputeList,
    DisputeOut,
    DisputePath,
    DisputeQuery,
)
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import Dispute

blueprint = make_blueprint(
    "api_disputes",
    "Disputes",
    "A charge whose holder contests it at their bank.",
    read="disputes:read",
    write="disputes:write",
)


@blueprint.post(
    "/disputes/<dispute_id>/evidence",
    summary="Answer a dispute",
    responses={200: DisputeOut},
    openapi_extensions=TAKES_KEY,
)
def submit_evidence(path: DisputePath, body: DisputeEvidence) -> Response:
    """Sends your text to the bank, for good. The same text a second time changes nothing."""
    return _decide(path.dispute_id, "submit_evidence", dispute_answers.tidy(body.text))


@blueprint.post(
    "/disputes/<dispute_id>/accept",
    summary="Accept a dispute",
    responses={200: DisputeOut},
    openapi_extensions=TAKES_KEY,
)
def accept(path: DisputePath, body: DisputeAccept) -> Response:
    """Gives in, for good: the money stays with the card's holder."""
    assert body is not None
    return _decide(path.dispute_id, "accept", None)


def _decide(dispute_id: str, action: str, text: str | None) -> Response:
    def begin() -> Done:
        return Done(dispute_id, dispute_answers.decide(g.organization_id, dispute_id, action, text))

    return once(key_of_request(), begin, _show)


@blueprint.get("/disputes/<dispute_id>", summary="Get a dispute", responses={200: DisputeOut})
def get(path: DisputePath) -> Response:
    """One dispute, as it stands."""
    return _show(path.dispute_id)


@blueprint.get("/disputes", summary="List disputes", responses={200: DisputeList})
def list_(query: DisputeQuery) -> Response:
    """Newest first; of one payment, if you name it."""
    wanted = where_given(
        select(Dispute).where(Dispute.organization_id == g.organization_id),
        (Dispute.payment_id, eq, query.payment),
        (Dispute.status, eq, query.status),
    )
    return list_answer(wanted, Dispute, "dp", query, lambda rows: [dispute_payload(row[0]) for row in rows])


def _show(dispute_id: str) -> Response:
    return json_answer(200, dispute_payload(disputes.find(g.organization_id, dispute_id)))
