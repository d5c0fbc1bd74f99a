"""A customer's installment plans in the portal: paid early, paid off, moved, paused, charged to another card. Each act is shown first,
then done exactly so. Works without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final

from flask import Blueprint, Response, flash, g, make_response, request, url_for

from ballast import config
from ballast.billing import new_cards, on_session, payments, portal_plans, ways
from ballast.billing.card_setup import Outcome
from ballast.billing.financing import locks
from ballast.billing.financing.servicing import (
    acting,
    amendments,
    dates,
    payoffs,
    plan_cards,
    prepayments,
    wording,
)
from ballast.billing.financing.servicing.acting import Decide
from ballast.billing.financing.servicing.charging import Means
from ballast.billing.financing.servicing.previews import Preview
from ballast.billing.portal_plans import Shown
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest, NotFound
from ballast.models import Payment
from ballast.money import format_money, from_decimal
from ballast.portal_frame import Place, card_page, card_status_page, portal_pages, say_stored, store_card
from ballast.web import policy, render, see_other

blueprint = Blueprint("portal_plans", __name__, url_prefix="/portal/<token>/plans/<agreement_id>")
portal_pages(blueprint)
# Act → (heading, the field it needs to be previewed).
ACTS: Final[dict[str, tuple[str, str | None]]] = {
    "pay": ("Pay the next payment", None),
    "amount": ("Pay another amount", "amount"),
    "payoff": ("Pay off the plan", None),
    "date": ("Move a payment date", "to"),
    "pause": ("Pause the plan", "months"),
    "card": ("Change card", "payment_method"),
}
UNDER_WAY: Final = ("action", "processing")
# The page asks every two seconds for this long; after that the mail tells.
POLL_FOR: Final = timedelta(minutes=2)


@blueprint.get("")
def show(agreement_id: str) -> Response:
    """One plan: what is left, what comes next, what may be done."""
    return render("portal/agreement.html", plan=portal_plans.find(g.customer, agreement_id))


@blueprint.get("/return")
def returned(agreement_id: str) -> Response:
    """Back from the bank: the processor is asked."""
    plan = portal_plans.find(g.customer, agreement_id)
    payment_id = (plan.agreement.under_way or {}).get("payment")
    payment = db.session.get(Payment, (g.shop.id, payment_id)) if payment_id else None
    on_session.look_again(payment)
    return _done(agreement_id, payment_id) if payment_id else _home(agreement_id)


# --- A payment under way -----------------------------------------------------------------------------------------------------


@blueprint.get("/payments/<payment_id>")
def payment_page(agreement_id: str, payment_id: str) -> Response:
    """The bank's question, or that nobody knows yet; home with what came of it once that is known."""
    plan, payment = portal_plans.find(g.customer, agreement_id), _payment(agreement_id, payment_id)
    if on_session.state_of(payment) not in UNDER_WAY:
        return _done(agreement_id, payment_id)
    return _payment_page(plan, payment)


@blueprint.get("/payments/<payment_id>/status")
def payment_status(agreement_id: str, payment_id: str) -> Response:
    """Polled while the outcome is open; ends by sending the browser on, or by answering without the trigger."""
    plan, payment = portal_plans.find(g.customer, agreement_id), _payment(agreement_id, payment_id)
    if on_session.state_of(payment) != "processing":
        return see_other(url_for("portal_plans.payment_page", agreement_id=agreement_id, payment_id=payment_id))
    return _payment_page(plan, payment, "processing")


@blueprint.post("/payments/<payment_id>/another-card")
def another_card(agreement_id: str, payment_id: str) -> Response:
    """Its customer would rather not confirm with this bank: the challenge is taken back, another card may be stored."""
    portal_plans.find(g.customer, agreement_id)
    on_session.take_back(_payment(agreement_id, payment_id))
    if on_session.state_of(_payment(agreement_id, payment_id)) in ("paid", *UNDER_WAY):
        return _done(agreement_id, payment_id)
    return see_other(url_for("portal_plans.ask_card", agreement_id=agreement_id))


