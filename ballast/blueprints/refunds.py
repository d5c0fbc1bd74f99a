"""Refunds in the dashboard: what went back, what is on its way, and what a processor refused. Each is shown with its payment."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, request
from sqlalchemy import Select, select

from ballast import answers
from ballast.models import Customer, Payment, Refund
from ballast.models.states import REFUND
from ballast.money import to_decimal
from ballast.web import dashboard, filter_url, keyset, render, status_chips

blueprint = Blueprint("refunds", __name__, url_prefix="/admin/refunds")
dashboard(blueprint)

ROUTE: Final = "refunds.index"
LABELS: Final = {
    "": "All",
    "succeeded": "Refunded",
    "pending": "Pending",
    "pending_settlement": "Waiting for settlement",
    "unknown": "Unknown",
    "failed": "Failed",
    "canceled": "Canceled",
}
COLUMNS: Final[answers.Columns] = {
    "id": lambda refund, _payment, _customer: refund.id,
    "payment": lambda refund, _payment, _customer: refund.payment_id,
    "status": lambda refund, _payment, _customer: refund.status,
    "amount": lambda refund, _payment, _customer: to_decimal(refund.amount, refund.currency),
    "currency": lambda refund, _payment, _customer: refund.currency,
    "reason": lambda refund, _payment, _customer: refund.reason,
    "customer_email": lambda _refund, _payment, customer: customer.email if customer else None,
    "created_at": lambda refund, _payment, _customer: refund.created_at,
    "finished_at": lambda refund, _payment, _customer: refund.finished_at,
}


@blueprint.get("")
def index() -> Response:
    """Refunds, newest first, by status."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), Refund.id, "re", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/refunds/index.html",
        "list",
        rows=[{"refund": row[0], "payment": row[1], "customer": row[2]} for row in page.rows],
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("refunds.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("refunds", _wanted(_chosen()), Refund.id, COLUMNS)


def _chosen() -> dict[str, str]:
    return {"status": request.args.get("status", "").replace("cancelled", "canceled")[:40]}


def _wanted(chosen: dict[str, str]) -> Select[Refund, Payment, Customer]:
    wanted = (
        select(Refund, Payment, Customer)
        .join(Payment, (Payment.organization_id == Refund.organization_id) & (Payment.id == Refund.payment_id))
        .outerjoin(
            Customer, (Customer.organization_id == Payment.organization_id) & (Customer.id == Payment.customer_id)
        )
        .where(Refund.organization_id == g.organization.id)
    )
    return wanted.where(Refund.status == chosen["status"]) if chosen["status"] in REFUND else wanted
