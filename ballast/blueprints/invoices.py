"""Invoices in the dashboard: the list, one of them, taken back or given up. Written by hand in invoice_writing, credited in
credit_notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import Select, select

from ballast import answers, config
from ballast.billing import credit_notes, invoices
from ballast.billing.subscriptions import forgiving
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import users
from ballast.ids import to_uuid
from ballast.models import Attempt, Invoice, Payment, Subscription
from ballast.models.columns import begins
from ballast.models.invoices import credit_notes_of, lines_of_invoice
from ballast.models.payments import attempts_of
from ballast.models.states import INVOICE
from ballast.money import to_decimal
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other, status_chips

blueprint = Blueprint("invoices", __name__, url_prefix="/admin/invoices")
dashboard(blueprint)

ROUTE: Final = "invoices.index"
RIGHT: Final = "charge"
FILTERS: Final = ("status", "customer", "subscription", "q")
LABELS: Final = {"": "All", "open": "Open", "paid": "Paid", "uncollectible": "Uncollectible", "void": "Void"}

COLUMNS: Final[answers.Columns] = {
    "number": lambda invoice: invoice.number,
    "id": lambda invoice: invoice.id,
    "status": lambda invoice: invoice.status,
    "reason": lambda invoice: invoice.billing_reason,
    "customer": lambda invoice: invoice.customer_id,
    "customer_email": lambda invoice: invoice.customer_email,
    "customer_name": lambda invoice: invoice.customer_name,
    "subscription": lambda invoice: invoice.subscription_id,
    "currency": lambda invoice: invoice.currency,
    **{
        name: lambda invoice, name=name: to_decimal(getattr(invoice, name), invoice.currency)
        for name in (
            "subtotal",
            "discount",
            "tax",
            "total",
            "credit_applied",
            "amount_due",
            "amount_paid",
            "amount_credited",
        )
    },
    "finalized_at": lambda invoice: invoice.finalized_at,
    "paid_at": lambda invoice: invoice.paid_at,
}


@blueprint.get("")
def index() -> Response:
    """Newest first, by status, customer, subscription, number or the beginning of an address."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), Invoice.id, "in", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/invoices/index.html",
        "list",
        rows=[row[0] for row in page.rows],
        chosen=chosen,
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("invoices.export", chosen),
        may_write=users.may(g.role, RIGHT),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("invoices", _wanted(_chosen()), Invoice.id, COLUMNS)


def _chosen() -> dict[str, str]:
    return {name: without_card_number(request.args.get(name, "").strip())[:254] for name in FILTERS}


def _wanted(chosen: dict[str, str]) -> Select[Invoice]:
    wanted = select(Invoice).where(Invoice.organization_id == g.organization.id)
    if chosen["status"] in INVOICE:
        wanted = wanted.where(Invoice.status == chosen["status"])
    if to_uuid(chosen["customer"], "cus"):
        wanted = wanted.where(Invoice.customer_id == chosen["customer"])
    if to_uuid(chosen["subscription"], "sub"):
        wanted = wanted.where(Invoice.subscription_id == chosen["subscription"])
    if chosen["q"]:
        by_address = begins(Invoice.customer_email, chosen["q"].lower())
        wanted = wanted.where(by_address | (Invoice.number == chosen["q"].upper()))
    return wanted


@blueprint.get("/<invoice_id>")
def show(invoice_id: str) -> Response:
    """One invoice: its lines, what was tried, what went back."""
    found = invoices.find(g.organization.id, invoice_id)
    payment = _payment(found)
    may = users.may(g.role, RIGHT)
    hosted = f"{config.current().public_url}/invoices/{found.token}"
    return render(
        "admin/invoices/show.html",
        invoice=found,
        lines=list(db.session.scalars(lines_of_invoice(g.organization.id, found.id))),
        tax=_tax(found),
        subscription=_subscription(found),
        payment=payment,
        attempts=_attempts(payment),
        notes=list(db.session.scalars(credit_notes_of(g.organization.id, found.id))),
        hosted_url=hosted,
        pdf_url=f"{hosted}.pdf",
        may_void=may and found.status in ("open", "uncollectible"),
        may_give_up=may and found.status == "open",
        may_credit=may and users.may(g.role, "refund") and _creditable(found, payment) > 0,
    )


def _payment(found: Invoice) -> Payment | None:
    return db.session.get(Payment, (found.organization_id, found.payment_id)) if found.payment_id else None


def _attempts(payment: Payment | None) -> list[Attempt]:
    return list(db.session.scalars(attempts_of(payment.organization_id, payment.id))) if payment else []


def _creditable(found: Invoice, payment: Payment | None) -> int:
    can = found.status == "paid" and found.total > 0
    return credit_notes.creditable(found, payment) if can else 0


def _tax(found: Invoice) -> dict[str, Any] | None:
    if found.tax_name is None:
        return None
    return {"name": found.tax_name, "bps": found.tax_bps, "inclusive": found.tax_inclusive}


def _subscription(found: Invoice) -> Subscription | None:
    if found.subscription_id is None:
        return None
    return db.session.get(Subscription, (found.organization_id, found.subscription_id))


# --- Asked for no more -------------------------------------------------------------------------------------------------------


@blueprint.get("/<invoice_id>/void")
@requires(RIGHT)
def void(invoice_id: str) -> Response:
    """What taking it back means."""
    return _confirm("void", invoice_id)


@blueprint.post("/<invoice_id>/void")
@requires(RIGHT)
def do_void(invoice_id: str) -> Response:
    """Take it back."""
    return _do("void", invoice_id, forgiving.void, "void")


@blueprint.get("/<invoice_id>/uncollectible")
@requires(RIGHT)
def uncollectible(invoice_id: str) -> Response:
    """What giving it up means."""
    return _confirm("uncollectible", invoice_id)


@blueprint.post("/<invoice_id>/uncollectible")
@requires(RIGHT)
def do_uncollectible(invoice_id: str) -> Response:
    """Expect it no more."""
    return _do("uncollectible", invoice_id, forgiving.mark_uncollectible, "given up")


def _do(what: str, invoice_id: str, act: Callable[[str, str], Invoice], said: str) -> Response:
    end_reading()
    try:
        with transaction():
            number = act(g.organization.id, invoice_id).number
    except BallastError as error:
        if error.status == 404:
            raise
        return _confirm(what, invoice_id, error.message)
    flash(f"Invoice {number} is {said}.", "success")
    return see_other(url_for("invoices.show", invoice_id=invoice_id))


def _confirm(what: str, invoice_id: str, problem: str | None = None) -> Response:
    found = invoices.find(g.organization.id, invoice_id)
    payable = ("open", "uncollectible") if what == "void" else ("open",)
    impossible = None if found.status in payable else f"Invoice {found.number} is {found.status}."
    return render(
        "admin/invoices/confirm.html",
        status=422 if problem else 200,
        what=what,
        invoice=found,
        subscription=_subscription(found),
        problem=problem or impossible,
    )
