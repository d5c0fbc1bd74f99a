"""Coupons and the codes that stand for them, in the dashboard: made, counted, archived."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import Select, select

from ballast import answers
from ballast.billing import discount_catalog, kept
from ballast.billing.discount_catalog import NewCode, NewCoupon
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import Coupon, PromotionCode
from ballast.models.discounts import APPLIES_TO, DURATIONS
from ballast.money import bps_from_percent, from_decimal, to_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.templating import read_day
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("coupons", __name__, url_prefix="/admin/coupons")
dashboard(blueprint)

RIGHT: Final = "catalog"
FIELDS: Final = (
    "name",
    "percent",
    "amount",
    "currency",
    "duration",
    "periods",
    "max_redemptions",
    "redeem_by",
    "applies_to",
)
CODE_FIELDS: Final = ("code", "max_redemptions", "expires_at")
LASTS: Final = [("once", "The first period"), ("repeating", "Some periods"), ("forever", "Every period")]
PARTS: Final = [("all", "All that is sold"), ("goods", "What is bought once"), ("subscriptions", "Subscriptions")]
COLUMNS: Final[answers.Columns] = {
    "id": lambda coupon: coupon.id,
    "name": lambda coupon: coupon.name,
    "percent": lambda coupon: coupon.percent_bps and Decimal(coupon.percent_bps) / 100,
    "amount_off": lambda coupon: coupon.amount_off and to_decimal(coupon.amount_off, coupon.currency),
    "currency": lambda coupon: coupon.currency,
    "duration": lambda coupon: coupon.duration,
    "periods": lambda coupon: coupon.periods,
    "applies_to": lambda coupon: coupon.applies_to,
    "redeemed": lambda coupon: coupon.redeemed,
    "max_redemptions": lambda coupon: coupon.max_redemptions,
    "redeem_by": lambda coupon: coupon.redeem_by,
    "created_at": lambda coupon: coupon.created_at,
    "archived_at": lambda coupon: coupon.archived_at,
}
CODE: Final = re.compile(r"[A-Za-z0-9_-]{3,40}", re.ASCII)


@blueprint.get("")
def index() -> Response:
    """Newest first."""
    page = keyset(_wanted(), Coupon.id, "cpn", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/catalog/coupons.html",
        "list",
        rows=[row[0] for row in page.rows],
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for(".index", before=page.before) if page.before else None,
        next_url=url_for(".index", after=page.after) if page.after else None,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All of them, as a file."""
    return answers.listed("coupons", _wanted(), Coupon.id, COLUMNS)


def _wanted() -> Select[Coupon]:
    return select(Coupon).where(Coupon.organization_id == g.organization.id)


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """What it takes off, and for how long."""
    return _form({"currency": g.organization.currency, "duration": "once", "applies_to": "all"})


@blueprint.post("/new")
@requires(RIGHT)
def create() -> Response:
    """Make it; its codes come on its page."""
    typed = _typed(FIELDS)
    end_reading()
    try:
        with transaction():
            coupon_id = discount_catalog.create_coupon(g.organization.id, _read(typed)).id
    except BallastError as error:
        return _form(typed, error)
    flash("The coupon is made. Give it a code for customers to type.", "success")
    return see_other(url_for(".show", coupon_id=coupon_id))


def _typed(names: tuple[str, ...]) -> dict[str, str]:
    return {name: without_card_number(" ".join(request.form.get(name, "").split()))[:300] for name in names}


def _read(typed: dict[str, str]) -> NewCoupon:
    """What was typed. Raises InvalidRequest with the field as `param`."""
    if not 1 <= len(typed["name"]) <= 200 or looks_like_card_number(typed["name"]):
        raise InvalidRequest("parameter_invalid", "Use 1 to 200 characters, and no card number.", param="name")
    if typed["duration"] not in DURATIONS:
        raise InvalidRequest("parameter_invalid", "Choose for how long.", param="duration")
    if (typed["applies_to"] or "all") not in APPLIES_TO:
        raise InvalidRequest("parameter_invalid", "Choose what for.", param="applies_to")
    if bool(typed["percent"]) == bool(typed["amount"]):
        raise InvalidRequest("parameter_conflict", "A percentage or an amount: one of them.", param="percent")
    currency = typed["currency"].upper() if typed["amount"] else None
    amount = from_decimal(typed["amount"], currency) if currency else None
    if amount is not None and amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    return NewCoupon(
        name=typed["name"],
        duration=typed["duration"],
        percent_bps=_bps(typed["percent"]) if typed["percent"] else None,
        amount_off=amount,
        currency=currency,
        periods=_count(typed["periods"], "periods", 1200) if typed["duration"] == "repeating" else None,
        applies_to=typed["applies_to"] or "all",
        max_redemptions=_limit(typed["max_redemptions"]),
        redeem_by=_day(typed["redeem_by"], "redeem_by"),
    )


