"""Held money in the dashboard: capture it, in whole or in part, or let it go; each behind a page that shows the consequence."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import holds, payments
from ballast.db import db, end_reading
from ballast.errors import BallastError
from ballast.models import Payment
from ballast.models.payments import attempts_of
from ballast.money import format_money, from_decimal, to_decimal
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("held", __name__, url_prefix="/admin/payments/<payment_id>")
dashboard(blueprint)


@blueprint.get("/capture")
@requires("capture")
def capture_form(payment_id: str) -> Response:
    """How much of what is held to take."""
    found = payments.find(g.organization.id, payment_id)
    return _page("capture", found, str(to_decimal(found.amount, found.currency)))


@blueprint.post("/capture")
@requires("capture")
def capture(payment_id: str) -> Response:
    """Take it. A form that is sent twice finds nothing held any more."""
    found = payments.find(g.organization.id, payment_id)
    typed, currency = request.form.get("amount", ""), found.currency
    try:
        amount = from_decimal(typed, currency)
        end_reading()
        holds.capture(g.organization.id, payment_id, amount)
    except BallastError as error:
        return _page("capture", payments.find(g.organization.id, payment_id), typed, error)
    return _tell(payment_id, f"{format_money(amount, currency)} captured.", "succeeded")


@blueprint.get("/release")
@requires("capture")
def release_form(payment_id: str) -> Response:
    """What letting go means."""
    found = payments.find(g.organization.id, payment_id)
    return _page("release", found, "")


@blueprint.post("/release")
@requires("capture")
def release(payment_id: str) -> Response:
    """Let it go."""
    end_reading()
    try:
        holds.void(g.organization.id, payment_id)
    except BallastError as error:
        return _page("release", payments.find(g.organization.id, payment_id), "", error)
    found = payments.find(g.organization.id, payment_id)
    return _tell(payment_id, f"{format_money(found.amount, found.currency)} released. Nothing was charged.", "canceled")


def _tell(payment_id: str, done: str, wanted: str) -> Response:
    status = payments.find(g.organization.id, payment_id).status
    if status == wanted:
        flash(done, "success")
    elif status == "processing":
        flash("The processor hasn't answered yet. This page shows the outcome as soon as it is known.", "warning")
    else:
        flash("The processor did not do it. The payment shows how it stands now.", "danger")
    return see_other(url_for("admin.payment", payment_id=payment_id))


def _page(act: str, found: Payment, typed: str, error: BallastError | None = None) -> Response:
    about_amount = error is not None and error.param in ("amount", "amount_to_capture")
    return render(
        "admin/payments/held.html",
        "form",
        422 if error else 200,
        act=act,
        payment=found,
        attempts=list(db.session.scalars(attempts_of(found.organization_id, found.id))),
        amount_text=typed,
        amount_error=error.message if error and about_amount else None,
        problem=error.message if error and not about_amount else None,
    )
