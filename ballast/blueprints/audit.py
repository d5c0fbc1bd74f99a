"""The dashboard's audit log: who did what, filtered, with what it was before; and the same as CSV. For owners, admins and staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request, url_for

from ballast import answers
from ballast.audit import export, reading
from ballast.audit.reading import Filter, Shown
from ballast.errors import InvalidRequest
from ballast.models import AuditEntry
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires

blueprint = Blueprint("audit", __name__, url_prefix="/admin/audit")
dashboard(blueprint)

RIGHT: Final = "audit"
ROUTE: Final = "audit.index"
FIELDS: Final = ("action", "resource_type", "resource_id", "actor", "from", "to")
RESOURCE_TYPES: Final = (
    "api_key",
    "customer",
    "dispute",
    "invitation",
    "organization",
    "payment",
    "payment_method",
    "processor_account",
    "processor_event",
    "user",
    "webhook_delivery",
    "webhook_endpoint",
)
# Kind of resource → its page, and the name of its id there.
PAGES: Final = {
    "payment": ("admin.payment", "payment_id"),
    "customer": ("customers.show", "customer_id"),
    "dispute": ("disputes.show", "dispute_id"),
    "processor_account": ("processors.show", "account_id"),
    "processor_event": ("processor_events.show", "event_id"),
    "webhook_delivery": ("webhook_deliveries.show", "delivery_id"),
    "webhook_endpoint": ("webhooks.show", "endpoint_id"),
}


@blueprint.get("")
@requires(RIGHT)
def index() -> Response:
    """Entries, newest first, by act, resource, actor and day."""
    chosen = _chosen()
    filtering, errors = _read(chosen)
    page = keyset(
        reading.listed(g.organization.id, filtering),
        AuditEntry.id,
        "aud",
        request.args.get("before"),
        request.args.get("after"),
    )
    shown = reading.show([row[0] for row in page.rows], names_staff=g.role == "staff")
    return render(
        "admin/audit.html",
        "list",
        status=422 if errors else 200,
        shown=[] if errors else shown,
        links={one.entry.id: _link(one) for one in shown},
        chosen=chosen,
        errors=errors,
        filtered=not filtering.is_empty,
        resource_types=RESOURCE_TYPES,
        export_url=filter_url("audit.csv", chosen),
        previous_url=None if errors else filter_url(ROUTE, chosen, before=page.before),
        next_url=None if errors else filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
@requires(RIGHT)
def csv() -> Response:
    """All that fits the filter, as a file. Raises InvalidRequest(`parameter_invalid`)."""
    filtering, errors = _read(_chosen())
    for param, sentence in errors.items():
        raise InvalidRequest("parameter_invalid", sentence, param=param)
    return answers.file("audit", export.lines(g.organization.id, filtering))


def _chosen() -> dict[str, str]:
    """A card number is nothing to look for."""
    return {name: without_card_number(request.args.get(name, "").strip()[:200]) for name in FIELDS}


def _read(chosen: Mapping[str, str]) -> tuple[Filter, dict[str, str]]:
    """What was typed as a filter, and what is wrong with it by field."""
    errors: dict[str, str] = {}
    start, end = (_day(chosen, name, errors) for name in ("from", "to"))
    if start and end and start > end:
        errors["to"] = "This is before the first day."
    return (
        Filter(
            action=chosen["action"],
            resource_type=chosen["resource_type"],
            resource_id=chosen["resource_id"],
            actor=chosen["actor"],
            start=start,
            end=end + timedelta(days=1, microseconds=-1) if end else None,
        ),
        errors,
    )


def _day(chosen: Mapping[str, str], name: str, errors: dict[str, str]) -> datetime | None:
    """The first instant of a day in the organization's time zone."""
    if not chosen[name]:
        return None
    try:
        found = date.fromisoformat(chosen[name])
    except ValueError:
        found = date.min
    if not 1970 <= found.year <= 2999:
        errors[name] = "Enter a day, such as 2026-11-28."
        return None
    return datetime.combine(found, time(), ZoneInfo(g.organization.timezone))


def _link(shown: Shown) -> str | None:
    """The page of what it is about, where there is one still."""
    entry: Any = shown.entry
    if entry.resource_type not in PAGES or entry.action.endswith(".deleted"):
        return None
    route, name = PAGES[entry.resource_type]
    return url_for(route, **{name: entry.resource_id})
