"""What staff do to an agreement from the dashboard. Each act has a page that shows what it would do, and does exactly that."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing.financing import agreement_history, balances
from ballast.billing.financing.servicing import acting, amendments, forms, wording
from ballast.billing.financing.servicing.acting import Done
from ballast.billing.financing.servicing.forms import Act, Typed
from ballast.billing.financing.servicing.previews import Preview
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest, NotFound
from ballast.identity import users
from ballast.models import Attempt, Installment, Payment
from ballast.models.customers import cards_with_processors
from ballast.money import format_money, to_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("agreement_acts", __name__, url_prefix="/admin/financing/agreements/<agreement_id>")
dashboard(blueprint)

RIGHT = "charge"
LONGEST_REASON = 500


@blueprint.get("/<name>")
@requires(RIGHT)
def form(agreement_id: str, name: str) -> Response:
    """What the act asks for; what it would do at once where it asks for nothing."""
    act, found = _act(name), agreement_history.around(g.organization.id, agreement_id)
    typed = Typed({}, found.agreement.currency)
    if act.fields:
        return _form(name, act, found, _usual(name, found))
    return _try(name, act, found, typed)


@blueprint.post("/<name>")
@requires(RIGHT)
def do(agreement_id: str, name: str) -> Response:
    """Show what it would do; with the hash of a preview, do exactly that. An outdated one is answered with the new one, and 409."""
    act, found = _act(name), agreement_history.around(g.organization.id, agreement_id)
    typed = Typed(_typed(act), found.agreement.currency)
    if not request.form.get("preview_hash"):
        return _try(name, act, found, typed)
    try:
        done = _do(agreement_id, act, typed)
    except BallastError as error:
        found = agreement_history.around(g.organization.id, agreement_id)
        if error.code in ("preview_outdated", "reason_invalid"):
            return _try(name, act, found, typed, error)
        return _refused(name, act, found, typed, error)
    _tell(act, done)
    return see_other(url_for("agreements.show", agreement_id=agreement_id))


def _act(name: str) -> Act:
    """Raises NotFound; 403 for who may not."""
    act = forms.ACTS.get(name)
    if act is None:
        raise NotFound("page")
    if not users.may(g.role, act.right):
        abort(403)
    return act


def _typed(act: Act) -> dict[str, str]:
    return {name: without_card_number(request.form.get(name, "").strip())[:64] for name in act.fields}


def _do(agreement_id: str, act: Act, typed: Typed) -> Done:
    reason = request.form.get("reason", "").strip()
    if len(reason) > LONGEST_REASON or looks_like_card_number(reason):
        said = f"Use at most {LONGEST_REASON} characters, and no card number."
        raise InvalidRequest("reason_invalid", said, param="reason")
    by = amendments.signed(request.form.get("preview_hash", ""), reason)
    end_reading()
    with transaction():
        done = acting.act(g.organization.id, agreement_id, lambda plan: act.decide(plan, typed), by)
    acting.finish(done)
    return done


def _tell(act: Act, done: Done) -> None:
    """What came of it, in one sentence; of a charge as far as it is known."""
    if done.begun is None:
        flash(act.done, "success")
        return
    of_attempt = (Attempt.organization_id == Payment.organization_id) & (Attempt.payment_id == Payment.id)
    wanted = select(Payment).join(Attempt, of_attempt)
    payment = db.session.scalars(
        wanted.where(Payment.organization_id == done.organization_id, Attempt.id == done.begun.attempt_id)
    ).one()
    shown = format_money(payment.amount, payment.currency)
    match payment.status:
        case "succeeded":
            flash(f"Charged {shown}. {act.done}", "success")
        case "requires_action":
            flash(f"The bank wants the customer to confirm {shown}. The plan changes when they do.", "warning")
        case "processing":
            flash("The processor hasn't answered yet. The plan changes once the money is there.", "warning")
        case _:
            code = (payment.last_error or {}).get("decline_code") or "no reason given"
            flash(f"Declined ({code}). Nothing was charged, and the plan is what it was.", "danger")


# --- Pages -------------------------------------------------------------------------------------------------------------------


def _try(
    name: str, act: Act, found: agreement_history.Around, typed: Typed, error: BallastError | None = None
) -> Response:
    """What it would do now, or why it cannot be done. `error`: why it was not."""
    try:
        seen = acting.preview(g.organization.id, found.agreement.id, lambda plan: act.decide(plan, typed))
    except BallastError as refused:
        return _refused(name, act, found, typed, refused)
    return _review(name, act, found, typed, seen, error)


def _review(
    name: str,
    act: Act,
    found: agreement_history.Around,
    typed: Typed,
    seen: Preview,
    error: BallastError | None,
) -> Response:
    card = found.card
    shown = f"{(card.brand or 'card').capitalize()} {card.last4 or ''}".strip() if card else ""
    return render(
        "admin/agreements/review.html",
        status=409 if error and error.code == "preview_outdated" else 422 if error else 200,
        name=name,
        act=act,
        agreement=found.agreement,
        customer=found.customer,
        typed=typed.values,
        seen=seen,
        lines=wording.lines(seen, shown),
        rows=wording.rows(seen),
        button=_button(act, seen),
        reason=without_card_number(request.form.get("reason", ""))[:LONGEST_REASON],
        error=error,
    )


def _button(act: Act, seen: Preview) -> str:
    """It names its result."""
    wanted, currency = seen.consequence, seen.currency
    if wanted.kind == "settled":
        return f"Settle for {format_money(wanted.charged or wanted.recorded, currency)}"
    if wanted.charged:
        return f"Charge {format_money(wanted.charged, currency)}"
    if wanted.recorded:
        return f"Record {format_money(wanted.recorded, currency)}"
    if wanted.kind == "refunded":
        return f"Refund {format_money(seen.back + seen.credited, currency)}"
    if wanted.status == "charged_off":
        return f"Write off {format_money(seen.balance_before.total, currency)}"
    return act.title


def _usual(name: str, found: agreement_history.Around) -> dict[str, str]:
    """What the fields begin with."""
    unpaid, today = balances.unpaid(found.installments), found.today.isoformat()
    first = next(iter(_choices(name, found)), None)
    return {
        "received_on": today,
        "installment": str(first.number) if first else "",
        "to": first.due_on.isoformat() if first else today,
        "months": "1",
        "means": "card" if found.agreement.payment_method_id else "elsewhere",
        "installments": str(max(len(unpaid), 2)),
        "payment_method": found.agreement.payment_method_id or "",
    }


def _refused(name: str, act: Act, found: agreement_history.Around, typed: Typed, error: BallastError) -> Response:
    """The fields again with the reason; the reason alone where there are none."""
    if error.status == 404:
        raise error
    return _form(name, act, found, dict(typed.values), error)


def _form(
    name: str,
    act: Act,
    found: agreement_history.Around,
    typed: dict[str, str],
    error: BallastError | None = None,
) -> Response:
    named = error is not None and error.param in act.fields
    return render(
        "admin/agreements/act.html",
        status=(422 if error.status == 400 else error.status) if error and request.method == "POST" else 200,
        name=name,
        act=act,
        agreement=found.agreement,
        customer=found.customer,
        choices=_choices(name, found),
        today=found.today,
        cards=_cards(found) if "payment_method" in act.fields else [],
        typed=typed,
        errors={error.param: error.message} if error and named else {},
        problem=error.message if error and not named else None,
        interest=str(to_decimal(balances.of(found.installments).interest, found.agreement.currency)),
    )


def _choices(name: str, found: agreement_history.Around) -> list[Installment]:
    return forms.choices(name, found.agreement, found.installments) if found.agreement.activated_at else []


def _cards(found: agreement_history.Around) -> list[dict[str, Any]]:
    stored = db.session.execute(cards_with_processors(g.organization.id, found.customer.id))
    return [{"card": row[0], "processor": row[1]} for row in stored]
