"""The customer's own page, for whoever holds its signed address: subscriptions, cards, plans, invoices. Works without scripts but
for the card field, which is the processor's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from dateutil.relativedelta import relativedelta
from flask import Blueprint, Response, flash, g, request, url_for
from flask import session as browser

from ballast import config
from ballast.billing import new_cards, payments, portal, portal_links, portal_plans, returning
from ballast.billing.card_setup import Outcome
from ballast.billing.portal import Held
from ballast.billing.subscriptions import changing, ending, forecasting, rows
from ballast.billing.subscriptions.changing import Change
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, NotFound, RateLimited
from ballast.models import Subscription
from ballast.models.invoices import invoices_of_subscription
from ballast.money import format_money
from ballast.portal_frame import Place, card_page, card_status_page, over, portal_pages, say_stored, store_card
from ballast.templating import show_date
from ballast.web import render, see_other

blueprint = Blueprint("portal", __name__, url_prefix="/portal/<token>")
# How many months a pause may be asked for; 0 is until it is resumed.
PAUSES: Final = (1, 2, 3, 0)
Act = Callable[[Subscription], Any]


portal_pages(blueprint)


@blueprint.post("/link")
def send_link() -> Response:
    """Mail a new address to whose this one was."""
    link = g.link
    end_reading()
    try:
        with transaction():
            portal_links.send(link.organization_id, link.customer_id)
    except RateLimited as error:
        response = over(problem=error.message, status=error.status)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    return over(sent=True, status=200)


@blueprint.get("")
def show() -> Response:
    """Everything at a glance."""
    return render(
        "portal/index.html",
        customer=g.customer,
        held=portal.subscriptions(g.customer),
        plans=portal_plans.of(g.customer),
        invoices=portal.invoices(g.customer),
        notes=portal.credit_notes(g.customer),
        credit=portal.credit(g.customer),
    )


@blueprint.post("/shop")
def go_shopping() -> Response:
    """On to the shop, and to the cart if something waits there; whoever holds this address may pay with the cards that are stored."""
    browser[returning.key(g.shop.id)] = g.token
    waits = f"cart:{g.shop.id}" in browser
    return see_other(url_for("storefront.cart" if waits else "storefront.index", slug=g.shop.slug))


# --- One act each ------------------------------------------------------------------------------------------------------------


@blueprint.get("/subscriptions/<subscription_id>/cancel")
def ask_cancel(subscription_id: str) -> Response:
    """What canceling means, and the button."""
    return render("portal/cancel.html", held=portal.subscription(g.customer, subscription_id))


@blueprint.post("/subscriptions/<subscription_id>/cancel")
def cancel(subscription_id: str) -> Response:
    """At the end of the paid period; at once where there is none."""
    held = portal.subscription(g.customer, subscription_id)
    is_renewing, ends = held.may_cancel, held.subscription.current_period_end
    tz = held.subscription.timezone
    if is_renewing:
        said = f"Canceled. It stays yours until {show_date(ends, tz)}, and nothing more is charged."
        return _do(subscription_id, lambda found: ending.cancel_at_period_end(found, "customer"), said)
    return _do(
        subscription_id, lambda found: ending.cancel_now(found, "customer"), "Canceled. Nothing more is charged."
    )


@blueprint.post("/subscriptions/<subscription_id>/keep")
def keep(subscription_id: str) -> Response:
    """Undo the cancellation."""
    return _do(subscription_id, ending.keep, "Good to have you back: your subscription goes on.")


@blueprint.get("/subscriptions/<subscription_id>/pause")
def ask_pause(subscription_id: str) -> Response:
    """For how long."""
    held = portal.subscription(g.customer, subscription_id)
    days = {months: now() + relativedelta(months=months) for months in PAUSES if months}
    return render("portal/pause.html", held=held, days=days)


@blueprint.post("/subscriptions/<subscription_id>/pause")
def pause(subscription_id: str) -> Response:
    """Bill nothing until then."""
    typed = request.form.get("months", "0")
    months = int(typed) if typed in {str(one) for one in PAUSES} else 0
    until = now() + relativedelta(months=months) if months else None
    return _do(subscription_id, lambda found: ending.pause(found, until), "Paused. Nothing is charged meanwhile.")


@blueprint.post("/subscriptions/<subscription_id>/resume")
def resume(subscription_id: str) -> Response:
    """Go on: in the paid period if it lasts, else with a new one from now."""
    return _do(subscription_id, ending.resume, "Your subscription goes on.")


@blueprint.post("/subscriptions/<subscription_id>/keep-plan")
def keep_plan(subscription_id: str) -> Response:
    """Undo a change that was put off to the renewal."""
    return _do(subscription_id, changing.forget_pending, "Your plan stays as it is.")


def _do(subscription_id: str, what: Act, said: str) -> Response:
    """Do it to the locked subscription and go home; what stands in the way is said there."""
    portal.subscription(g.customer, subscription_id)
    organization_id = g.shop.id
    end_reading()
    try:
        with transaction():
            what(rows.locked(organization_id, subscription_id))
    except NotFound:
        raise
    except BallastError as error:
        flash(error.message, "danger")
    else:
        flash(said, "success")
    return see_other(url_for("portal.show"))


# --- Plan --------------------------------------------------------------------------------------------------------------------


@blueprint.get("/subscriptions/<subscription_id>/plan")
def ask_plan(subscription_id: str) -> Response:
    """The plans to choose from; once one is chosen, what the change comes to."""
    held = portal.subscription(g.customer, subscription_id)
    if "price" not in request.args:
        return _plan_page(held)
    try:
        seen = forecasting.change(held.subscription, _change(request.args.to_dict(), None))
    except BallastError as error:
        return _plan_page(held, problem=error.message, status=_status(error))
    return _plan_page(held, seen=seen)


def _plan_page(
    held: Held, seen: changing.Preview | None = None, problem: str | None = None, status: int = 200
) -> Response:
    chosen = request.values.to_dict()
    return render(
        "portal/plan.html",
        status=status,
        held=held,
        prices=portal.prices(held.subscription),
        chosen=chosen.get("price", held.subscription.price_id),
        quantity=chosen.get("quantity", str(held.subscription.quantity))[:6],
        when=_when(chosen),
        seen=seen,
        problem=problem,
    )


@blueprint.post("/subscriptions/<subscription_id>/plan")
def change_plan(subscription_id: str) -> Response:
    """What was shown, exactly; what must be paid takes effect once it is, and its invoice's page says how that stands."""
    held = portal.subscription(g.customer, subscription_id)
    form = request.form.to_dict()
    organization_id = g.shop.id
    back = f"{config.current().public_url}{url_for('portal.returned', subscription_id=subscription_id)}"
    end_reading()
    try:
        with transaction():
            wanted = _change(form, _instant(form.get("at", "")))
            done = changing.change(rows.locked(organization_id, subscription_id), wanted, return_url=back)
            invoice_token = done.invoice.token if done.invoice else None
            begun = done.begun
    except BallastError as error:
        held = portal.subscription(g.customer, held.subscription.id)
        return _plan_page(held, problem=error.message, status=_status(error))
    if begun:
        payments.run(begun)
    return _changed(subscription_id, invoice_token, wanted)


