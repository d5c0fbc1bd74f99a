"""Settings → Go live: what must be in place before real customers pay, looked up each time."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, request, url_for

from ballast.billing import checklist
from ballast.web import dashboard, render

blueprint = Blueprint("go_live", __name__, url_prefix="/admin/settings/go-live")
dashboard(blueprint)

# What a matter is about → the page where it is set, and what the link to it says.
PLACES: Final = {
    "processors": ("processors.index", "Processors"),
    "webhooks": ("webhooks.index", "Webhooks"),
    "mails": ("mails.index", "Mails"),
    "tax_rates": ("tax_rates.index", "Tax rates"),
    "billing": ("billing_settings.index", "Billing settings"),
    "payments": ("admin.payments", "Payments"),
}


@blueprint.get("")
def index() -> Response:
    """The list, and how far it is."""
    items = checklist.read(g.organization, request.is_secure)
    return render(
        "admin/settings/go_live.html",
        items=[{"item": item, "link": _link(item.about)} for item in items],
        done=sum(item.done for item in items),
    )


def _link(about: str) -> tuple[str, str] | None:
    if not about:
        return None
    route, label = PLACES[about]
    return url_for(route), label
