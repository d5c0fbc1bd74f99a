"""Taking a paid invoice back from the dashboard, in part or whole: as a refund, or as credit for the next one."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing import credit_notes, invoices, refunds
from ballast.billing.credit_notes import NewNote
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.models import CreditNote, Payment
from ballast.models.invoices import CREDIT_REASONS
from ballast.money import format_money, from_decimal, to_decimal
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("credit_notes", __name__, url_prefix="/admin/invoices/<invoice_id>/credit")
dashboard(blueprint)

RIGHT: Final = "refund"
FIELDS: Final = ("amount", "how", "reason", "memo", "form_key")
LONGEST_MEMO: Final = 200
REASONS: Final = [
    ("other", "Something else"),
    ("duplicate", "Duplicate"),
    ("order_change", "The order changed"),
    ("product_unsatisfactory", "Not satisfied"),
    ("fraudulent", "Fraudulent"),
]


@blueprint.get("")
@requires(RIGHT)
def form(invoice_id: str) -> Response:
    """How much can still go back, and how."""
    return _form(invoice_id, {"how": "refund", "reason": "other"})


@blueprint.post("")
@requires(RIGHT)
def create(invoice_id: str) -> Response:
    """Issue it. The form's key makes a form that is sent twice one credit note."""
    typed = {name: without_card_number(request.form.get(name, "").strip())[:400] for name in FIELDS}
    found = invoices.find(g.organization.id, invoice_id)
    try:
        asked = _read(invoice_id, found.currency, typed)
        end_reading()
        with transaction():
            issued = credit_notes.create(g.organization.id, asked)
            number, amount, currency = issued.note.number, issued.note.amount, issued.note.currency
            refund_id = issued.refund.id if issued.refund else None
    except BallastError as error:
        db.session.rollback()
        if isinstance(error, Conflict) and error.code == "idempotency_key_expired":
            return see_other(url_for("invoices.show", invoice_id=invoice_id))
        return _form(invoice_id, typed, error)
    if refund_id:
        refunds.send(g.organization.id, refund_id)
    _tell(number, format_money(amount, currency), refund_id)
    return see_other(url_for("invoices.show", invoice_id=invoice_id))


def _read(invoice_id: str, currency: str, typed: dict[str, str]) -> NewNote:
    if typed["how"] not in ("refund", "credit"):
        raise InvalidRequest("parameter_invalid", "Choose how it goes back.", param="how")
    if typed["reason"] not in CREDIT_REASONS:
        raise InvalidRequest("parameter_invalid", "Choose a reason.", param="reason")
    if len(typed["memo"]) > LONGEST_MEMO:
        raise InvalidRequest("parameter_invalid", f"Use at most {LONGEST_MEMO} characters.", param="memo")
    amount = from_decimal(typed["amount"], currency)
    if amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    return NewNote(
        invoice_id=invoice_id,
        how=typed["how"],  # type: ignore[arg-type]
        amount=amount,
        reason=typed["reason"],
        memo=typed["memo"],
        idempotency_key=typed["form_key"] or None,
    )


def _tell(number: str, shown: str, refund_id: str | None) -> None:
    if refund_id is None:
        flash(f"Credit note {number} issued. {shown} is the customer's credit.", "success")
        return
    wanted = select(CreditNote.status).where(
        CreditNote.organization_id == g.organization.id, CreditNote.number == number
    )
    if db.session.scalars(wanted).one() == "void":
        flash(f"The processor refused to refund {shown}. Credit note {number} is void.", "danger")
    else:
        flash(f"Credit note {number} issued. {shown} goes back to the card.", "success")


def _form(invoice_id: str, typed: dict[str, str], error: BallastError | None = None) -> Response:
    found = invoices.find(g.organization.id, invoice_id)
    payment = db.session.get(Payment, (found.organization_id, found.payment_id)) if found.payment_id else None
    can = found.status == "paid" and found.total > 0
    left = credit_notes.creditable(found, payment) if can else 0
    by_card = min(left, refunds.refundable(payment, "invoice")) if payment else 0
    disputed = payment is not None and refunds.is_disputed(payment)
    known = error is not None and error.param in FIELDS
    shown = {"amount": str(to_decimal(by_card or left, found.currency))} if left else {}
    return render(
        "admin/invoices/credit.html",
        status=422 if error else 200,
        invoice=found,
        payment=payment,
        left=0 if disputed else left,
        by_card=by_card,
        disputed=disputed,
        reasons=REASONS,
        typed=dict.fromkeys(FIELDS, "")
        | shown
        | {"how": "refund" if by_card else "credit"}
        | typed
        | ({} if by_card or error else {"how": "credit"}),
        errors={error.param: error.message} if error and known else {},
        problem=error.message if error and not known else None,
        form_key=str(uuid4()),
    )
