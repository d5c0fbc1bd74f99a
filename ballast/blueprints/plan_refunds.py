"""Refunding what was bought on a plan: the consequence for the plan before the click, then exactly that."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing.financing import letters, rows
from ballast.billing.financing.servicing import acting, amendments, payloads, returns
from ballast.billing.financing.servicing.previews import Preview
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, NotFound
from ballast.money import from_decimal
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("plan_refunds", __name__, url_prefix="/admin/financing/agreements/<agreement_id>/refund")
dashboard(blueprint)


@blueprint.get("")
@requires("refund")
def ask(agreement_id: str) -> Response:
    """How much of the price; once it is said, what that does."""
    typed = request.args.get("amount", "")
    if not typed:
        return _page(agreement_id, typed)
    return _look(agreement_id, typed)


@blueprint.post("")
@requires("refund")
def do(agreement_id: str) -> Response:
    """What was shown, exactly."""
    typed, organization_id = request.form.get("amount", ""), g.organization.id
    try:
        amount = from_decimal(typed, rows.find(organization_id, agreement_id).currency)
        end_reading()
        with transaction():
            by = amendments.signed(request.form.get("preview_hash", ""), request.form.get("reason", ""))
            done = acting.act(organization_id, agreement_id, partial(returns.decide, amount=amount), by)
        acting.finish(done)
    except NotFound:
        raise
    except BallastError as error:
        return _look(agreement_id, typed, error.message, error.status if error.status != 400 else 422)
    flash("Refunded. The plan is as the preview said.", "success")
    last = done.preview.consequence.back[:1]
    return see_other(url_for("admin.payment", payment_id=last[0].payment_id) if last else url_for("admin.payments"))


def _look(agreement_id: str, typed: str, problem: str | None = None, status: int = 200) -> Response:
    agreement = rows.find(g.organization.id, agreement_id)
    try:
        amount = from_decimal(typed, agreement.currency)
        seen = acting.preview(g.organization.id, agreement_id, partial(returns.decide, amount=amount))
    except BallastError as error:
        return _page(agreement_id, typed, None, problem or error.message, 422)
    return _page(agreement_id, typed, seen, problem, status)


def _page(
    agreement_id: str, typed: str, seen: Preview | None = None, problem: str | None = None, status: int = 200
) -> Response:
    agreement = rows.find(g.organization.id, agreement_id)
    return render(
        "admin/financing/refund.html",
        status=status,
        agreement=agreement,
        item=letters.item_of(agreement),
        typed=typed[:20],
        reason=request.values.get("reason", "")[:500],
        seen=seen,
        lines=payloads.labeled(seen) if seen else [],
        problem=problem,
    )
