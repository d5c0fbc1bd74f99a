"""An agreement's own page, for whoever holds its address: schedule, balance, terms, and the disclosure to keep. Read-only."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, request
from sqlalchemy import select

from ballast.billing import agreement_page, branding, portal_links
from ballast.db import db, end_reading, set_organization, transaction
from ballast.errors import NotFound, RateLimited
from ballast.identity.users import lookup
from ballast.models import Organization
from ballast.web import act, render

blueprint = Blueprint("plan_page", __name__, url_prefix="/plans/<token>")


@blueprint.before_request
def find_shop() -> None:
    """Whose agreement this is; from here on the request works for that organization."""
    organization_id = lookup("organization_of_agreement", (request.view_args or {}).get("token", ""))
    if organization_id is None:
        raise NotFound("plan")
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()


@blueprint.get("")
def show(token: str) -> Response:
    """The agreement as it stands."""
    return _page(token)


@blueprint.post("/link")
def send_link(token: str) -> Response:
    """Mail the customer the way to their own page, where a plan is paid and changed. This address alone does not lead there."""
    seen = agreement_page.find(g.shop.id, token)
    customer_id = seen.agreement.customer_id
    end_reading()
    try:
        with transaction():
            portal_links.send(g.shop.id, customer_id)
    except RateLimited as error:
        response = _page(token, problem=error.message, status=error.status)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    return _page(token, is_sent=True)


def _page(token: str, problem: str | None = None, is_sent: bool = False, status: int = 200) -> Response:
    seen = agreement_page.find(g.shop.id, token)
    return render(
        "financing/agreement.html",
        None,
        status,
        shop=g.shop,
        brand=branding.of(g.shop),
        seen=seen,
        sha256=agreement_page.document(seen.agreement).sha256,
        problem=problem,
        is_sent=is_sent,
    )


@blueprint.get("/disclosure.html")
def html(token: str) -> Response:
    """The disclosure, byte for byte as it was consented to."""
    document = agreement_page.document(agreement_page.find(g.shop.id, token).agreement)
    return _file(document.html.encode(), "text/html; charset=utf-8", "html")


@blueprint.get("/disclosure.pdf")
def pdf(token: str) -> Response:
    """The same on paper."""
    document = agreement_page.document(agreement_page.find(g.shop.id, token).agreement)
    return _file(document.pdf, "application/pdf", "pdf")


def _file(content: bytes, mimetype: str, suffix: str) -> Response:
    response = make_response(content)
    response.headers["Content-Type"] = mimetype
    response.headers["Content-Disposition"] = f'attachment; filename="disclosure.{suffix}"'
    return response