def _bps(typed: str) -> int:
    bps = bps_from_percent(typed)
    if not bps:
        raise InvalidRequest("parameter_invalid", "Enter a percentage above zero.", param="percent")
    return bps


def _limit(typed: str) -> int | None:
    return _count(typed, "max_redemptions", 1_000_000_000) if typed else None


def _count(typed: str, field: str, most: int) -> int:
    if not (typed.isascii() and typed.isdigit()) or not 1 <= int(typed) <= most:
        raise InvalidRequest("parameter_invalid", "Enter a whole number from 1 on.", param=field)
    return int(typed)


def _day(typed: str, field: str) -> datetime | None:
    """The end of that day where the organization is."""
    if not typed:
        return None
    try:
        return read_day(typed, g.organization.timezone, later=1)
    except ValueError as error:
        raise InvalidRequest("parameter_invalid", "Write a day such as 2026-12-24.", param=field) from error


def _form(typed: dict[str, str], error: BallastError | None = None) -> Response:
    renamed = {"percent_bps": "percent", "amount_off": "amount"}
    return render(
        "admin/catalog/coupon_new.html",
        status=422 if error else 200,
        typed=dict.fromkeys(FIELDS, "") | typed,
        lasts=LASTS,
        parts=PARTS,
        errors={renamed.get(error.param or "name", error.param or "name"): error.message} if error else {},
    )


# --- One, and its codes ------------------------------------------------------------------------------------------------------


@blueprint.get("/<coupon_id>")
def show(coupon_id: str) -> Response:
    """One coupon: what it takes off, how often it was redeemed, its codes."""
    return _page(coupon_id)


def _page(coupon_id: str, typed: dict[str, str] | None = None, error: BallastError | None = None) -> Response:
    coupon = kept.find(Coupon, g.organization.id, coupon_id)
    codes = select(PromotionCode).where(
        PromotionCode.organization_id == g.organization.id, PromotionCode.coupon_id == coupon.id
    )
    return render(
        "admin/catalog/coupon.html",
        status=422 if error else 200,
        coupon=coupon,
        codes=list(db.session.scalars(codes.order_by(PromotionCode.id.desc()).limit(100))),
        may_change=users.may(g.role, RIGHT),
        typed=dict.fromkeys(CODE_FIELDS, "") | (typed or {}),
        errors={error.param or "code": error.message} if error else {},
    )


@blueprint.post("/<coupon_id>/codes")
@requires(RIGHT)
def add_code(coupon_id: str) -> Response:
    """A code for customers to type."""
    typed = _typed(CODE_FIELDS)
    end_reading()
    try:
        with transaction():
            kept.find(Coupon, g.organization.id, coupon_id)
            code = discount_catalog.create_code(g.organization.id, _read_code(coupon_id, typed)).code
    except BallastError as error:
        if error.status == 404:
            raise
        return _page(coupon_id, typed, error)
    flash(f"{code} can be typed from now on.", "success")
    return see_other(url_for(".show", coupon_id=coupon_id))


def _read_code(coupon_id: str, typed: dict[str, str]) -> NewCode:
    if not CODE.fullmatch(typed["code"]):
        raise InvalidRequest("parameter_invalid", "Use 3 to 40 letters, digits, dashes.", param="code")
    return NewCode(
        coupon_id=coupon_id,
        code=typed["code"],
        max_redemptions=_limit(typed["max_redemptions"]),
        first_purchase_only=request.form.get("first_purchase_only") == "yes",
        expires_at=_day(typed["expires_at"], "expires_at"),
    )


@blueprint.post("/<coupon_id>/archived")
@requires(RIGHT)
def archive(coupon_id: str) -> Response:
    """Redeemed no more, or again; who has it keeps it."""
    return _archived(Coupon, coupon_id, coupon_id)


@blueprint.post("/codes/<promotion_code_id>/archived")
@requires(RIGHT)
def archive_code(promotion_code_id: str) -> Response:
    """Taken no more, or again."""
    code = kept.find(PromotionCode, g.organization.id, promotion_code_id)
    return _archived(PromotionCode, promotion_code_id, code.coupon_id)


def _archived(model: Any, row_id: str, coupon_id: str) -> Response:
    archived = request.form.get("archived") == "yes"
    end_reading()
    with transaction():
        kept.change(model, g.organization.id, row_id, {"archived": archived})
    flash("Archived. Who has redeemed it keeps it." if archived else "It can be redeemed again.", "success")
    return see_other(url_for("coupons.show", coupon_id=coupon_id))