def _changed(subscription_id: str, invoice_token: str | None, wanted: Change) -> Response:
    found = portal.subscription(g.customer, subscription_id).subscription
    if wanted.when == "renewal":
        flash(f"From {show_date(found.current_period_end, found.timezone)} on you are on the new plan.", "success")
        return see_other(url_for("portal.show"))
    if invoice_token and (found.price_id, found.quantity) != (wanted.price_id, wanted.quantity):
        return see_other(url_for("invoice_page.show", token=invoice_token))
    flash("Your plan has changed.", "success")
    return see_other(url_for("portal.show"))


def _change(typed: dict[str, str], at: datetime | None) -> Change:
    quantity = typed.get("quantity", "1").strip()
    return Change(
        price_id=typed.get("price", ""),
        quantity=int(quantity) if quantity.isascii() and quantity.isdigit() and len(quantity) < 7 else 0,
        when="renewal" if _when(typed) == "renewal" else "now",
        at=at,
    )


def _when(typed: dict[str, str]) -> str:
    return "renewal" if typed.get("when") == "renewal" else "now"


def _status(error: BallastError) -> int:
    """Of a form that comes again."""
    return {400: 422, 404: 409}.get(error.status, error.status)


def _instant(text: str) -> datetime | None:
    """The instant a preview was drawn for; None, which is now, for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@blueprint.get("/subscriptions/<subscription_id>/return")
def returned(subscription_id: str) -> Response:
    """Back from the bank that was asked about a change: on to its invoice's page, which asks the processor."""
    held = portal.subscription(g.customer, subscription_id)
    newest = db.session.scalars(invoices_of_subscription(g.shop.id, held.subscription.id).limit(1)).first()
    if newest is None:
        return see_other(url_for("portal.show"))
    return see_other(url_for("invoice_page.returned", token=newest.token))


# --- Card --------------------------------------------------------------------------------------------------------------------


@blueprint.get("/subscriptions/<subscription_id>/card")
def ask_card(subscription_id: str) -> Response:
    """The processor's own field, for a new card."""
    return card_page(_place(subscription_id))


@blueprint.post("/subscriptions/<subscription_id>/card")
def change_card(subscription_id: str) -> Response:
    """Store it, charge it from now on, and what is owed at once."""
    portal.subscription(g.customer, subscription_id)
    try:
        card_id, outcome = store_card(subscription_id)
    except BallastError as error:
        return card_page(_place(subscription_id), error.message, _status(error))
    return _card_answer(subscription_id, card_id, outcome)


@blueprint.get("/subscriptions/<subscription_id>/card/<card_id>")
def card_status(subscription_id: str, card_id: str) -> Response:
    """How the storing of a card stands: polled, and where the bank sends its customer back to."""
    portal.subscription(g.customer, subscription_id)
    return _card_answer(subscription_id, card_id, new_cards.look(g.shop.id, subscription_id, card_id))


def _card_answer(subscription_id: str, card_id: str, outcome: Outcome) -> Response:
    if outcome.state == "declined":
        return card_page(_place(subscription_id), outcome.sentence, 422)
    if outcome.state == "stored":
        found = portal.subscription(g.customer, subscription_id)
        say_stored(is_paid=not any(invoice.failures for invoice in found.owed))
        return see_other(url_for("portal.show"))
    return card_status_page(_place(subscription_id), card_id, outcome)


def _place(subscription_id: str) -> Place:
    held = portal.subscription(g.customer, subscription_id)
    found = held.subscription
    owed = next((one for one in held.owed if one.failures and one.status == "open"), None)
    at_once = f"{format_money(owed.amount_due, owed.currency)} for invoice {owed.number}" if owed else ""
    return Place(
        id=found.id,
        kind="subscription",
        item=held.plan.name,
        card=held.card,
        at_once=at_once,
        amount=portal.setup_amount(found),
        currency=found.currency,
        seed=found.token,
        trail=(("Your subscriptions", url_for("portal.show")),),
        url=url_for("portal.ask_card", subscription_id=found.id),
    )
