"""Why a charge is what it is, in customer's words: behind a signed address that stands in the mails about it. Read-only."""

from __future__ import annotations

from flask import Blueprint, Response, g
from sqlalchemy import select

from ballast.billing import branding, explaining, explanation_links
from ballast.db import db, set_organization
from ballast.models import Organization
from ballast.web import act, render

blueprint = Blueprint("explanation", __name__, url_prefix="/charges")


@blueprint.get("/<token>")
def show(token: str) -> Response:
    """What it comes to, how, and what was tried."""
    organization_id, resource_id = explanation_links.read(token)
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    why = explaining.of(organization_id, resource_id)
    return render("portal/explanation.html", shop=g.shop, brand=branding.of(g.shop), why=why)
