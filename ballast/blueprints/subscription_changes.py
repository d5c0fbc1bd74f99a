"""Another price or quantity, from the dashboard: chosen, shown to the cent, and made for the instant that was shown."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import catalog, invoices, payments
from ballast.billing.subscriptions import changing, forecasting, previews, rows
from ballast.billing.subscriptions import plan as plans
from ballast.billing.subscriptions.changing import Change, Changed, Preview
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.models import Payment, Subscription
from ballast.models.catalog import recurring_prices
from ballast.money import format_money
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("subscription_changes", __name__, url_prefix="/admin/subscriptions/<subscription_id>/change")
dashboard(blueprint)

RIGHT: Final = "charge"
FIELDS: Final = ("price", "quantity", "when", "at", "figures", "confirmed")


@blueprint.get("")
@requires(RIGHT)
def choose(subscription_id: str) -> Response:
    """To what, and from when on."""
    found = rows.find(g.organization.id, subscription_id)
    return _form(found, {"price": found.price_id, "quantity": str(found.quantity), "when": "now"})


@blueprint.post("")
@requires(RIGHT)
def change(subscription_id: str) -> Response:
    """Show what it comes to; with `confirmed`, make it."""
    typed = {name: without_card_number(request.form.get(name, "").strip())[:80] for name in FIELDS}
    try:
        wanted = _read(typed)
        if typed["confirmed"] == "yes":
            return _make(subscription_id, wanted, typed["figures"])
        found = rows.find(g.organization.id, subscription_id)
        return _review(found, forecasting.change(found, wanted), typed)
    except BallastError as error:
        if error.status == 404:
            raise
        db.session.rollback()
        return _form(rows.find(g.organization.id, subscription_id), typed, error)


def _read(typed: dict[str, str]) -> Change:
    if not (typed["quantity"].isascii() and typed["quantity"].isdigit()):
        raise InvalidRequest("quantity_invalid", "Enter a whole number.", param="quantity")
    if typed["when"] not in ("now", "renewal"):
        raise InvalidRequest("parameter_invalid", "Choose when.", param="when")
    at = previews.read(typed["at"]) if typed["confirmed"] == "yes" and typed["when"] == "now" else None
    return Change(typed["price"] or None, int(typed["quantity"]), typed["when"], at)  # type: ignore[arg-type]


def _make(subscription_id: str, wanted: Change, shown: str) -> Response:
    end_reading()
    with transaction():
        found = rows.locked(g.organization.id, subscription_id)
        if figures_of(forecasting.change(found, wanted)) != shown:
            raise previews.expired()
        changed = changing.change(found, wanted)
        invoice_id = changed.invoice.id if changed.invoice else None
    if changed.begun:
        payments.run(changed.begun)
    _tell(wanted, changed, invoice_id)
    return see_other(url_for("subscriptions.show", subscription_id=subscription_id))


def figures_of(seen: Preview) -> str:
    """What a preview comes to, as the form carries it: made only if it is still the same."""
    return f"{seen.amount_due}/{seen.credit}"


def _tell(wanted: Change, changed: Changed, invoice_id: str | None) -> None:
    """What came of it, in one sentence."""
    if wanted.when == "renewal":
        flash("The plan changes with the next period.", "success")
        return
    if changed.begun is None or invoice_id is None:
        flash("The plan is changed.", "success")
        return
    invoice = invoices.find(g.organization.id, invoice_id)
    shown = format_money(invoice.amount_due, invoice.currency)
    if invoice.status == "paid":
        flash(f"The plan is changed. {shown} was charged.", "success")
        return
    payment = db.session.get_one(Payment, (g.organization.id, invoice.payment_id))
    match payment.status:
        case "requires_action":
            flash(f"The bank wants the customer to confirm {shown}. The plan changes when they do.", "warning")
        case "processing":
            flash("The processor hasn't answered yet. The plan changes once the money is there.", "warning")
        case _:
            code = (payment.last_error or {}).get("decline_code") or "no reason given"
            flash(f"Declined ({code}). Nothing was charged, and the plan is what it was.", "danger")


def _review(found: Subscription, seen: Preview, typed: dict[str, str]) -> Response:
    return render(
        "admin/subscriptions/review.html",
        subscription=found,
        customer=rows.customer_of_row(found),
        seen=seen,
        sums=seen.figures.sums,
        tax=seen.figures.tax,
        stored=rows.card_of_row(found, rows.customer_of_row(found)),
        typed=typed,
        at=seen.at.isoformat(),
        figures=figures_of(seen),
    )


def _form(found: Subscription, typed: dict[str, str], error: BallastError | None = None) -> Response:
    return render(
        "admin/subscriptions/change.html",
        status=422 if error else 200,
        subscription=found,
        customer=rows.customer_of_row(found),
        plan=plans.of(found),
        prices=_prices(found),
        typed=typed,
        errors={error.param: error.message} if error and error.param in ("price", "quantity", "when") else {},
        problem=error.message if error and error.param not in ("price", "quantity", "when") else None,
        can=found.status in changing.CHANGEABLE,
    )


def _prices(found: Subscription) -> list[dict[str, Any]]:
    """What it can be on: its currency, and the price it is on even where that is sold no more."""
    offered: list[dict[str, Any]] = [
        {"price": price, "product": product}
        for price, product in db.session.execute(recurring_prices(g.organization.id))
        if price.currency == found.currency
    ]
    if found.price_id not in {row["price"].id for row in offered}:
        price, product = catalog.sold(g.organization.id, found.price_id, archived=True)
        offered.append({"price": price, "product": product})
    return offered
