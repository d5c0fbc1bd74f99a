"""What is done to a subscription from the dashboard. Each act has a page that says what will happen, and does that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing.subscriptions import (
    changing,
    details,
    ending,
    forecasting,
    history,
    previews,
    prompting,
    rows,
    settling,
)
from ballast.billing.subscriptions import plan as plans
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.models import Invoice, Payment, PaymentMethod, Subscription
from ballast.models.customers import cards_with_processors
from ballast.money import format_money
from ballast.security import looks_like_card_number, without_card_number
from ballast.templating import read_day, show_date
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("subscription_acts", __name__, url_prefix="/admin/subscriptions/<subscription_id>")
dashboard(blueprint)

RIGHT: Final = "charge"
LONGEST_REASON: Final = 500


# --- Ended -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/cancel")
@requires(RIGHT)
def cancel(subscription_id: str) -> Response:
    """Now or with its period, and what each comes to."""
    return _cancel_page(rows.find(g.organization.id, subscription_id))


@blueprint.post("/cancel")
@requires(RIGHT)
def do_cancel(subscription_id: str) -> Response:
    """End it as chosen; what is given back is what the page showed."""
    how, reason = request.form.get("how", ""), request.form.get("reason", "").strip() or None

    def act(found: Subscription) -> None:
        _check_reason(reason)
        if how == "period_end":
            ending.cancel_at_period_end(found, reason)
        elif how == "now":
            ending.cancel_now(found, reason)
        elif how == "give_back":
            at = previews.read(request.form.get("at", ""))
            _agree(ending.left_over(found, at), request.form.get("credit", ""))
            ending.cancel_now(found, reason, give_back=True, at=at)
        else:
            raise InvalidRequest("parameter_invalid", "Choose when it ends.", param="how")

    return _do(subscription_id, act, _cancel_page, _canceled)


def _check_reason(reason: str | None) -> None:
    if reason and (len(reason) > LONGEST_REASON or looks_like_card_number(reason)):
        raise InvalidRequest(
            "parameter_invalid", f"Use at most {LONGEST_REASON} characters, and no card number.", param="reason"
        )


def _agree(left: Any, shown: str) -> None:
    """What is given back is what was shown, to the cent."""
    if str(-left.sums.total if left else 0) != shown:
        raise previews.expired()


def _canceled(found: Subscription) -> str:
    if found.status == "canceled":
        return "Canceled. Nothing is charged any more."
    return f"It ends on {show_date(found.current_period_end, g.organization.timezone)}."


def _cancel_page(found: Subscription, problem: str | None = None) -> Response:
    at = now().replace(microsecond=0)
    can = found.status in ending.CANCELABLE
    left = ending.left_over(found, at) if can else None
    return _page(
        "cancel",
        found,
        problem or (None if can else f"This subscription is {found.status} already."),
        can=can,
        at=at.isoformat(),
        credit=-left.sums.total if left else 0,
        owed=sum(invoice.amount_due for invoice in db.session.scalars(_open(found))),
        may_wait=found.status in ("trialing", "active", "past_due") and not found.cancel_at_period_end,
        typed={"how": request.form.get("how", ""), "reason": without_card_number(request.form.get("reason", ""))},
    )


def _open(found: Subscription) -> Any:
    return select(Invoice).where(
        Invoice.organization_id == found.organization_id,
        Invoice.subscription_id == found.id,
        Invoice.status == "open",
    )


@blueprint.get("/keep")
@requires(RIGHT)
def keep(subscription_id: str) -> Response:
    """What going on means."""
    return _confirm("keep", rows.find(g.organization.id, subscription_id))


@blueprint.post("/keep")
@requires(RIGHT)
def do_keep(subscription_id: str) -> Response:
    """Let it go on after its period."""
    return _simple("keep", subscription_id, ending.keep, "It goes on after its period.")


@blueprint.get("/drop")
@requires(RIGHT)
def drop(subscription_id: str) -> Response:
    """What dropping the change at renewal means."""
    return _confirm("drop", rows.find(g.organization.id, subscription_id))


@blueprint.post("/drop")
@requires(RIGHT)
def do_drop(subscription_id: str) -> Response:
    """Forget the change that was put off to the renewal."""
    return _simple("drop", subscription_id, changing.forget_pending, "It stays on the plan it is on.")


# --- Rested, gone on ---------------------------------------------------------------------------------------------------------


@blueprint.get("/pause")
@requires(RIGHT)
def pause(subscription_id: str) -> Response:
    """Until when, and what a pause means."""
    return _pause_page(rows.find(g.organization.id, subscription_id))


@blueprint.post("/pause")
@requires(RIGHT)
def do_pause(subscription_id: str) -> Response:
    """Bill nothing until the day, or until somebody resumes it."""
    typed = request.form.get("resumes_on", "").strip()
    return _do(
        subscription_id,
        lambda found: ending.pause(found, _read_day(typed)),
        _pause_page,
        lambda found: (
            f"Paused until {show_date(found.resumes_at, g.organization.timezone)}."
            if found.resumes_at
            else "Paused until you resume it."
        ),
    )


def _pause_page(found: Subscription, problem: str | None = None) -> Response:
    typed = without_card_number(request.form.get("resumes_on", ""))[:40]
    return _page("pause", found, problem, coming=_coming(found), typed=typed)


def _read_day(typed: str) -> datetime | None:
    """The begin of that day where the organization is."""
    if not typed:
        return None
    try:
        return read_day(typed, g.organization.timezone)
    except ValueError as error:
        raise InvalidRequest("resumes_at_invalid", "Write a day such as 2026-12-24.", param="resumes_on") from error


@blueprint.get("/resume")
@requires(RIGHT)
def resume(subscription_id: str) -> Response:
    """Whether resuming bills anything."""
    return _confirm("resume", rows.find(g.organization.id, subscription_id))


@blueprint.post("/resume")
@requires(RIGHT)
def do_resume(subscription_id: str) -> Response:
    """Go on; a period that begins with it is billed at once."""
    return _simple("resume", subscription_id, ending.resume, "It goes on.")


# --- Charged -----------------------------------------------------------------------------------------------------------------


@blueprint.get("/retry")
@requires(RIGHT)
def retry(subscription_id: str) -> Response:
    """What is charged, to which card, and how often the network lets one try."""
    return _confirm("retry", rows.find(g.organization.id, subscription_id))


@blueprint.post("/retry")
@requires(RIGHT)
def do_retry(subscription_id: str) -> Response:
    """Charge what is owed now."""

    def act(found: Subscription) -> None:
        if found.status in rows.ENDED or not settling.retry_now(found):
            raise Conflict("state_conflict", "Nothing is owed that could be charged.")

    return _do(subscription_id, act, lambda found, problem=None: _confirm("retry", found, problem), _charged)


@blueprint.get("/card")
@requires(RIGHT)
def card(subscription_id: str) -> Response:
    """Which of the customer's stored cards."""
    return _card_page(rows.find(g.organization.id, subscription_id))


