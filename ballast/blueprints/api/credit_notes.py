"""Credit notes over the API: issued, listed, got."""

from __future__ import annotations

from functools import partial
from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import credit_notes, refunds
from ballast.billing.invoice_payloads import credit_note_payload
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.invoice_schemas import (
    CreditNoteCreate,
    CreditNoteList,
    CreditNoteOut,
    CreditNotePath,
    CreditNoteQuery,
)
from ballast.blueprints.api.setup import NEEDS_KEY, make_blueprint
from ballast.models import CreditNote

blueprint = make_blueprint(
    "api_credit_notes",
    "Credit notes",
    "A paid invoice taken back, in part or whole: to the card, or as credit for the next one.",
    read="subscriptions:read",
    write="subscriptions:write",
)


@blueprint.post(
    "/credit_notes", summary="Create a credit note", responses={201: CreditNoteOut}, openapi_extensions=NEEDS_KEY
)
def create(body: CreditNoteCreate) -> Response:
    """Never more than was paid less what has gone back. A refund that does not go makes its credit note void."""
    key = key_of_request(required=True)
    if body.how == "refund":
        g.caller.require_scope("refunds:write")
    asked = credit_notes.NewNote(body.invoice, body.how, body.amount, body.reason, body.memo, key)

    def begin() -> Done:
        issued = credit_notes.create(g.organization_id, asked)
        refund = issued.refund
        return Done(issued.note.id, partial(refunds.send, g.organization_id, refund.id) if refund else None)

    return once(key, begin, partial(_show, 201))


@blueprint.get("/credit_notes", summary="List credit notes", responses={200: CreditNoteList})
def list_(query: CreditNoteQuery) -> Response:
    """Newest first; of one invoice or customer, if you name it."""
    wanted = where_given(
        select(CreditNote).where(CreditNote.organization_id == g.organization_id),
        (CreditNote.invoice_id, eq, query.invoice),
        (CreditNote.customer_id, eq, query.customer),
    )
    return list_answer(wanted, CreditNote, "cn", query, lambda found: [credit_note_payload(row[0]) for row in found])


@blueprint.get("/credit_notes/<credit_note_id>", summary="Get a credit note", responses={200: CreditNoteOut})
def get(path: CreditNotePath) -> Response:
    """One credit note."""
    return _show(200, path.credit_note_id)


def _show(status: int, note_id: str) -> Response:
    return json_answer(status, credit_note_payload(credit_notes.find(g.organization_id, note_id)))
