"""Settings → Shipping: ways to send an order, made and archived. Orders keep the one they were sent at."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import kept, shipping
from ballast.billing.shipping import NewRate
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import ShippingRate
from ballast.models.shipping import rates_of
from ballast.money import from_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("shipping_settings", __name__, url_prefix="/admin/settings/shipping")
dashboard(blueprint)

RIGHT: Final = "catalog"
FIELDS: Final = ("name", "amount", "currency", "countries", "free_from", "min_days", "max_days")
MOST: Final = 200


@blueprint.get("")
def index() -> Response:
    """All of them, those in use first, and a form for another."""
    return _page({})


@blueprint.post("")
@requires(RIGHT)
def create() -> Response:
    """Offered at the shop's checkout from now on."""
    typed = {name: without_card_number(" ".join(request.form.get(name, "").split()))[:1000] for name in FIELDS}
    end_reading()
    try:
        with transaction():
            name = shipping.create(g.organization.id, _read(typed)).name
    except BallastError as error:
        return _page(typed, error)
    flash(f"{name} is offered at your checkout from now on.", "success")
    return see_other(url_for(".index"))


def _read(typed: dict[str, str]) -> NewRate:
    """What was typed. Raises InvalidRequest with the field as `param`."""
    if not 0 < len(typed["name"]) <= 100 or looks_like_card_number(typed["name"]):
        raise InvalidRequest("parameter_invalid", "Say what it is called, in at most 100 characters.", param="name")
    currency = (typed["currency"] or g.organization.currency).upper()
    return NewRate(
        name=typed["name"],
        amount=_amount(typed["amount"], currency, "amount") or 0,
        currency=currency,
        countries=typed["countries"].replace(",", " ").upper().split(),
        free_from=_amount(typed["free_from"], currency, "free_from"),
        min_days=_days(typed, "min_days"),
        max_days=_days(typed, "max_days"),
    )


def _amount(typed: str, currency: str, field: str) -> int | None:
    try:
        return from_decimal(typed, currency) if typed else None
    except BallastError as error:
        param = field if error.param != "currency" else "currency"
        raise InvalidRequest(error.code, error.message, param=param) from error


def _days(typed: dict[str, str], field: str) -> int:
    given = typed[field]
    if not (given.isascii() and given.isdigit() and len(given) < 4):
        raise InvalidRequest("days_invalid", "Enter a whole number of days.", param=field)
    return int(given)


def _page(typed: dict[str, str], error: BallastError | None = None) -> Response:
    rates = db.session.scalars(rates_of(g.organization.id).limit(MOST))
    blank = dict.fromkeys(FIELDS, "") | {"currency": g.organization.currency}
    return render(
        "admin/settings/shipping.html",
        status=(409 if error.status == 409 else 422) if error else 200,
        rows=[{"rate": rate, "words": shipping.words(rate)} for rate in rates],
        may_change=users.may(g.role, RIGHT),
        typed=blank | typed,
        errors={error.param or "name": error.message} if error else {},
    )


@blueprint.post("/<shipping_rate_id>/archived")
@requires(RIGHT)
def archive(shipping_rate_id: str) -> Response:
    """Offered no more, or again."""
    archived = request.form.get("archived") == "yes"
    end_reading()
    with transaction():
        name = kept.change(ShippingRate, g.organization.id, shipping_rate_id, {"archived": archived}).name
    flash(f"{name} is {'not offered any more' if archived else 'offered again'}.", "success")
    return see_other(url_for(".index"))
