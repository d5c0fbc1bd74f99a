"""What all pages of the customer's portal share: whose they are, by the signed address, the frame around them, and the page of a new
card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, g, make_response, request
from sqlalchemy import and_, select

from ballast.billing import branding, checkout_form, new_cards, portal_links, velocity, ways
from ballast.billing.card_setup import Outcome
from ballast.db import db, end_reading, set_organization
from ballast.errors import BallastError, Conflict, InvalidRequest, NotFound
from ballast.models import Customer, Organization, PaymentMethod
from ballast.money import to_decimal
from ballast.web import act, is_htmx, policy, render, see_other


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
    g.shop, g.customer = _shop_and_customer(link.organization_id, link.customer_id)
    if link.is_over:
        return None if request.endpoint == "portal.send_link" else over()
    if g.customer is None:
        raise NotFound("page")
    return None


def _shop_and_customer(organization_id: str, customer_id: str) -> tuple[Organization, Customer | None]:
    """Both in one statement; None for a customer who was erased."""
    theirs = and_(Customer.organization_id == Organization.id, Customer.id == customer_id, Customer.erased_at.is_(None))
    wanted = select(Organization, Customer).outerjoin(Customer, theirs).where(Organization.id == organization_id)
    shop, customer = db.session.execute(wanted).one()
    return shop, customer


def add_token(_endpoint: str, values: dict[str, Any]) -> None:
    """Every address in here is of the same customer."""
    values.setdefault("token", g.get("token", ""))


def frame() -> dict[str, Any]:
    """What the layout needs; nothing on the page of an error that came before we knew whose page this is."""
    return {"shop": g.shop, "brand": branding.of(g.shop)} if "shop" in g else {}


def over(sent: bool = False, problem: str | None = None, status: int = 410) -> Response:
    """The page of an address whose time is over, with the way to another one."""
    return render("portal/expired.html", status=status, sent=sent, problem=problem)


# --- A new card --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What a new card is for, with what its page says and where it leads. `id`: of the subscription or the agreement; `kind`: what its
    customer calls that; `card`: the one that is charged now; `at_once`: what is charged to the new one right away, in words, or empty;
    `amount`: what it is likely to be charged, minor units: by that, and by `seed`, its account is chosen; `trail`: where
    the page is."""

    id: str
    kind: str
    item: str
    card: PaymentMethod | None
    at_once: str
    amount: int
    currency: str
    seed: str
    trail: Sequence[tuple[str, str | None]]
    url: str


def card_page(place: Place, problem: str | None = None, status: int = 200) -> Response:
    """The processor's own field, for a new card."""
    way = ways.to_pay(g.shop, place.amount, place.currency, place.seed)
    return _card_page(place, way, place.url, status, state="form", problem=problem)


def card_status_page(place: Place, card_id: str, outcome: Outcome) -> Response:
    """A card whose bank asks its customer, or that is still on its way."""
    if outcome.state == "action" and is_htmx():
        return see_other(f"{place.url}/{card_id}")
    way = ways.of_card(g.shop.id, card_id, place.currency)
    return _card_page(place, way, f"{place.url}/{card_id}", state=outcome.state, secret=outcome.client_secret)


def _card_page(
    place: Place,
    way: ways.Way | None,
    status_url: str,
    status: int = 200,
    *,
    state: str,
    problem: str | None = None,
    secret: str | None = None,
) -> Response:
    response = make_response(
        render(
            "portal/card.html",
            None if state == "form" else "processing",
            status,
            place=place,
            customer=g.customer,
            state=state,
            problem=problem,
            errors={},
            processor=way.for_page if way else None,
            due=f"{to_decimal(place.amount, place.currency):f}",
            currency=place.currency,
            not_confirmed=ways.NOT_CONFIRMED,
            action={"redirect_url": None, "client_secret": secret, "return_url": status_url},
            status_url=status_url,
            polling=True,
        )
    )
    response.headers["Content-Security-Policy"] = policy(dict(way.config.csp) if way else {})
    return response


def say_stored(*, is_paid: bool) -> None:
    """On the next page; `is_paid`: nothing is left open that could have been charged to it."""
    said = "Your new card is in use." if is_paid else "Your new card is stored, but what is open could not be charged."
    flash(said, "success" if is_paid else "warning")


def store_card(purpose: str) -> tuple[str, Outcome]:
    """Store the card whose token the form brought, and put it to use; answers its id and how it stands. `purpose`: a Place's id.

    Raises BallastError, with a sentence for the form.
    """
    typed = {name: value for name, value in request.form.items() if isinstance(value, str)}
    problems = checkout_form.check_token(typed)
    if problems:
        raise InvalidRequest("payment_method_required", problems["payment_method"], param="payment_method")
    organization_id, token = g.shop.id, checkout_form.read_token(typed)
    end_reading()
    try:
        velocity.check(organization_id, token.payment_method, token.account_id)
        return new_cards.replace(organization_id, purpose, token)
    except BallastError as error:
        if error.code == "resource_missing":
            raise Conflict("processor_changed", ways.CHANGED) from error
        raise
