"""A file that was bought: the page behind its signed address, and the button that counts and sends it. Looking counts nothing."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, url_for
from sqlalchemy import select

from ballast.billing import branding, downloads
from ballast.db import db, end_reading, set_organization, transaction
from ballast.errors import BallastError
from ballast.models import Organization, ProductFile
from ballast.web import act, render

blueprint = Blueprint("downloads", __name__, url_prefix="/downloads/<token>")


@blueprint.get("")
def show(token: str) -> Response:
    """What there is to fetch, and how often it still may be."""
    try:
        organization_id, download_id = _open(token)
        found, order = downloads.find(organization_id, download_id)
    except BallastError as error:
        return _gone(error)
    return _page(found=found, order_url=url_for("checkout.receipt", token=order.token), token=token)


@blueprint.post("")
def fetch(token: str) -> Response:
    """Count it, then send it."""
    end_reading()
    try:
        organization_id, download_id = _open(token)
        end_reading()
        with transaction():
            file = downloads.take(organization_id, download_id)
    except BallastError as error:
        return _gone(error)
    return _send(file)


def _open(token: str) -> tuple[str, str]:
    """Whose address it is; from here on the request works for that organization."""
    organization_id, download_id = downloads.read(token)
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    return organization_id, download_id


def _send(file: ProductFile) -> Response:
    if file.url is not None:
        return make_response(redirect(file.url, 303))
    response = Response(file.content, content_type="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _gone(error: BallastError) -> Response:
    """Raises what is no answer about a file of somebody's."""
    if error.status == 404 or "shop" not in g:
        raise error
    return _page(410, problem=error.message)


def _page(status: int = 200, **shown: object) -> Response:
    response = render(
        "checkout/download.html",
        None,
        status,
        **{"found": None, "problem": None, "order_url": None, "token": None} | shown,
        shop=g.shop,
        brand=branding.of(g.shop),
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