def _payment(agreement_id: str, payment_id: str) -> Payment:
    """A payment that pays some of the plan. Raises NotFound."""
    found = payments.find(g.shop.id, payment_id)
    if locks.agreement_id_of(g.shop.id, found.id) != agreement_id:
        raise NotFound("payment")
    return found


def _payment_page(plan: Shown, payment: Payment, block: str | None = None) -> Response:
    agreement_id, payment_id = plan.agreement.id, payment.id
    state, since = on_session.state_of(payment), on_session.waiting_since(payment)
    action = on_session.challenge_of(payment, url_for("portal_plans.returned", agreement_id=agreement_id))
    amount, currency = payment.amount, payment.currency
    way = ways.of_payment(payment) if state == "action" else None
    response = make_response(
        render(
            "portal/plan_payment.html",
            block,
            plan=portal_plans.find(g.customer, agreement_id),
            payment_id=payment_id,
            state=state,
            amount=amount,
            currency=currency,
            processor=way.for_page if way else None,
            action=action,
            polling=since is not None and since > now() - POLL_FOR,
        )
    )
    response.headers["Content-Security-Policy"] = policy(dict(way.config.csp) if way else {})
    return response


# --- A new card --------------------------------------------------------------------------------------------------------------


@blueprint.get("/card/new")
def ask_card(agreement_id: str) -> Response:
    """The processor's own field, for a new card."""
    plan = portal_plans.find(g.customer, agreement_id)
    return card_page(_place(plan)) if plan.is_open else _home(agreement_id)


@blueprint.post("/card/new")
def add_card(agreement_id: str) -> Response:
    """Store it, charge it from now on, and what was declined at once."""
    plan = portal_plans.find(g.customer, agreement_id)
    try:
        card_id, outcome = store_card(plan.agreement.id)
    except BallastError as error:
        plan = portal_plans.find(g.customer, agreement_id)
        return card_page(_place(plan), error.message, _status(error)) if plan.is_open else _home(agreement_id)
    return _card_answer(agreement_id, card_id, outcome)


@blueprint.get("/card/new/<card_id>")
def card_status(agreement_id: str, card_id: str) -> Response:
    """How the storing of a card stands: polled, and where the bank sends its customer back to."""
    portal_plans.find(g.customer, agreement_id)
    return _card_answer(agreement_id, card_id, new_cards.look(g.shop.id, agreement_id, card_id))


def _card_answer(agreement_id: str, card_id: str, outcome: Outcome) -> Response:
    plan = portal_plans.find(g.customer, agreement_id)
    if outcome.state == "stored" or not plan.is_open:
        say_stored(is_paid=not portal_plans.at_once(plan))
        return _home(agreement_id)
    if outcome.state == "declined":
        return card_page(_place(plan), outcome.sentence, 422)
    return card_status_page(_place(plan), card_id, outcome)


def _place(plan: Shown) -> Place:
    agreement, at_once = plan.agreement, portal_plans.at_once(plan)
    here = url_for("portal_plans.show", agreement_id=agreement.id)
    return Place(
        id=agreement.id,
        kind="payment plan",
        item=plan.item,
        card=plan.seen.card,
        at_once=f"{format_money(at_once, agreement.currency)}, which is late," if at_once else "",
        amount=portal_plans.setup_amount(agreement),
        currency=agreement.currency,
        seed=agreement.token,
        trail=(("Your page", url_for("portal.show")), (plan.item, here)),
        url=url_for("portal_plans.ask_card", agreement_id=agreement.id),
    )


def _home(agreement_id: str) -> Response:
    return see_other(url_for("portal_plans.show", agreement_id=agreement_id))


