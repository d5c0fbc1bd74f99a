"""Products and prices in the dashboard: made, looked at, archived. A price never changes; another amount is another price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import select

from ballast import answers
from ballast.billing import catalog, kept, media, pictures, stock
from ballast.billing.catalog import NewPrice, NewProduct
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import Price, Product
from ballast.models.catalog import INTERVALS
from ballast.money import from_decimal, to_decimal
from ballast.security import looks_like_card_number, without_card_number
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("products", __name__, url_prefix="/admin/products")
dashboard(blueprint)

RIGHT: Final = "catalog"
PRODUCT_FIELDS: Final = ("name", "tagline", "description")
FORM_FIELDS: Final = (*PRODUCT_FIELDS, "shippable")
KEPT_FIELDS: Final = ("change", "number", "reason", "url")
PRICE_FIELDS: Final = (
    "amount",
    "currency",
    "interval",
    "interval_count",
    "trial_days",
    "setup_fee",
    "nickname",
)
COLUMNS: Final[answers.Columns] = {
    "product": lambda _price, product: product.id,
    "name": lambda _price, product: product.name,
    "slug": lambda _price, product: product.slug,
    "price": lambda price, _product: price.id,
    "nickname": lambda price, _product: price.nickname,
    "amount": lambda price, _product: to_decimal(price.amount, price.currency),
    "currency": lambda price, _product: price.currency,
    "interval": lambda price, _product: price.interval,
    "interval_count": lambda price, _product: price.interval and price.interval_count,
    "trial_days": lambda price, _product: price.trial_days,
    "setup_fee": lambda price, _product: to_decimal(price.setup_fee, price.currency),
    "created_at": lambda price, _product: price.created_at,
    "archived_at": lambda price, product: price.archived_at or product.archived_at,
}
LONGEST: Final = {"name": 200, "tagline": 200, "description": 5000, "nickname": 200, "reason": 200}
CHANGES: Final = {"more": "Add", "fewer": "Take away", "exactly": "There are", "uncounted": "Don't count"}
EVERY: Final = [("", "Once"), *((name, name.capitalize()) for name in INTERVALS)]


@blueprint.get("")
def index() -> Response:
    """Newest first, each with its prices."""
    is_archived = request.args.get("status") == "archived"
    wanted = select(Product).where(
        Product.organization_id == g.organization.id,
        Product.archived_at.is_not(None) if is_archived else Product.archived_at.is_(None),
    )
    page = keyset(wanted, Product.id, "prod", request.args.get("before"), request.args.get("after"))
    found = [row[0] for row in page.rows]
    prices = _prices_of([product.id for product in found])
    chosen = "archived" if is_archived else None
    return render(
        "admin/catalog/products.html",
        "list",
        rows=[{"product": product, "prices": prices.get(product.id, [])} for product in found],
        archived=is_archived,
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for(".index", status=chosen, before=page.before) if page.before else None,
        next_url=url_for(".index", status=chosen, after=page.after) if page.after else None,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """Every price with its product, as a file."""
    joined = (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id)
    wanted = select(Price, Product).join(Product, joined).where(Price.organization_id == g.organization.id)
    return answers.listed("prices", wanted, Price.id, COLUMNS)


def _prices_of(product_ids: list[str]) -> dict[str, list[Price]]:
    """Prices that are sold, by product, in one statement."""
    wanted = select(Price).where(
        Price.organization_id == g.organization.id, Price.product_id.in_(product_ids), Price.archived_at.is_(None)
    )
    found: dict[str, list[Price]] = {}
    for price in db.session.scalars(wanted.order_by(Price.id)):
        found.setdefault(price.product_id, []).append(price)
    return found


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """What it is called."""
    return _form({"shippable": "yes"})


@blueprint.post("/new")
@requires(RIGHT)
def create() -> Response:
    """Make it; its prices come on its page."""
    typed = _typed(FORM_FIELDS)
    end_reading()
    try:
        _check_product(typed)
        with transaction():
            made = NewProduct(**_wanted(typed))
            product_id = catalog.create_product(g.organization.id, made).id
    except BallastError as error:
        return _form(typed, error)
    flash("Made. It is sold once it has a price.", "success")
    return see_other(url_for(".show", product_id=product_id))


def _typed(names: tuple[str, ...]) -> dict[str, str]:
    return {name: without_card_number(request.form.get(name, "").strip())[:6000] for name in names}


def _check_words(typed: dict[str, str]) -> None:
    for name, most in LONGEST.items():
        text = typed.get(name, "")
        if len(text) > most or looks_like_card_number(text):
            raise InvalidRequest("parameter_invalid", f"Use at most {most} characters, and no card number.", param=name)


def _check_product(typed: dict[str, str]) -> None:
    _check_words(typed)
    if not typed["name"]:
        raise InvalidRequest("parameter_missing", "Say what it is called.", param="name")


def _wanted(typed: dict[str, str]) -> dict[str, Any]:
    """The words of a product, and whether it is sent by post."""
    return {name: typed[name] for name in PRODUCT_FIELDS} | {"shippable": typed["shippable"] == "yes"}


def _form(typed: dict[str, str], error: BallastError | None = None, product: Product | None = None) -> Response:
    return render(
        "admin/catalog/product_new.html",
        status=422 if error else 200,
        product=product,
        typed=dict.fromkeys(FORM_FIELDS, "") | typed,
        errors={error.param or "name": error.message} if error else {},
    )


@blueprint.get("/<product_id>")
def show(product_id: str) -> Response:
    """One product, its prices, and a form for another."""
    return _page(product_id)


def _page(product_id: str, typed: dict[str, str] | None = None, error: BallastError | None = None) -> Response:
    product = kept.find(Product, g.organization.id, product_id)
    prices = select(Price).where(Price.organization_id == g.organization.id, Price.product_id == product.id)
    blank = dict.fromkeys(PRICE_FIELDS + KEPT_FIELDS, "") | {"currency": g.organization.currency, "interval": "month"}
    return render(
        "admin/catalog/product.html",
        status=422 if error else 200,
        product=product,
        prices=list(db.session.scalars(prices.order_by(Price.archived_at.is_not(None), Price.id))),
        may_change=users.may(g.role, RIGHT),
        every=EVERY,
        changes=[*CHANGES.items()],
        typed=blank | (typed or {}),
        errors={error.param or "amount": error.message} if error else {},
        held=stock.held(g.organization.id, product.id),
        file=media.file_of(g.organization.id, product.id),
        pictures=pictures.gallery(product),
    )


@blueprint.get("/<product_id>/edit")
@requires(RIGHT)
def edit_form(product_id: str) -> Response:
    """Its words, to be changed."""
    product = kept.find(Product, g.organization.id, product_id)
    words = {name: getattr(product, name) for name in PRODUCT_FIELDS}
    return _form(words | {"shippable": "yes" if product.shippable else ""}, product=product)


@blueprint.post("/<product_id>/edit")
@requires(RIGHT)
def edit(product_id: str) -> Response:
    """Change its words. What was sold keeps the words it was sold with."""
    typed = _typed(FORM_FIELDS)
    end_reading()
    try:
        _check_product(typed)
        with transaction():
            kept.change(Product, g.organization.id, product_id, _wanted(typed))
    except InvalidRequest as error:
        return _form(typed, error, kept.find(Product, g.organization.id, product_id))
    flash(f"{typed['name']} is changed.", "success")
    return see_other(url_for(".show", product_id=product_id))


@blueprint.post("/<product_id>/prices")
@requires(RIGHT)
def add_price(product_id: str) -> Response:
    """Another price."""
    typed = _typed(PRICE_FIELDS)
    end_reading()
    try:
        with transaction():
            product = kept.find(Product, g.organization.id, product_id)
            catalog.create_price(g.organization.id, _read_price(product.id, typed))
    except BallastError as error:
        if error.status == 404:
            raise
        return _page(product_id, typed, error)
    flash("The price is on sale.", "success")
    return see_other(url_for(".show", product_id=product_id))


def _read_price(product_id: str, typed: dict[str, str]) -> NewPrice:
    """What was typed. Raises InvalidRequest with the field as `param`."""
    _check_words(typed)
    currency = typed["currency"].upper()
    amount = from_decimal(typed["amount"], currency)
    if amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    if typed["interval"] and typed["interval"] not in INTERVALS:
        raise InvalidRequest("interval_invalid", "Choose how often.", param="interval")
    return NewPrice(
        product_id=product_id,
        amount=amount,
        currency=currency,
        interval=typed["interval"] or None,
        interval_count=_number(typed, "interval_count", 1, 1),
        trial_days=_number(typed, "trial_days", 0, 0),
        setup_fee=_fee(typed["setup_fee"], currency),
        nickname=typed["nickname"],
    )


def _fee(typed: str, currency: str) -> int:
    try:
        found = from_decimal(typed, currency) if typed else 0
    except BallastError as error:
        raise InvalidRequest("amount_invalid", error.message, param="setup_fee") from error
    if found < 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="setup_fee")
    return found


def _number(typed: dict[str, str], field: str, least: int, otherwise: int) -> int:
    given = typed[field]
    if not given:
        return otherwise
    if (
        not (given.isascii() and given.isdigit())
        or not least <= int(given) <= 1096
        or (field == "trial_days" and int(given) > 730)
    ):
        raise InvalidRequest("parameter_invalid", "Enter a whole number that is not too large.", param=field)
    return int(given)


@blueprint.post("/<product_id>/archived")
@requires(RIGHT)
def archive(product_id: str) -> Response:
    """Off sale with its prices, or back on; who has it keeps it."""
    return _archived(Product, product_id, product_id)


@blueprint.post("/prices/<price_id>/archived")
@requires(RIGHT)
def archive_price(price_id: str) -> Response:
    """Sold no more, or again; who has it is billed as before."""
    return _archived(Price, price_id, kept.find(Price, g.organization.id, price_id).product_id)


def _archived(model: Any, row_id: str, product_id: str) -> Response:
    archived = request.form.get("archived") == "yes"
    end_reading()
    with transaction():
        kept.change(model, g.organization.id, row_id, {"archived": archived})
    flash("Archived: sold no more. Who has it keeps it." if archived else "On sale again.", "success")
    return see_other(url_for("products.show", product_id=product_id))


# --- What a shop keeps of it -------------------------------------------------------------------------------------------------


@blueprint.post("/<product_id>/stock")
@requires(RIGHT)
def adjust_stock(product_id: str) -> Response:
    """More, fewer, so many, or not counted; with a reason for the audit log."""
    typed = _typed(KEPT_FIELDS)

    def act() -> str:
        _check_words(typed)
        by, to = _read_change(typed)
        left = stock.adjust(g.organization.id, product_id, typed["reason"], by=by, to=to).stock
        return "It is not counted any more." if left is None else f"{left:,} are left to sell."

    return _kept(product_id, typed, act)


def _read_change(typed: dict[str, str]) -> tuple[int | None, int | None]:
    """(by, to) as `stock.adjust` takes them. Raises InvalidRequest(`parameter_invalid`)."""
    if typed["change"] not in CHANGES:
        raise InvalidRequest("parameter_invalid", "Choose what to do.", param="change")
    if typed["change"] == "uncounted":
        return None, None
    given = typed["number"]
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise InvalidRequest("parameter_invalid", "Enter a whole number.", param="number")
    number = int(given)
    return {"more": (number, None), "fewer": (-number, None), "exactly": (None, number)}[typed["change"]]


@blueprint.post("/<product_id>/file")
@requires(RIGHT)
def put_file(product_id: str) -> Response:
    """What buyers may fetch: a file, or an address."""
    typed, sent = _typed(KEPT_FIELDS), request.files.get("file")
    name, content = (sent.filename or "", sent.read()) if sent else ("", b"")

    def act() -> str:
        if typed["url"] and not content:
            media.put_link(g.organization.id, product_id, typed["url"])
        else:
            media.put_file(g.organization.id, product_id, name, content)
        return "Whoever buys it gets it."

    return _kept(product_id, typed, act)


@blueprint.post("/<product_id>/file/removed")
@requires(RIGHT)
def take_file_away(product_id: str) -> Response:
    """Nobody gets a file any more, who bought it before neither."""

    def act() -> str:
        media.take_file_away(g.organization.id, kept.find(Product, g.organization.id, product_id).id)
        return "Nobody gets the file any more."

    return _kept(product_id, {}, act)


def _kept(product_id: str, typed: dict[str, str], act: Callable[[], str]) -> Response:
    """Do it and say so; the product's page again with the reason, where it cannot be done."""
    end_reading()
    try:
        with transaction():
            said = act()
    except InvalidRequest as error:
        return _page(product_id, typed, error)
    flash(said, "success")
    return see_other(url_for(".show", product_id=product_id))
