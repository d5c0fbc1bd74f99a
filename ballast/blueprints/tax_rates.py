"""Tax rates in the dashboard: one per country or region, made and archived. Invoices keep the one they were written with."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast.billing import discount_catalog, kept
from ballast.billing.discount_catalog import NewTaxRate
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import TaxRate
from ballast.money import bps_from_percent
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("tax_rates", __name__, url_prefix="/admin/tax-rates")
dashboard(blueprint)

RIGHT: Final = "catalog"
FIELDS: Final = ("name", "country", "region", "percent", "shipping", "shipping_percent", "inclusive")
SENDINGS: Final = [("same", "As the goods"), ("none", "Not at all"), ("other", "At its own percentage")]
COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
MOST: Final = 500


@blueprint.get("")
def index() -> Response:
    """All of them, those in force first, and a form for another."""
    return _page({})


@blueprint.post("")
@requires(RIGHT)
def create() -> Response:
    """In force for invoices and orders from now on."""
    typed = {name: without_card_number(" ".join(request.form.get(name, "").split()))[:100] for name in FIELDS}
    typed["shipping"] = typed["shipping"] or "same"
    end_reading()
    try:
        with transaction():
            name = discount_catalog.create_tax_rate(g.organization.id, _read(typed)).name
    except BallastError as error:
        return _page(typed, error)
    flash(f"{name} is on invoices and orders from now on.", "success")
    return see_other(url_for(".index"))


def _read(typed: dict[str, str]) -> NewTaxRate:
    """What was typed. Raises InvalidRequest with the field as `param`."""
    if not typed["name"] or looks_like_card_number(typed["name"]):
        raise InvalidRequest("parameter_invalid", "Say what it is called on invoices.", param="name")
    if not COUNTRY.fullmatch(typed["country"].upper()):
        raise InvalidRequest("parameter_invalid", "Two letters, such as DE.", param="country")
    if len(typed["region"]) > 40:
        raise InvalidRequest("parameter_invalid", "Use at most 40 characters.", param="region")
    return NewTaxRate(
        name=typed["name"],
        country=typed["country"].upper(),
        region=typed["region"],
        bps=bps_from_percent(typed["percent"]),
        shipping_bps=_read_shipping(typed),
        inclusive=typed["inclusive"] == "yes",
    )


def _read_shipping(typed: dict[str, str]) -> int | None:
    """Of what it costs to send goods, basis points; None for the same as goods."""
    if typed["shipping"] not in dict(SENDINGS):
        raise InvalidRequest("parameter_invalid", "Choose one of these.", param="shipping")
    if typed["shipping"] != "other":
        return None if typed["shipping"] == "same" else 0
    try:
        return bps_from_percent(typed["shipping_percent"])
    except InvalidRequest as error:
        raise InvalidRequest(error.code, error.message, param="shipping_percent") from error


def _page(typed: dict[str, str], error: BallastError | None = None) -> Response:
    wanted = select(TaxRate).where(TaxRate.organization_id == g.organization.id)
    ordered = wanted.order_by(TaxRate.archived_at.is_not(None), TaxRate.country, TaxRate.region, TaxRate.id)
    return render(
        "admin/catalog/tax_rates.html",
        status=422 if error else 200,
        rows=list(db.session.scalars(ordered.limit(MOST))),
        may_change=users.may(g.role, RIGHT),
        typed=dict.fromkeys(FIELDS, "") | {"shipping": "same"} | typed,
        sendings=SENDINGS,
        errors={error.param or "country": error.message} if error else {},
    )


@blueprint.post("/<tax_rate_id>/archived")
@requires(RIGHT)
def archive(tax_rate_id: str) -> Response:
    """In force no more, or again."""
    archived = request.form.get("archived") == "yes"
    end_reading()
    try:
        with transaction():
            name = kept.change(TaxRate, g.organization.id, tax_rate_id, {"archived": archived}).name
    except BallastError as error:
        if error.status == 404:
            raise
        return _page({}, error)
    flash(f"{name} is {'on no invoice and no order from now on' if archived else 'in force again'}.", "success")
    return see_other(url_for(".index"))
