"""Payment links and buy buttons in the dashboard: make one, copy it, see who used it, put it away."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from flask_login import current_user

from ballast import answers, config
from ballast.billing import payment_links
from ballast.billing.payment_links import NewLink
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import CheckoutSession, PaymentLink, Price
from ballast.models.catalog import on_sale, recurring_prices
from ballast.models.checkout_sessions import links_of, sessions_of_link
from ballast.money import format_money, from_decimal, to_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.templating import read_day, show_every
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("payment_links", __name__, url_prefix="/admin/payment-links")
dashboard(blueprint)

RIGHT: Final = "catalog"
FIELDS: Final = ("price", "name", "amount", "currency", "active_until", "max_uses", "success_url")
CHOICES: Final = ("quantity_adjustable", "allow_promotion_codes")
COLUMNS: Final[answers.Columns] = {
    "id": lambda link: link.id,
    "name": lambda link: link.name,
    "url": lambda link: f"{config.current().public_url}/buy/{link.token}",
    "price": lambda link: link.price_id,
    "amount": lambda link: to_decimal(link.amount, link.currency),
    "currency": lambda link: link.currency,
    "active_until": lambda link: link.active_until,
    "max_uses": lambda link: link.max_uses,
    "created_at": lambda link: link.created_at,
    "deactivated_at": lambda link: link.deactivated_at,
}
BUTTON_STYLE: Final = (
    "display:inline-block;padding:12px 20px;border-radius:6px;background:#0B5F5A;color:#FFFFFF;"
    "font:600 16px/24px system-ui,sans-serif;text-decoration:none"
)


@blueprint.get("")
def index() -> Response:
    """All links, newest first."""
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(links_of(g.organization.id), PaymentLink.id, "plink", *edges)
    links = [row[0] for row in page.rows]
    uses = payment_links.uses_of(g.organization.id, [link.id for link in links])
    return render(
        "admin/payment_links/index.html",
        "list",
        rows=[
            {"link": link, "uses": uses[link.id], "state": payment_links.state_of(link, uses[link.id])}
            for link in links
        ],
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for(".index", before=page.before) if page.before else None,
        next_url=url_for(".index", after=page.after) if page.after else None,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All of them, as a file."""
    return answers.listed("payment-links", links_of(g.organization.id), PaymentLink.id, COLUMNS)


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """What is sold, and for how long."""
    return _form({"currency": g.organization.currency, "allow_promotion_codes": "yes"})


@blueprint.post("/new")
@requires(RIGHT)
def create() -> Response:
    """Make it; on to its page, where it can be copied."""
    typed = {name: " ".join(request.form.get(name, "").split()) for name in FIELDS}
    typed |= {name: request.form.get(name, "") for name in CHOICES}
    shop = g.organization
    try:
        asked = _read(typed)
        end_reading()
        with transaction():
            link_id = payment_links.create(shop, asked).id
    except BallastError as error:
        return _form(typed, error)
    flash("The link is ready to be shared.", "success")
    return see_other(url_for(".show", link_id=link_id))


def _read(typed: dict[str, str]) -> NewLink:
    """What was typed, as a link. Raises InvalidRequest with the field as `param`."""
    for name in FIELDS:
        if looks_like_card_number(typed[name]):
            raise InvalidRequest("card_number_refused", "This looks like a card number.", param=name)
    common: dict[str, Any] = {
        **{name: typed[name] == "yes" for name in CHOICES},
        "active_until": _read_day(typed["active_until"]),
        "max_uses": _read_count(typed["max_uses"]),
        "success_url": typed["success_url"] or None,
        "created_by": current_user.id,
    }
    if typed["price"]:
        price, product = payment_links.find_price(g.organization.id, typed["price"])
        return NewLink(product.name, price.amount, price.currency, price_id=price.id, **common)
    currency = typed["currency"].upper()
    return NewLink(typed["name"], from_decimal(typed["amount"], currency), currency, **common)


def _read_day(typed: str) -> datetime | None:
    """The end of that day where the organization is."""
    if not typed:
        return None
    try:
        return read_day(typed, g.organization.timezone, later=1)
    except ValueError as error:
        raise InvalidRequest("active_until_invalid", "Write a day such as 2026-12-24.", param="active_until") from error


def _read_count(typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit()) or len(typed) > 9:
        raise InvalidRequest("max_uses_invalid", "Enter a whole number, or nothing for no limit.", param="max_uses")
    return int(typed)


def _form(typed: dict[str, str], error: BallastError | None = None) -> Response:
    shown = dict.fromkeys((*FIELDS, *CHOICES), "") | typed
    prices = [
        (price.id, f"{product.name}, {format_money(price.amount, price.currency)}")
        for product, price in db.session.execute(on_sale(g.organization.id))
    ]
    prices += [
        (price.id, f"{product.name}, {format_money(price.amount, price.currency)} {_every(price)}")
        for price, product in db.session.execute(recurring_prices(g.organization.id))
    ]
    return render(
        "admin/payment_links/new.html",
        status=422 if error else 200,
        typed={name: without_card_number(value) for name, value in shown.items()},
        prices=[("", "Something else: name and amount below"), *prices],
        errors={error.param or "name": error.message} if error else {},
    )


def _every(price: Price) -> str:
    return show_every(price.interval or "", price.interval_count)


@blueprint.get("/<link_id>")
def show(link_id: str) -> Response:
    """One link: its address, its button, and the checkouts it led to."""
    link = payment_links.find(g.organization.id, link_id)
    uses = payment_links.uses_of(g.organization.id, [link.id])[link.id]
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(sessions_of_link(g.organization.id, link.id), CheckoutSession.id, "cs", *edges)
    address = f"{config.current().public_url}{url_for('buy.show', token=link.token)}"
    return render(
        "admin/payment_links/show.html",
        "sessions",
        link=link,
        uses=uses,
        state=payment_links.state_of(link, uses),
        offer=payment_links.offer(link),
        address=address,
        button=_button(address, link),
        sessions=[{"session": row[0], "order": row[1], "payment_id": row[2]} for row in page.rows],
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for(".show", link_id=link.id, before=page.before) if page.before else None,
        next_url=url_for(".show", link_id=link.id, after=page.after) if page.after else None,
    )


def _button(address: str, link: PaymentLink) -> str:
    """HTML to paste into any page; no script is needed."""
    return f'<a href="{escape(address)}" style="{BUTTON_STYLE}">Buy {escape(link.name)}</a>'


@blueprint.post("/<link_id>/active")
@requires(RIGHT)
def activate(link_id: str) -> Response:
    """Take payments again, or no more."""
    active = request.form.get("active") == "yes"
    end_reading()
    with transaction():
        name = payment_links.activate(g.organization.id, link_id, active).name
    flash(f"{name} {'takes payments again' if active else 'takes no payments any more'}.", "success")
    return see_other(url_for(".show", link_id=link_id))
