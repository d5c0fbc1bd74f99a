"""A payment link's page: what it sells, and the way on to a checkout of the visitor's own. Looking makes nothing."""

from __future__ import annotations

from flask import Blueprint, Response, g, request, url_for
from flask import session as browser
from sqlalchemy import select

from ballast.billing import payment_links
from ballast.db import db, end_reading, set_organization, transaction
from ballast.errors import BallastError, NotFound
from ballast.identity.users import lookup
from ballast.models import Order, Organization, PaymentLink
from ballast.models.orders import MAX_QUANTITY
from ballast.web import act, render, see_other

blueprint = Blueprint("buy", __name__, url_prefix="/buy/<token>")


@blueprint.before_request
def find_link() -> None:
    """Whose link this is; from here on the request works for that organization."""
    token = (request.view_args or {}).pop("token", "")
    organization_id = lookup("organization_of_payment_link", token)
    if organization_id is None:
        raise NotFound("payment link")
    set_organization(organization_id)
    act("customer", None)
    g.shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    g.link = db.session.scalars(
        select(PaymentLink).where(PaymentLink.organization_id == organization_id, PaymentLink.token == token)
    ).one()


@blueprint.get("")
def show() -> Response:
    """What is for sale here."""
    return _page()


@blueprint.post("")
def go_on() -> Response:
    """On to a checkout: the visitor's earlier one while it still fits, so that a button pressed twice makes one."""
    link_id, kept = g.link.id, f"buy:{g.link.id}"
    quantity = _quantity() if g.link.quantity_adjustable else 1
    end_reading()
    try:
        with transaction():
            made = payment_links.go_on(g.shop, link_id, quantity, browser.get(kept))
            session_id = made.id
            token = db.session.scalars(
                select(Order.token).where(Order.organization_id == g.shop.id, Order.id == made.order_id)
            ).one()
    except BallastError as error:
        g.link = payment_links.find(g.shop.id, link_id)
        return _page(error, request.form.get("quantity", "1"))
    browser[kept] = session_id
    return see_other(url_for("checkout.show", token=token))


def _quantity() -> int:
    """What was typed; 0 for what is no number, which no link takes."""
    typed = request.form.get("quantity", "1").strip()
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 3 else 0


def _page(error: BallastError | None = None, typed: str = "1") -> Response:
    uses = payment_links.uses_of(g.shop.id, [g.link.id])[g.link.id]
    offer = payment_links.offer(g.link)
    is_open = payment_links.state_of(g.link, uses) == "active" and offer is not None
    return render(
        "checkout/buy.html",
        status=error.status if error else 200 if is_open else 410,
        shop=g.shop,
        token=g.link.token,
        offer=offer if is_open else None,
        adjustable=g.link.quantity_adjustable,
        quantity=typed[:3],
        most=MAX_QUANTITY,
        errors={"quantity": error.message} if error and error.param == "quantity" else {},
        problem=error.message if error and error.param != "quantity" else None,
    )
