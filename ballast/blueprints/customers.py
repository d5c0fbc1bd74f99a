"""Customers in the dashboard: who they are, what they paid, which cards are stored, and charging one of those."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast import answers
from ballast.billing import card_removal, cards, customers, payments, stored_charges
from ballast.billing.financing import listing
from ballast.billing.stored_charges import StoredCharge
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, NotFound
from ballast.identity import users
from ballast.models import Customer, Payment, PaymentMethod
from ballast.models.customers import cards_among, cards_leaving, cards_with_processors, customers_of
from ballast.money import format_money, from_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("customers", __name__, url_prefix="/admin/customers")
dashboard(blueprint)

MOST_DESCRIPTION = 200
COLUMNS: Final[answers.Columns] = {
    "id": lambda customer: customer.id,
    "email": lambda customer: customer.email,
    "name": lambda customer: customer.name,
    "country": lambda customer: customer.country,
    "region": lambda customer: customer.region,
    "created_at": lambda customer: customer.created_at,
}
MOST_PLANS = 5


@blueprint.get("")
def index() -> Response:
    """Customers, newest first; with `q`, those whose address begins so. A card number is nothing to look for."""
    asked = _asked()
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(customers_of(g.organization.id, asked), Customer.id, "cus", *edges)
    found = [row[0] for row in page.rows]
    stored = _cards_of(found)
    return render(
        "admin/customers/index.html",
        "list",
        customers=[{"customer": customer, "cards": stored.get(customer.id, [])} for customer in found],
        asked=asked,
        export_url=url_for(".export", q=asked or None),
        previous_url=url_for(".index", q=asked or None, before=page.before) if page.before else None,
        next_url=url_for(".index", q=asked or None, after=page.after) if page.after else None,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits, as a file."""
    return answers.listed("customers", customers_of(g.organization.id, _asked()), Customer.id, COLUMNS)


def _asked() -> str:
    return without_card_number(request.args.get("q", "").strip().lower())[:254]


def _cards_of(customers: list[Customer]) -> dict[str, list[PaymentMethod]]:
    """Their stored cards in one statement, by customer."""
    found: dict[str, list[PaymentMethod]] = {}
    for card in db.session.scalars(cards_among(g.organization.id, [customer.id for customer in customers])):
        found.setdefault(str(card.customer_id), []).append(card)
    return found


@blueprint.get("/<customer_id>")
def show(customer_id: str) -> Response:
    """One customer: stored cards and payments."""
    customer = customers.find(g.organization.id, customer_id)
    paid = select(Payment).where(Payment.organization_id == g.organization.id, Payment.customer_id == customer.id)
    page = keyset(paid, Payment.id, "pay", request.args.get("before"), request.args.get("after"))
    stored, plans = _stored(customer), listing.of_customer(g.organization.id, customer.id, MOST_PLANS + 1)
    return render(
        "admin/customers/show.html",
        "payments",
        customer=customer,
        cards=stored,
        leaving=[_row(row) for row in db.session.execute(cards_leaving(g.organization.id, customer.id))],
        may_charge=users.may(g.role, "charge") and bool(stored) and customer.held_at is None,
        may_remove=users.may(g.role, "charge"),
        may_erase=users.may(g.role, "privacy"),
        plans=plans[:MOST_PLANS],
        more_plans=len(plans) > MOST_PLANS,
        payments=[{"payment": row[0], "customer": customer} for row in page.rows],
        previous_url=url_for(".show", customer_id=customer.id, before=page.before) if page.before else None,
        next_url=url_for(".show", customer_id=customer.id, after=page.after) if page.after else None,
    )


def _stored(customer: Customer) -> list[dict[str, Any]]:
    """The customer's stored cards and where each is stored."""
    found = db.session.execute(cards_with_processors(g.organization.id, customer.id))
    return [_row(row) for row in found]


def _row(row: Any) -> dict[str, Any]:
    return {"card": row[0], "processor": row[1]}


@blueprint.get("/<customer_id>/cards/<card_id>/remove")
@requires("charge")
def remove_form(customer_id: str, card_id: str) -> Response:
    """What removing a card means."""
    customer = customers.find(g.organization.id, customer_id)
    return render("admin/customers/remove.html", customer=customer, **_card(customer_id, card_id))


@blueprint.post("/<customer_id>/cards/<card_id>/remove")
@requires("charge")
def remove(customer_id: str, card_id: str) -> Response:
    """Remove it here, and at its processor. Once more asks the processor again if it has not forgotten it."""
    found = _card(customer_id, card_id)
    end_reading()
    with transaction():
        cards.detach(g.organization.id, card_id)
    card_removal.remove(g.organization.id, card_id)
    where = str(found["processor"]).capitalize()
    match cards.find(g.organization.id, card_id)[0].removal:
        case "removed":
            flash(f"The card is removed, here and at {where}.", "success")
        case "refused":
            flash(f"Nothing charges the card any more, but {where} would not remove it.", "danger")
        case _:
            flash(f"Nothing charges the card any more. {where} hasn't answered yet; we go on asking.", "warning")
    return see_other(url_for(".show", customer_id=customer_id))


