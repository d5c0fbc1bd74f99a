"""Financing agreements in the dashboard: the list, one with all that belongs to it, and the papers. What is done to them is in
agreement_acts."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, make_response, render_template, request, url_for
from sqlalchemy import Select

from ballast import answers
from ballast.billing.financing import agreement_history, listing, papers
from ballast.billing.financing.listing import BUCKETS
from ballast.billing.financing.servicing import forms
from ballast.db import db
from ballast.identity import users
from ballast.ids import to_uuid
from ballast.models import Customer, FinancingAgreement
from ballast.models.customers import customer_of
from ballast.models.states import AGREEMENT
from ballast.money import to_decimal
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, status_chips

blueprint = Blueprint("agreements", __name__, url_prefix="/admin/financing/agreements")
dashboard(blueprint)

ROUTE: Final = "agreements.index"
FILTERS: Final = ("status", "bucket", "customer", "offer", "q")
LABELS: Final = {
    "": "All",
    "active": "Active",
    "late": "Late",
    "delinquent": "Delinquent",
    "defaulted": "Defaulted",
    "charged_off": "Charged off",
    "paid_off": "Paid off",
    "settled": "Settled",
    "refunded": "Refunded",
    "draft": "Not begun",
    "canceled": "Canceled",
}
COLUMNS: Final[answers.Columns] = {
    "id": lambda agreement, _customer, _offer: agreement.id,
    "status": lambda agreement, _customer, _offer: agreement.status,
    "offer": lambda _agreement, _customer, offer: offer,
    "customer": lambda agreement, _customer, _offer: agreement.customer_id,
    "customer_email": lambda _agreement, customer, _offer: customer.email,
    "customer_name": lambda _agreement, customer, _offer: customer.name,
    "price": lambda agreement, *_: to_decimal(agreement.price, agreement.currency),
    "down_payment": lambda agreement, *_: to_decimal(agreement.down_payment, agreement.currency),
    "principal": lambda agreement, *_: to_decimal(agreement.principal, agreement.currency),
    "interest": lambda agreement, *_: to_decimal(agreement.interest, agreement.currency),
    "fee": lambda agreement, *_: to_decimal(agreement.fee, agreement.currency),
    "currency": lambda agreement, *_: agreement.currency,
    "started_on": lambda agreement, *_: agreement.started_on,
    "past_due_since": lambda agreement, *_: agreement.past_due_since,
    "terms_sha256": lambda agreement, *_: agreement.terms_hash,
}
# A stored disclosure runs nothing, loads our style sheet and its font, and stands in a frame of ours alone.
PAPER_POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; frame-ancestors 'self'; sandbox allow-same-origin"
)


@blueprint.get("")
def index() -> Response:
    """Newest first, by status, days behind, customer, offer and the beginning of an address."""
    chosen = _chosen()
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(_wanted(chosen), FinancingAgreement.id, "agr", *edges)
    return render(
        "admin/agreements/index.html",
        "list",
        rows=listing.shown(g.organization.id, page.rows),
        chosen=chosen,
        customer=_customer(chosen["customer"]),
        buckets=tuple(BUCKETS),
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("agreements.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("agreements", _wanted(_chosen()), FinancingAgreement.id, COLUMNS)


def _chosen() -> dict[str, str]:
    chosen = {name: without_card_number(request.args.get(name, "").strip())[:254] for name in FILTERS}
    chosen["bucket"] = chosen["bucket"].replace("90 ", "90+")  # an address where the + was not escaped
    return chosen


def _wanted(chosen: dict[str, str]) -> Select[FinancingAgreement, Customer, str]:
    wanted = listing.listed(g.organization.id)
    if chosen["status"] in AGREEMENT:
        wanted = wanted.where(FinancingAgreement.status == chosen["status"])
    if chosen["bucket"] in BUCKETS:
        wanted = wanted.where(*listing.within(chosen["bucket"]))
    if to_uuid(chosen["customer"], "cus"):
        wanted = wanted.where(FinancingAgreement.customer_id == chosen["customer"])
    if to_uuid(chosen["offer"], "offer"):
        wanted = wanted.where(FinancingAgreement.offer_id == chosen["offer"])
    if chosen["q"]:
        wanted = wanted.where(Customer.email.startswith(chosen["q"].lower(), autoescape=True))
    return wanted


def _customer(customer_id: str) -> Customer | None:
    if not to_uuid(customer_id, "cus"):
        return None
    return db.session.scalars(customer_of(g.organization.id, customer_id)).first()


@blueprint.get("/<agreement_id>")
def show(agreement_id: str) -> Response:
    """One agreement: what is left, its schedule, what happened."""
    told = agreement_history.read(g.organization.id, agreement_id)
    return render(
        "admin/agreements/show.html",
        told=told,
        agreement=told.agreement,
        customer=told.customer,
        progress=told.progress,
        acts=_acts(told),
    )


def _acts(told: agreement_history.History) -> list[dict[str, str]]:
    """What whoever looks may do to it as it is now."""
    return [
        {
            "name": name,
            "label": forms.ACTS[name].title,
            "url": url_for("agreement_acts.form", agreement_id=told.agreement.id, name=name),
        }
        for name in forms.possible(told.agreement, told.installments)
        if users.may(g.role, "charge") and users.may(g.role, forms.ACTS[name].right)
    ]


# --- Papers ------------------------------------------------------------------------------------------------------------------


@blueprint.get("/<agreement_id>/terms")
def terms(agreement_id: str) -> Response:
    """What was agreed, as it was frozen: terms, hash, the disclosure as it was shown."""
    found = papers.read(g.organization.id, agreement_id)
    return render(
        "admin/agreements/terms.html",
        found=found,
        agreement=found.agreement,
        frame_url=url_for("agreements.disclosure", agreement_id=agreement_id),
        pdf_url=url_for("agreements.disclosure_pdf", agreement_id=agreement_id),
    )


@blueprint.get("/<agreement_id>/disclosure")
def disclosure(agreement_id: str) -> Response:
    """The stored disclosure alone, for the frame: it runs nothing and loads nothing from elsewhere."""
    kept = papers.document(g.organization.id, agreement_id)
    response = make_response(render_template("admin/agreements/disclosure.html", box=kept.html))
    response.headers["Content-Security-Policy"] = PAPER_POLICY
    return response


@blueprint.get("/<agreement_id>/disclosure.pdf")
def disclosure_pdf(agreement_id: str) -> Response:
    """The stored PDF, byte for byte, as a download."""
    kept = papers.document(g.organization.id, agreement_id)
    response = Response(kept.pdf, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="disclosure-{agreement_id}.pdf"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
