"""Mails in the dashboard: what was written to whom, what became of it, how it looked, and sending it again."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import Select, select

from ballast import answers
from ballast.db import end_reading, transaction
from ballast.errors import Conflict
from ballast.identity import users
from ballast.models import Email
from ballast.models.states import EMAIL
from ballast.notifications import emails
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other, status_chips

blueprint = Blueprint("mails", __name__, url_prefix="/admin/mails")
dashboard(blueprint)

ROUTE: Final = "mails.index"
RIGHT: Final = "mails"
LABELS: Final = {"": "All", "pending": "Pending", "sent": "Sent", "failed": "Failed"}
# What the kind of a row's id is → the page that shows what the mail is about.
ABOUT: Final = {
    "pay": ("admin.payment", "payment_id"),
    "sub": ("subscriptions.show", "subscription_id"),
    "in": ("invoices.show", "invoice_id"),
    "dp": ("disputes.show", "dispute_id"),
    "cus": ("customers.show", "customer_id"),
    "ord": ("orders.show", "order_id"),
}
COLUMNS: Final[answers.Columns] = {
    "id": lambda mail: mail.id,
    "kind": lambda mail: mail.kind,
    "status": lambda mail: mail.status,
    "recipient": lambda mail: mail.recipient,
    "subject": lambda mail: mail.subject,
    "about": lambda mail: mail.resource_id,
    "attempts": lambda mail: mail.attempts,
    "reason": lambda mail: mail.reason,
    "created_at": lambda mail: mail.created_at,
    "sent_at": lambda mail: mail.sent_at,
}


@blueprint.get("")
def index() -> Response:
    """Mails, newest first, by status and recipient."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), Email.id, "em", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/mails/index.html",
        "list",
        rows=[row[0] for row in page.rows],
        chosen=chosen,
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("mails.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file, without what the mails say."""
    return answers.listed("mails", _wanted(_chosen()), Email.id, COLUMNS)


def _chosen() -> dict[str, str]:
    return {name: without_card_number(request.args.get(name, "").strip())[:254] for name in ("status", "to")}


def _wanted(chosen: dict[str, str]) -> Select[Email]:
    wanted = select(Email).where(Email.organization_id == g.organization.id)
    if chosen["status"] in EMAIL:
        wanted = wanted.where(Email.status == chosen["status"])
    return wanted.where(Email.recipient == chosen["to"].lower()) if chosen["to"] else wanted


@blueprint.get("/<email_id>")
def show(email_id: str) -> Response:
    """One mail. What it says is for those who may send it again: its links lead where its reader may act."""
    return _show(email_id)


def _show(email_id: str, problem: str | None = None) -> Response:
    mail = emails.find(g.organization.id, email_id)
    may = users.may(g.role, RIGHT)
    route, name = ABOUT.get((mail.resource_id or "").rpartition("_")[0], ("", ""))
    return render(
        "admin/mails/show.html",
        None if problem else "live",
        status=409 if problem else 200,
        mail=mail,
        about_url=url_for(route, **{name: mail.resource_id}) if route else None,  # type: ignore[arg-type]
        shows_text=may and mail.kind not in emails.SECRET and bool(mail.text),
        is_secret=mail.kind in emails.SECRET,
        may_send=may and emails.may_send_again(mail),
        pending=mail.status == "pending",
        problem=problem,
    )


@blueprint.get("/<email_id>/body")
@requires(RIGHT)
def body(email_id: str) -> Response:
    """The mail alone, for the frame; nothing of one whose link would let its reader act as somebody."""
    mail = emails.find(g.organization.id, email_id)
    return answers.mail("" if mail.kind in emails.SECRET else mail.html)


@blueprint.post("/<email_id>/send")
@requires(RIGHT)
def send(email_id: str) -> Response:
    """Send it again, as it was written."""
    end_reading()
    try:
        with transaction():
            emails.send_again(g.organization.id, email_id)
    except Conflict as error:
        return _show(email_id, error.message)
    flash("The mail is on its way again.", "success")
    return see_other(url_for("mails.show", email_id=email_id))
