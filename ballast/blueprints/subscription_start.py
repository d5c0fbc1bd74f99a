"""Starting a subscription for a customer with a stored card, from the dashboard: chosen, shown to the cent, started once."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing import customers, payments
from ballast.billing.places import Place
from ballast.billing.subscriptions import forecasting, previews, starting
from ballast.billing.subscriptions.forecasting import First
from ballast.billing.subscriptions.starting import Wanted
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.models import Customer, Subscription
from ballast.models.catalog import recurring_prices
from ballast.models.customers import cards_with_processors
from ballast.models.discounts import coupons_on_offer
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("subscription_start", __name__, url_prefix="/admin/customers/<customer_id>/subscribe")
dashboard(blueprint)

RIGHT: Final = "charge"
FIELDS: Final = ("price", "quantity", "card", "trial_days", "coupon", "code", "form_key", "figures", "confirmed")
MOST_TRIAL_DAYS: Final = 730


@blueprint.get("")
@requires(RIGHT)
def new(customer_id: str) -> Response:
    """On what."""
    customer = customers.find(g.organization.id, customer_id)
    return _form(customer, {"quantity": "1", "price": without_card_number(request.args.get("price", ""))[:80]})


@blueprint.post("")
@requires(RIGHT)
def start(customer_id: str) -> Response:
    """Show what it comes to; with `confirmed`, start it. The form's key makes a form that is sent twice one subscription."""
    customer = customers.find(g.organization.id, customer_id)
    typed = {name: without_card_number(request.form.get(name, "").strip())[:80] for name in FIELDS}
    try:
        wanted = _read(customer.id, typed)
        if typed["confirmed"] == "yes":
            return _start(wanted, typed["figures"])
        return _review(customer, forecasting.first(g.organization.id, wanted, Place()), typed)
    except BallastError as error:
        db.session.rollback()
        return _form(customers.find(g.organization.id, customer.id), typed, error)


def _read(customer_id: str, typed: dict[str, str]) -> Wanted:
    if not typed["card"]:
        raise InvalidRequest("payment_method_required", "Choose a card.", param="card")
    if typed["coupon"] and typed["code"]:
        raise InvalidRequest("parameter_conflict", "One discount: a code or a coupon.", param="code")
    return Wanted(
        customer_id=customer_id,
        price_id=typed["price"],
        quantity=_count(typed["quantity"], "quantity") or 0,
        payment_method=typed["card"],
        promotion_code=typed["code"] or None,
        coupon_id=typed["coupon"] or None,
        trial_days=_count(typed["trial_days"], "trial_days"),
        idempotency_key=typed["form_key"] or None,
    )


def _count(typed: str, field: str) -> int | None:
    if not typed and field == "trial_days":
        return None
    if not (typed.isascii() and typed.isdigit()) or (field == "trial_days" and int(typed) > MOST_TRIAL_DAYS):
        raise InvalidRequest("parameter_invalid", "Enter a whole number.", param=field)
    return int(typed)


def _start(wanted: Wanted, shown: str) -> Response:
    end_reading()
    try:
        with transaction():
            if _made_under(wanted.idempotency_key) is None and _figures_of(_preview(wanted)) != shown:
                raise previews.expired()
            started = starting.start(g.organization.id, wanted)
            subscription_id = started.subscription.id
    except Conflict as error:
        earlier = _made_under(wanted.idempotency_key)
        if error.code != "idempotency_key_expired" or earlier is None:
            raise
        return see_other(url_for("subscriptions.show", subscription_id=earlier))
    if started.begun:
        payments.run(started.begun)
    _tell(subscription_id)
    return see_other(url_for("subscriptions.show", subscription_id=subscription_id))


def _preview(wanted: Wanted) -> First:
    return forecasting.first(g.organization.id, wanted, Place())


def _made_under(key: str | None) -> str | None:
    """The subscription this form has started already."""
    wanted = select(Subscription.id).where(
        Subscription.organization_id == g.organization.id, Subscription.idempotency_key == key
    )
    return db.session.scalars(wanted).first() if key else None


def _tell(subscription_id: str) -> None:
    wanted = select(Subscription.status).where(
        Subscription.organization_id == g.organization.id, Subscription.id == subscription_id
    )
    match db.session.scalars(wanted).one():
        case "incomplete":
            flash("The first payment has not arrived: it can be paid on its invoice's page for 23 hours.", "warning")
        case "trialing":
            flash("Started. The trial is on.", "success")
        case _:
            flash("Started, and the first period is paid.", "success")


def _figures_of(seen: First) -> str:
    """What is due now and next, as the form carries it: started only if it is still the same."""
    return f"{seen.now.figures.amount_due}/{seen.then.figures.sums.total}"


def _review(customer: Customer, seen: First, typed: dict[str, str]) -> Response:
    stored = {row["card"].id: row["card"] for row in _cards(customer)}
    if typed["card"] not in stored:
        raise InvalidRequest("payment_method_unknown", "This card is not stored for this customer.", param="card")
    return render(
        "admin/subscriptions/start.html",
        customer=customer,
        seen=seen,
        card=stored[typed["card"]],
        typed=typed,
        figures=_figures_of(seen),
    )


def _form(customer: Customer, typed: dict[str, str], error: BallastError | None = None) -> Response:
    fields = {"payment_method": "card", "promotion_code": "code"}
    param = fields.get(error.param or "", error.param) if error else None
    known = param in FIELDS
    return render(
        "admin/subscriptions/new.html",
        status=422 if error else 200,
        customer=customer,
        prices=[
            {"price": price, "product": product}
            for price, product in db.session.execute(recurring_prices(g.organization.id))
        ],
        cards=_cards(customer),
        coupons=list(db.session.scalars(coupons_on_offer(g.organization.id))),
        typed=dict.fromkeys(FIELDS, "") | typed,
        errors={param: error.message} if error and known else {},
        problem=error.message if error and not known else None,
        form_key=str(uuid4()),
    )


def _cards(customer: Customer) -> list[dict[str, Any]]:
    found = db.session.execute(cards_with_processors(g.organization.id, customer.id))
    return [{"card": row[0], "processor": row[1]} for row in found]