@blueprint.get("/<act>")
def ask(agreement_id: str, act: str) -> Response:
    """What has to be said; once it is, what comes of it, with the button that does it."""
    plan, typed = portal_plans.find(g.customer, agreement_id), request.args.to_dict()
    _heading, field = _act(act)
    if field is not None and not typed.get(field):
        return _page(plan, act, typed)
    return _look(plan, act, typed)


@blueprint.post("/<act>")
def do(agreement_id: str, act: str) -> Response:
    """What was shown, exactly."""
    plan, typed = portal_plans.find(g.customer, agreement_id), request.form.to_dict()
    _act(act)
    back = f"{config.current().public_url}{url_for('portal_plans.returned', agreement_id=agreement_id)}"
    organization_id = g.shop.id
    try:
        decide = _decide(plan, act, typed)
        end_reading()
        with transaction():
            by = amendments.signed(typed.get("preview_hash", ""))
            done = acting.act(organization_id, agreement_id, decide, by, Means(return_url=back))
        acting.finish(done)
    except NotFound:
        raise
    except BallastError as error:
        return _look(portal_plans.find(g.customer, agreement_id), act, typed, error.message, _status(error))
    return _done(agreement_id, done.payment_id)


def _done(agreement_id: str, payment_id: str | None) -> Response:
    """Home, with what came of it; to the payment's own page, where the bank asks first, or nobody knows yet."""
    if payment_id is None:
        flash("Done. This is your plan now.", "success")
        return _home(agreement_id)
    payment = db.session.get_one(Payment, (g.shop.id, payment_id), populate_existing=True)
    match on_session.state_of(payment):
        case "paid":
            shown = format_money(payment.amount, payment.currency)
            flash(f"Thank you. We received {shown} and charged you once.", "success")
        case "processing" | "action":
            return see_other(url_for("portal_plans.payment_page", agreement_id=agreement_id, payment_id=payment_id))
        case _:
            flash(f"{on_session.decline_of(payment) or 'Nothing was charged.'} Your plan is as it was.", "danger")
    return _home(agreement_id)


def _act(act: str) -> tuple[str, str | None]:
    if act not in ACTS:
        raise NotFound("page")
    return ACTS[act]


def _decide(plan: Shown, act: str, typed: Mapping[str, str]) -> Decide:
    """The act that a form asks for. Raises InvalidRequest for what cannot be read."""
    match act:
        case "amount":
            return partial(prepayments.extra, amount=from_decimal(typed.get("amount", ""), plan.agreement.currency))
        case "payoff":
            return payoffs.decide
        case "date":
            return partial(dates.move, number=_number(typed.get("installment", "")), to=_day(typed.get("to", "")))
        case "pause":
            return partial(dates.pause, months=_number(typed.get("months", "")))
        case "card":
            return partial(plan_cards.change, card_id=typed.get("payment_method", ""))
    return prepayments.next_installment


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 5 else 0


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError as error:
        raise InvalidRequest("date_move_invalid", "Enter a day.", param="to") from error


def _status(error: BallastError) -> int:
    """Of a form that comes again."""
    return {400: 422, 404: 409}.get(error.status, error.status)


def _look(plan: Shown, act: str, typed: Mapping[str, str], problem: str | None = None, status: int = 200) -> Response:
    """The preview, or why there is none; a problem that came before goes first."""
    try:
        seen = acting.preview(g.shop.id, plan.agreement.id, _decide(plan, act, typed))
    except BallastError as error:
        return _page(plan, act, typed, problem=problem or error.message, status=_status(error))
    return _page(plan, act, typed, seen, problem, status)


def _page(
    plan: Shown,
    act: str,
    typed: Mapping[str, str],
    seen: Preview | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    return render(
        "portal/agreement_act.html",
        status=status,
        plan=plan,
        act=act,
        heading=ACTS[act][0],
        typed={name: typed.get(name, "")[:60] for name in ("amount", "installment", "to", "months", "payment_method")},
        seen=seen,
        lines=wording.lines(seen) if seen else [],
        problem=problem,
    )
