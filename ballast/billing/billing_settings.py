"""How an organization bills: dunning, reminders, and what stands on invoices. Changed here, read by `invoices.settings`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from ballast import audit
from ballast.billing import changes, invoices
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.models import BillingSettings
from ballast.models.late_successes import LATE_POLICIES
from ballast.models.subscriptions import END_STATUSES
from ballast.security import looks_like_card_number

MOST_TRIES: Final = 8
LATEST_TRY: Final = 60
MOST_REMINDER_DAYS: Final = 30
LONGEST: Final = {"invoice_footer": 500, "address": 500, "tax_number": 40}
PREFIX: Final = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
COLOR: Final = re.compile(r"#[0-9a-f]{6}", re.ASCII)


def change(organization_id: str, wanted: Mapping[str, Any]) -> BillingSettings:
    """Set what is given: `retry_days` (days after the first decline), `end_status`, `late_success` (refund or credit), `reminder_days`
    (None for the usual), `invoice_prefix`, `invoice_footer`, `address`, `tax_number`, `support_email`, `color`. In the caller's
    transaction.

    Raises InvalidRequest with the field as `param`, Conflict(`invoice_prefix_fixed`) once an invoice has been numbered.
    """
    invoices.settings(organization_id)
    locked = select(BillingSettings).where(BillingSettings.organization_id == organization_id).with_for_update()
    found = db.session.scalars(locked.execution_options(populate_existing=True)).one()
    checked = {field: CHECKS[field](value) for field, value in wanted.items()}
    if checked.get("invoice_prefix", found.invoice_prefix) != found.invoice_prefix and is_numbered(found):
        raise Conflict(
            "invoice_prefix_fixed", "Invoices have been numbered with this prefix. It stays.", param="invoice_prefix"
        )
    differences = changes.apply(found, checked)
    if differences:
        db.session.flush()
        audit.record(organization_id, "billing_settings.changed", "organization", organization_id, differences)
    return found


def is_numbered(settings: BillingSettings) -> bool:
    """Whether a number with this prefix has been given: then it stays."""
    return settings.next_invoice > 1 or settings.next_credit_note > 1


def _days(days: list[int]) -> list[int]:
    if not 1 <= len(days) <= MOST_TRIES or len(set(days)) != len(days):
        raise _wrong("retry_days", f"Name 1 to {MOST_TRIES} different days.")
    if not all(1 <= day <= LATEST_TRY for day in days):
        raise _wrong("retry_days", f"Name days from 1 to {LATEST_TRY}.")
    return sorted(days)


def _end_status(status: str) -> str:
    if status not in END_STATUSES:
        raise _wrong("end_status", "Choose what happens at the end.")
    return status


def _late_success(policy: str) -> str:
    if policy not in LATE_POLICIES:
        raise _wrong("late_success", "Choose what is done with it.")
    return policy


def _reminder(days: int | None) -> int | None:
    if days is not None and not 0 <= days <= MOST_REMINDER_DAYS:
        raise _wrong("reminder_days", f"Enter 0 to {MOST_REMINDER_DAYS} days, or nothing for the usual.")
    return days


def _prefix(prefix: str) -> str:
    if not PREFIX.fullmatch(prefix):
        raise _wrong("invoice_prefix", "Use 1 to 12 capitals and digits.")
    return prefix


def _text(field: str, text: str) -> str:
    if len(text) > LONGEST[field] or looks_like_card_number(text):
        raise _wrong(field, f"Use at most {LONGEST[field]} characters, and no card number.")
    return text


def _email(address: str) -> str:
    if not address:
        return ""
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise _wrong("support_email", "Enter an email address such as help@example.com.") from error
    return address.lower()


def _color(color: str) -> str:
    if color and not COLOR.fullmatch(color.lower()):
        raise _wrong("color", "Write a color such as #0b5f5a.")
    return color.lower()


def _wrong(field: str, said: str) -> InvalidRequest:
    return InvalidRequest("parameter_invalid", said, param=field)


CHECKS: Final[dict[str, Any]] = {
    "retry_days": _days,
    "end_status": _end_status,
    "late_success": _late_success,
    "reminder_days": _reminder,
    "invoice_prefix": _prefix,
    "invoice_footer": lambda text: _text("invoice_footer", text),
    "address": lambda text: _text("address", text),
    "tax_number": lambda text: _text("tax_number", text),
    "support_email": _email,
    "color": _color,
}