@blueprint.post("/card")
@requires(RIGHT)
def do_card(subscription_id: str) -> Response:
    """Charge another card from now on, and what is owed at once."""
    chosen = without_card_number(request.form.get("card", ""))
    if not chosen:
        return _card_page(rows.find(g.organization.id, subscription_id), "Choose a card.")
    return _do(
        subscription_id,
        lambda _found: details.change(g.organization.id, subscription_id, {"payment_method": chosen}),
        _card_page,
        _charged,
    )


def _card_page(found: Subscription, problem: str | None = None) -> Response:
    customer = rows.customer_of_row(found)
    stored = db.session.execute(cards_with_processors(found.organization_id, customer.id))
    owed = list(db.session.scalars(settling.owed_of(found)))
    return _page(
        "card",
        found,
        problem,
        cards=[{"card": row[0], "processor": row[1]} for row in stored],
        present=rows.card_of_row(found, customer),
        owed=sum(invoice.amount_due for invoice in owed),
        ended=found.status in rows.ENDED,
    )


def _charged(found: Subscription) -> str:
    """What came of it, as it is now."""
    owed = list(db.session.scalars(settling.owed_of(found)))
    if not owed:
        return "Nothing is owed any more." if found.status == "active" else "Saved."
    amount = format_money(sum(invoice.amount_due for invoice in owed), found.currency)
    return f"{amount} is still owed. {_why(owed[0])}"


