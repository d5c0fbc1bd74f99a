"""The start page of a running local stack: one payment followed through screens and code."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from sqlalchemy import select

from ballast import config
from ballast.db import db, organization
from ballast.identity import users
from ballast.models import Payment
from ballast.web import render, see_other

blueprint = Blueprint("start", __name__)

DEMO_SLUG = "acme"
PEOPLE = [
    {"role": "Owner", "email": "owner@acme.test"},
    {"role": "Admin", "email": "admin@acme.test"},
    {"role": "Viewer", "email": "viewer@acme.test"},
    {"role": "Platform staff", "email": "staff@ballast.test"},
    {"role": "Shopper", "email": "shopper@example.com"},
]


@blueprint.get("/")
def index() -> Response:
    """On a local stack: where to begin. Elsewhere: the dashboard."""
    settings = config.current()
    shop = users.organization_by_slug(DEMO_SLUG) if settings.sandbox_url else None
    if shop is None:
        return see_other(url_for("admin.overview"))
    with organization(shop.id):
        newest = select(Payment).where(Payment.organization_id == shop.id, Payment.order_id.is_not(None))
        last = db.session.scalars(newest.order_by(Payment.id.desc()).limit(1)).first()
        sandbox = f"{settings.sandbox_url}/_sandbox"
        return render(
            "start/index.html",
            store_url=url_for("storefront.index", slug=DEMO_SLUG),
            admin_url=url_for("admin.overview"),
            docs_url=url_for("api_docs.reference"),
            sandbox={name: f"{sandbox}/{path}" for name, path in SANDBOX_PAGES.items()},
            people=PEOPLE,
            last_payment=last,
        )


SANDBOX_PAGES = {
    "mailbox": "mailbox",
    "receiver": "receiver",
    "charges": "charges",
    "wire": "wire",
    "faults": "faults",
}
