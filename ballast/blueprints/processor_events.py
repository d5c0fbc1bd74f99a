"""The dashboard's processor events: what the processors told us, what came of it, and replaying it."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import accounts, inbox, processor_events
from ballast.billing.processor_events import Filter
from ballast.identity import users
from ballast.models import InboxEvent
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other, status_chips

blueprint = Blueprint("processor_events", __name__, url_prefix="/admin/processor-events")
dashboard(blueprint)

# The first tries follow each other in seconds; one that waits for longer is not watched any more.
WATCHED_TRIES = 3
ROUTE: Final = "processor_events.index"
LABELS = {"": "All", "received": "Received", "applied": "Applied", "ignored": "Ignored", "failed": "Failed"}


@blueprint.get("")
def index() -> Response:
    """Events, newest first, by account, status and type. A card number is nothing to look for."""
    chosen = {name: _asked(name) for name in ("account", "status", "type")}
    wanted = processor_events.listed(g.organization.id, Filter(chosen["account"], chosen["status"], chosen["type"]))
    page = keyset(wanted, InboxEvent.id, "inb", request.args.get("before"), request.args.get("after"))
    events = [row[0] for row in page.rows]
    known = _accounts()
    return render(
        "admin/processor_events/index.html",
        "list",
        events=events,
        payments=processor_events.payments_of(events),
        accounts=known,
        chosen=chosen,
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


def _asked(name: str) -> str:
    return without_card_number(request.args.get(name, "").strip())[:200]


def _accounts() -> dict[str, Any]:
    """The organization's accounts by id, archived ones too: their events stay."""
    found = [*accounts.all_of(g.organization.id), *accounts.archived_of(g.organization.id)]
    return {account.id: account for account in found}


@blueprint.get("/<event_id>")
def show(event_id: str) -> Response:
    """One event: what it is about, what came of it, what it says."""
    event = inbox.find(g.organization.id, event_id)
    account = accounts.find(g.organization.id, event.processor_account_id)
    return render(
        "admin/processor_events/show.html",
        "live",
        event=event,
        account=account,
        payment_id=processor_events.payments_of([event]).get(event.id),
        text=processor_events.text_of(event.payload),
        may_replay=users.may(g.role, "replay"),
        pending=event.status == "received" and event.attempts < WATCHED_TRIES,
    )


@blueprint.post("/<event_id>/replay")
@requires("replay")
def replay(event_id: str) -> Response:
    """Apply the event again."""
    inbox.replay(g.organization.id, event_id)
    flash("The event is applied again. What is true already stays as it is.", "success")
    return see_other(url_for("processor_events.show", event_id=event_id))