def _card(customer_id: str, card_id: str) -> dict[str, Any]:
    """The customer's card, stored or leaving. Raises NotFound, for somebody else's too."""
    card, processor = cards.find(g.organization.id, card_id)
    if card.customer_id != customer_id or card.status not in ("active", "detached"):
        raise NotFound("payment method")
    return {"card": card, "processor": processor}


@blueprint.get("/<customer_id>/charge")
@requires("charge")
def charge_form(customer_id: str) -> Response:
    """What to charge, and of which card."""
    card = without_card_number(request.args.get("card", ""))
    return _form(customers.find(g.organization.id, customer_id), {"card": card})


@blueprint.post("/<customer_id>/charge")
@requires("charge")
def charge(customer_id: str) -> Response:
    """Show the consequence; with `confirmed`, charge. The form's key makes a form that is sent twice one charge."""
    customer, typed = customers.find(g.organization.id, customer_id), _typed()
    problems = _check(typed)
    stored = {row["card"].id: row for row in _stored(customer)}
    if typed["card"] not in stored:
        problems["card"] = "Choose a card."
    if problems:
        return _form(customer, typed, problems)
    amount = from_decimal(typed["amount"], g.organization.currency)
    if request.form.get("confirmed") != "yes":
        return _review(customer, stored[typed["card"]], amount, typed)
    try:
        payment_id = stored_charges.charge(g.organization.id, _wanted(customer_id, amount, typed))
    except BallastError as error:
        return _form(customers.find(g.organization.id, customer_id), typed, problem=error.message)
    _tell(payments.find(g.organization.id, payment_id))
    return see_other(url_for("admin.payment", payment_id=payment_id))


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in ("amount", "description", "card", "form_key")}


def _check(typed: dict[str, str]) -> dict[str, str]:
    """Field name → sentence, for what is wrong with what was typed."""
    problems = {}
    try:
        if from_decimal(typed["amount"], g.organization.currency) <= 0:
            problems["amount"] = "Enter an amount above zero."
    except BallastError as error:
        problems["amount"] = error.message
    if not typed["description"]:
        problems["description"] = "Say what it is for. The customer reads it on the receipt."
    elif len(typed["description"]) > MOST_DESCRIPTION:
        problems["description"] = f"Use at most {MOST_DESCRIPTION} characters."
    elif looks_like_card_number(typed["description"]):
        problems["description"] = "This looks like a card number, which has no place here."
    return problems


def _wanted(customer_id: str, amount: int, typed: dict[str, str]) -> StoredCharge:
    key = without_card_number(typed["form_key"])[:64] or str(uuid4())
    return StoredCharge(customer_id, typed["card"], amount, g.organization.currency, typed["description"], key)


def _form(
    customer: Customer, typed: dict[str, str], errors: dict[str, str] | None = None, problem: str | None = None
) -> Response:
    return render(
        "admin/customers/charge.html",
        None,
        422 if errors or problem else 200,
        customer=customer,
        cards=_stored(customer),
        typed={"amount": "", "description": "", "card": ""} | _shown_again(typed),
        errors=errors or {},
        problem=problem or ("This customer's charges are on hold." if customer.held_at else None),
        form_key=str(uuid4()),
    )


def _review(customer: Customer, chosen: dict[str, Any], amount: int, typed: dict[str, str]) -> Response:
    shown = _shown_again(typed)
    return render("admin/customers/review.html", customer=customer, **chosen, amount=amount, typed=shown)


def _shown_again(typed: dict[str, str]) -> dict[str, str]:
    return {name: without_card_number(value) for name, value in typed.items()}


def _tell(payment: Payment) -> None:
    """What came of it, in one sentence."""
    shown = format_money(payment.amount, payment.currency)
    error: dict[str, Any] = payment.last_error or {}
    match payment.status:
        case "succeeded":
            flash(f"Charged {shown}.", "success")
        case "requires_action":
            flash(f"The bank wants the customer to confirm. {shown} is charged only if they do.", "warning")
        case "processing":
            flash(f"The processor hasn't answered yet. {shown} may have been charged: don't charge again.", "warning")
        case "requires_payment_method" if error.get("decline_class") == "authentication":
            flash(
                f"The bank wants the customer to confirm, and nobody was there to do it. {shown} wasn't charged.",
                "warning",
            )
        case "requires_payment_method" if error:
            flash(f"Declined ({error.get('decline_code')}). {shown} wasn't charged.", "danger")
        case _:
            flash(f"The processor could not be reached. {shown} wasn't charged.", "danger")
