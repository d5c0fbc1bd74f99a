"""An invoice by hand, from the dashboard: of one-time prices and of what is described; shown to the cent, then written once."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import customers, idempotency, invoices, manual_invoices
from ballast.billing.idempotency import Stored
from ballast.billing.manual_invoices import NewInvoice, NewLine
from ballast.billing.subscriptions import previews
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.models import Customer
from ballast.models.catalog import on_sale
from ballast.money import exponent, format_money, from_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("invoice_writing", __name__, url_prefix="/admin/customers/<customer_id>/invoice")
dashboard(blueprint)

RIGHT: Final = "charge"
LINES: Final = 4
MOST_QUANTITY: Final = 1_000_000
LONGEST: Final = 200
COLUMNS: Final = ("price", "description", "quantity", "amount")


@blueprint.get("")
@requires(RIGHT)
def new(customer_id: str) -> Response:
    """For what."""
    blank = [dict.fromkeys(COLUMNS, "") | {"quantity": "1"} for _ in range(LINES)]
    return _form(customers.find(g.organization.id, customer_id), g.organization.currency, blank)


@blueprint.post("")
@requires(RIGHT)
def write(customer_id: str) -> Response:
    """Show what it comes to; with `confirmed`, write it. The form's key makes a form that is sent twice one invoice."""
    customer = customers.find(g.organization.id, customer_id)
    currency = without_card_number(request.form.get("currency", "").strip().upper())[:3]
    typed = _typed()
    try:
        asked = NewInvoice(customer.id, currency, _read(typed, currency))
        if request.form.get("confirmed") == "yes":
            return _write(asked, request.form.get("total", ""), request.form.get("form_key", ""))
        figures = invoices.figure(g.organization.id, manual_invoices.draw_up(g.organization.id, asked))
    except BallastError as error:
        db.session.rollback()
        return _form(customers.find(g.organization.id, customer_id), currency, typed, error)
    return render(
        "admin/invoices/review.html",
        customer=customer,
        currency=currency,
        figures=figures,
        typed=typed,
        form_key=str(uuid4()),
    )


def _typed() -> list[dict[str, str]]:
    given = [request.form.getlist(column)[:LINES] for column in COLUMNS]
    most = max(len(column) for column in given)
    padded = [[*column, *[""] * (most - len(column))] for column in given]
    return [
        {name: _clean(value) for name, value in zip(COLUMNS, row, strict=True)} for row in zip(*padded, strict=True)
    ]


def _clean(given: str) -> str:
    return without_card_number(" ".join(given.split()))[: LONGEST + 1]


def _read(typed: list[dict[str, str]], currency: str) -> tuple[NewLine, ...]:
    """What was typed, as lines. Raises InvalidRequest with `lines` as its parameter."""
    exponent(currency)
    wanted = [row for row in typed if row["price"] or row["description"] or row["amount"]]
    if not wanted:
        raise InvalidRequest("parameter_invalid", "Write at least one line.", param="lines")
    return tuple(_line(row, currency) for row in wanted)


def _line(row: dict[str, str], currency: str) -> NewLine:
    quantity = row["quantity"]
    if not (quantity.isascii() and quantity.isdigit() and 1 <= int(quantity) <= MOST_QUANTITY):
        raise InvalidRequest("quantity_invalid", "Enter a quantity from 1 on.", param="lines")
    if row["price"]:
        return NewLine(price_id=row["price"], quantity=int(quantity))
    if not row["description"] or len(row["description"]) > LONGEST or looks_like_card_number(row["description"]):
        raise InvalidRequest("parameter_invalid", f"Describe each line, in 1 to {LONGEST} characters.", param="lines")
    amount = from_decimal(row["amount"], currency)
    if amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero for each line.", param="lines")
    return NewLine(description=row["description"], amount=amount, quantity=int(quantity))


def _write(asked: NewInvoice, shown: str, form_key: str) -> Response:
    key = idempotency.read_key(form_key)
    wanted = idempotency.fingerprint("POST", request.path, request.form.to_dict(flat=False) | {"csrf_token": ""})
    end_reading()
    with transaction():
        met = idempotency.claim(g.organization.id, key, wanted)
        if isinstance(met, Stored):
            return see_other(url_for("invoices.show", invoice_id=met.body.decode()))
        draft = manual_invoices.draw_up(g.organization.id, asked)
        if str(invoices.figure(g.organization.id, draft).amount_due) != shown:
            raise previews.expired()
        invoice = invoices.issue(g.organization.id, draft)
        invoice_id, number = invoice.id, invoice.number
        idempotency.store(g.organization.id, key, 303, invoice_id.encode())
    flash(f"Invoice {number} is written. Send its link to the customer.", "success")
    return see_other(url_for("invoices.show", invoice_id=invoice_id))


def _form(
    customer: Customer, currency: str, typed: list[dict[str, str]], error: BallastError | None = None
) -> Response:
    prices = [
        (price.id, f"{product.name}, {format_money(price.amount, price.currency)}")
        for product, price in db.session.execute(on_sale(g.organization.id))
    ]
    rows: list[dict[str, Any]] = [dict.fromkeys(COLUMNS, "") | {"quantity": "1"} | row for row in typed]
    rows += [dict.fromkeys(COLUMNS, "") | {"quantity": "1"} for _ in range(LINES - len(rows))]
    return render(
        "admin/invoices/new.html",
        status=422 if error else 200,
        customer=customer,
        currency=currency,
        rows=rows,
        prices=[("", "Described below"), *prices],
        problem=error.message if error else None,
    )
