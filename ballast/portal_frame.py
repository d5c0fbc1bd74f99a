"""What all pages of the customer's portal share: whose they are, by the signed address, and the frame around them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request
from sqlalchemy import select

from ballast.billing import branding, portal_links
from ballast.db import db, set_organization
from ballast.errors import NotFound
from ballast.models import Organization
from ballast.models.customers import customer_of
from ballast.web import act, render


def portal_pages(blueprint: Blueprint) -> None:
    """Make a blueprint under /portal/<token> part of the portal: it works for the shop and the customer of the address."""
    blueprint.before_request(find_customer)
    blueprint.url_defaults(add_token)
    blueprint.context_processor(frame)


def find_customer() -> Response | None:
    """Whose page this is; from here on the request works for that organization. An address whose time is over opens nothing."""
    g.token = (request.view_args or {}).pop("token", "")
    link = portal_links.read(g.token)
    set_organization(link.organization_id)
    act("customer", link.customer_id)
    g.link = link
    g.shop = db.session.scalars(select(Organization).where(Organization.id == link.organization_id)).one()
    if link.is_over:
        return None if request.endpoint == "portal.send_link" else over()
    customer = db.session.scalars(customer_of(link.organization_id, link.customer_id)).first()
    if customer is None:
        raise NotFound("page")
    g.customer = customer
    return None


def add_token(_endpoint: str, values: dict[str, Any]) -> None:
    """Every address in here is of the same customer."""
    values.setdefault("token", g.get("token", ""))


def frame() -> dict[str, Any]:
    """What the layout needs; nothing on the page of an error that came before we knew whose page this is."""
    return {"shop": g.shop, "brand": branding.of(g.shop)} if "shop" in g else {}


def over(sent: bool = False, problem: str | None = None, status: int = 410) -> Response:
    """The page of an address whose time is over, with the way to another one."""
    return render("portal/expired.html", status=status, sent=sent, problem=problem)
