"""A customer's privacy in the dashboard: all that is known of them as a file, and removing who they are behind a page that says what
that means."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, jsonify, request, url_for

from ballast.billing import customers
from ballast.billing.privacy import belongings, erasing, exporting
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("privacy", __name__, url_prefix="/admin/customers/<customer_id>")
dashboard(blueprint)

RIGHT = "privacy"
WORD = "erase"


@blueprint.get("/export.json")
@requires(RIGHT)
def export(customer_id: str) -> Response:
    """Everything, as a file."""
    answer = jsonify(exporting.export(g.organization.id, customer_id))
    answer.headers["Content-Disposition"] = f'attachment; filename="customer-{customer_id}.json"'
    return answer


@blueprint.get("/erase")
@requires(RIGHT)
def review(customer_id: str) -> Response:
    """What goes and what stays, or why it cannot be done yet."""
    return _page(customer_id)


@blueprint.post("/erase")
@requires(RIGHT)
def erase(customer_id: str) -> Response:
    """Remove who they are; a word, typed, says that it is meant."""
    organization_id = g.organization.id
    if request.form.get("confirm", "").strip().lower() != WORD:
        return _page(customer_id, f"Type {WORD} to confirm.", 422)
    end_reading()
    try:
        with transaction():
            erasing.erase(organization_id, customer_id)
    except Conflict as error:
        db.session.rollback()
        return _page(customer_id, error.message, 409)
    flash("The customer is erased. What was paid stays in the books, without a name.", "success")
    return see_other(url_for("customers.index"))


def _page(customer_id: str, problem: str | None = None, status: int = 200) -> Response:
    customer = customers.find(g.organization.id, customer_id)
    found = belongings.of(customer)
    return render(
        "admin/customers/erase.html",
        None,
        status,
        customer=customer,
        obstacles=erasing.obstacles(found),
        payments=len(found.payments),
        problem=problem,
    )
