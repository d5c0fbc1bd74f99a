"""Settings → Billing, and Settings → Mails: dunning with what it comes to, what stands on invoices, and every mail as it looks."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast import answers, config
from ballast.billing import billing_settings, invoices, mail_previews
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import BillingSettings
from ballast.security import without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("billing_settings", __name__, url_prefix="/admin/settings")
dashboard(blueprint)

RIGHT: Final = "settings"
FIELDS: Final = (
    "retry_days",
    "end_status",
    "late_success",
    "reminder_days",
    "invoice_prefix",
    "invoice_footer",
    "address",
    "tax_number",
    "support_email",
    "color",
)
LATE: Final = [
    ("refund", "Give it back at once"),
    ("credit", "Credit it: what it was for if that is still owed, else the customer's balance"),
]
ENDS: Final = [
    ("unpaid", "Unpaid: it rests until the open invoice is paid"),
    ("canceled", "Canceled: it ends, and the invoice is given up"),
    ("defaulted", "Defaulted: it ends as bad debt, and the invoice is given up"),
]


@blueprint.get("/billing")
def index() -> Response:
    """How it bills, and an example of it."""
    return _page(invoices.settings(g.organization.id))


@blueprint.post("/billing")
@requires(RIGHT)
def change() -> Response:
    """Change what was typed differently."""
    typed = {name: without_card_number(request.form[name].strip())[:1000] for name in FIELDS if name in request.form}
    end_reading()
    try:
        with transaction():
            billing_settings.change(g.organization.id, _read(typed))
    except BallastError as error:
        return _page(invoices.settings(g.organization.id), typed, error)
    flash("Saved. Invoices that are open already follow it from now on.", "success")
    return see_other(url_for("billing_settings.index"))


def _read(typed: dict[str, str]) -> dict[str, Any]:
    """What was typed, as values. Raises InvalidRequest with the field as `param`."""
    if "retry_days" not in typed:
        raise InvalidRequest("parameter_invalid", "Name the days.", param="retry_days")
    wanted: dict[str, Any] = dict(typed)
    wanted["retry_days"] = [_number(day, "retry_days") for day in typed["retry_days"].replace(",", " ").split()]
    if "reminder_days" in typed:
        wanted["reminder_days"] = _number(typed["reminder_days"], "reminder_days") if typed["reminder_days"] else None
    return wanted


def _number(typed: str, field: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 4):
        raise InvalidRequest("parameter_invalid", "Write whole numbers, such as 1, 3, 7, 14.", param=field)
    return int(typed)


def _page(found: BillingSettings, typed: dict[str, str] | None = None, error: BallastError | None = None) -> Response:
    stored = {name: getattr(found, name) for name in FIELDS}
    stored["retry_days"] = ", ".join(str(day) for day in found.retry_days)
    stored["reminder_days"] = "" if found.reminder_days is None else str(found.reminder_days)
    return render(
        "admin/billing/settings.html",
        status=422 if error else 200,
        values=stored | (typed or {}),
        days=sorted(found.retry_days),
        end_status=found.end_status,
        ends=ENDS,
        late=LATE,
        usual_reminder=config.current().payment_reminder_days_before,
        numbered=billing_settings.is_numbered(found),
        errors={error.param or "retry_days": error.message} if error else {},
        may_change=users.may(g.role, RIGHT),
    )


# --- Mails -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/mails")
def mails() -> Response:
    """Every mail about subscriptions, one at a time."""
    kinds, chosen = mail_previews.kinds(), _kind()
    return render(
        "admin/billing/mails.html",
        kinds=kinds,
        chosen=chosen,
        preview=mail_previews.render(g.organization, chosen),
        frame_url=url_for("billing_settings.mail", kind=chosen),
    )


@blueprint.get("/mails/preview")
def mail() -> Response:
    """The mail alone, for the frame: it runs nothing and loads nothing from elsewhere."""
    return answers.mail(mail_previews.render(g.organization, _kind()).html)


def _kind() -> str:
    kinds = mail_previews.kinds()
    asked = request.args.get("kind", "")
    return asked if asked in kinds else next(iter(kinds))