def _why(invoice: Invoice) -> str:
    payment = db.session.get(Payment, (invoice.organization_id, invoice.payment_id)) if invoice.payment_id else None
    match payment.status if payment else "":
        case "requires_action":
            return "The bank wants the customer to confirm; they have a mail with the link."
        case "processing":
            return "The processor hasn't answered yet, and is being asked."
    code = ((payment.last_error if payment else None) or {}).get("decline_code")
    return f"The card was declined ({code})." if code else "The card could not be charged."


# --- Pages -------------------------------------------------------------------------------------------------------------------


def _confirm(what: str, found: Subscription, problem: str | None = None) -> Response:
    """The page of an act that asks for nothing."""
    customer = rows.customer_of_row(found)
    stored = rows.card_of_row(found, customer)
    owed = list(db.session.scalars(settling.owed_of(found)))
    return _page(
        "confirm",
        found,
        problem or _not_now(what, found, stored, owed),
        what=what,
        stored=stored,
        owed=owed,
        budget=history.budget_of(stored, owed[0].amount_due) if what == "retry" and stored and owed else None,
        coming=_resumed(found) if what == "resume" else _coming_if_kept(found) if what == "keep" else None,
        pending=history.pending_of(found),
    )


def _not_now(what: str, found: Subscription, stored: PaymentMethod | None, owed: Sequence[Invoice]) -> str | None:
    """Why the act is not possible as things are."""
    impossible = {
        "keep": not found.cancel_at_period_end and "It is not about to end.",
        "drop": history.pending_of(found) is None and "No change waits for the renewal.",
        "resume": found.status != "paused" and "It is not paused.",
        "retry": (not owed and "Nothing is owed.") or (stored is None and "No card is stored."),
    }
    return impossible[what] or None


def _resumed(found: Subscription) -> forecasting.Forecast | None:
    """What resuming bills at once; None while the paid period or the trial lasts."""
    return None if found.current_period_end > now() else forecasting.restarted(found)


def _coming(found: Subscription) -> forecasting.Forecast | None:
    can = found.status in ("trialing", "active", "past_due") and not found.cancel_at_period_end
    return forecasting.upcoming(found) if can else None


def _coming_if_kept(found: Subscription) -> forecasting.Forecast | None:
    return forecasting.renewed(found) if found.status in ("trialing", "active", "past_due") else None


def _page(name: str, found: Subscription, problem: str | None, **context: Any) -> Response:
    return render(
        f"admin/subscriptions/{name}.html",
        status=422 if problem and request.method == "POST" else 200,
        subscription=found,
        customer=rows.customer_of_row(found),
        plan=plans.of(found),
        problem=problem,
        **context,
    )


def _simple(what: str, subscription_id: str, act: Callable[[Subscription], Any], said: str) -> Response:
    return _do(subscription_id, act, lambda found, problem=None: _confirm(what, found, problem), lambda _found: said)


def _do(
    subscription_id: str,
    act: Callable[[Subscription], Any],
    page: Callable[..., Response],
    say: Callable[[Subscription], str],
) -> Response:
    """Do it to the locked row, and whatever falls due by it; the page again, with the reason, where it cannot be."""
    end_reading()
    try:
        with transaction():
            act(rows.locked(g.organization.id, subscription_id))
    except BallastError as error:
        if error.status == 404:
            raise
        return page(rows.find(g.organization.id, subscription_id), error.message)
    prompting.run_due(g.organization.id, subscription_id)
    found = rows.find(g.organization.id, subscription_id)
    said = say(found)
    flash(said, "warning" if "still owed" in said else "success")
    return see_other(url_for("subscriptions.show", subscription_id=subscription_id))
