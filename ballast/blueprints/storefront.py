"""The shop: products, cart, on to checkout. Works without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babel import Locale
from flask import Blueprint, Response, flash, g, request, url_for
from flask import session as browser
from sqlalchemy import select

from ballast.billing import (
    carts,
    checkout_sessions,
    coupons,
    delivery_page,
    due_dates,
    order_totals,
    outlook,
    pictures,
    portal_links,
    stock,
    taxes,
)
from ballast.billing.financing import advertising, quoting
from ballast.billing.financing.advertising import Advertised
from ballast.db import db, end_reading, set_organization, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest, NotFound, RateLimited
from ballast.identity import passwords, users
from ballast.models import Order, Price, Product
from ballast.models.catalog import on_sale, subscribable
from ballast.web import act, render, see_other

blueprint = Blueprint("storefront", __name__, url_prefix="/shop/<slug>")


@blueprint.before_request
def find_shop() -> None:
    """Whose shop this is; from here on the request works for that organization."""
    shop = users.organization_by_slug((request.view_args or {}).pop("slug", ""))
    if shop is None:
        raise NotFound("shop")
    set_organization(shop.id)
    act("customer", None)
    g.shop = shop


@blueprint.get("/")
def index() -> Response:
    """All products, the first one as the hero."""
    shown = [_shown(product, price) for product, price in db.session.execute(on_sale(g.shop.id))]
    known = {one["slug"] for one in shown}
    for product, price in db.session.execute(subscribable(g.shop.id)):
        if product.slug not in known:
            known.add(product.slug)
            shown.append(_shown(product, None, [price]))
    hero = _plans_of(shown[0]) if shown else []
    return _page("storefront/index.html", products=shown, plans=hero, cart=_cart())


@blueprint.get("/products/<product>")
def product(product: str) -> Response:
    """One product."""
    row = db.session.execute(on_sale(g.shop.id).where(Product.slug == product).limit(1)).first()
    found = db.session.execute(subscribable(g.shop.id).where(Product.slug == product)).all()
    if row is None and not found:
        raise NotFound("product")
    plans = [price for _product, price in found]
    sold = row[0] if row else found[0][0]
    shown = _shown(sold, row[1] if row else None, plans)
    _choose_country()
    return _page(
        "storefront/product.html",
        product=shown,
        pictures=pictures.gallery(sold),
        plans=_plans_of(shown),
        countries=[*_countries().items()] if shown["price"] else [],
        country=_country(),
        cart=_cart(),
        added=False,
    )


@blueprint.post("/subscribe")
def subscribe() -> Response:
    """On to a checkout of the shopper's own that starts a subscription."""
    line = checkout_sessions.Line(1, price=request.form.get("price_id", ""))
    end_reading()
    try:
        with transaction():
            made = checkout_sessions.create(g.shop, checkout_sessions.NewSession([line], mode="subscription"))
            wanted = select(Order.token).where(Order.organization_id == g.shop.id, Order.id == made.order_id)
            token = db.session.scalars(wanted).one()
    except BallastError as error:
        flash(error.message, "danger")
        return see_other(url_for("storefront.index", slug=g.shop.slug))
    return see_other(url_for("checkout.show", token=token))


def _shown(product: Product, price: Price | None, plans: Sequence[Price] = ()) -> dict[str, Any]:
    return {
        "plans": plans,
        "id": product.id,
        "name": product.name,
        "slug": product.slug,
        "tagline": product.tagline,
        "description": product.description,
        "image": product.image,
        "price": price,
        "stock": product.stock,
        "left": stock.words(product.stock),
        "shippable": product.shippable,
    }


@blueprint.get("/cart")
def cart() -> Response:
    """What has been gathered."""
    return _show_cart()


def _show_cart(
    status: int = 200, notice: str = "", replace: dict[str, Any] | None = None, code: tuple[str, str] = ("", "")
) -> Response:
    """`code`: one that was typed and is not kept, and why."""
    found = _cart()
    goods = [line for line in found.lines if not line.is_recurring and not line.is_gone]
    products = [line.product.id for line in goods]
    amount = sum(line.amount for line in goods)
    plans = advertising.plans(g.shop, amount, found.currency, _country(), products) if products else []
    return _page(
        "storefront/cart.html",
        status=status,
        cart=found,
        outlook=_outlook(found, goods),
        code=code[0] or found.promotion_code,
        code_problem=code[1] or None,
        asks_code=bool(code[0] or found.promotion_code) or coupons.has_codes(g.shop.id),
        beside=_beside(found, goods),
        taxed=taxes.has_rates(g.shop.id),
        plans=plans,
        notice=notice,
        replace=replace,
        sending=delivery_page.of_cart(g.shop, found.currency, [line.product for line in found.lines], amount),
    )


def _beside(found: carts.CartView, goods: Sequence[carts.LineView]) -> list[order_totals.Beside]:
    """What the cart's code takes off its goods."""
    if not found.promotion_code or not goods:
        return []
    return order_totals.of_cart(g.shop.id, found.currency, goods, found.promotion_code)


def _outlook(found: carts.CartView, goods: Sequence[carts.LineView]) -> outlook.Outlook | None:
    """What is due today and what later, where the cart has a subscription."""
    recurring = next((line for line in found.lines if line.is_recurring and not line.is_gone), None)
    if recurring is None:
        return None
    return due_dates.of_cart(g.shop, found.currency, goods, recurring.price.id, recurring.quantity)


@blueprint.post("/cart/lines")
def add_line() -> Response:
    """Put something in; a second subscription only in place of the first."""
    price_id, quantity = request.form.get("price_id", ""), _quantity("1")
    try:
        token = carts.add(g.shop, _token(), price_id, quantity, in_place=request.form.get("in_place") == "yes")
    except Conflict as error:
        return _show_cart(error.status, error.message, {"price_id": price_id, "quantity": quantity})
    browser[f"cart:{g.shop.id}"] = token
    return see_other(url_for("storefront.cart", slug=g.shop.slug))


@blueprint.post("/cart/lines/<line_id>")
def set_quantity(line_id: str) -> Response:
    """Change how many; 0 takes it out."""
    carts.set_quantity(g.shop, _token(), line_id, _quantity("-1"))
    return see_other(url_for("storefront.cart", slug=g.shop.slug))


@blueprint.post("/cart/code")
def set_code() -> Response:
    """A code for a discount; an empty one takes it out."""
    typed = request.form.get("promotion_code", "")[:64]
    end_reading()
    try:
        carts.set_code(g.shop, _token(), typed)
    except InvalidRequest as error:
        return _show_cart(422, code=(typed, error.message))
    return see_other(url_for("storefront.cart", slug=g.shop.slug))


@blueprint.post("/checkout")
def begin_checkout() -> Response:
    """Freeze the cart into an order and go to pay it."""
    try:
        order = carts.order(g.shop, _token())
    except BallastError as error:
        return _show_cart(error.status, error.message)
    return see_other(url_for("checkout.show", token=order.token))


@blueprint.get("/account")
def account() -> Response:
    """Ask for the link to one's own page."""
    return _account()


@blueprint.post("/account")
def ask_for_page() -> Response:
    """Mail it to the address, if anybody has bought with it; the page says the same either way."""
    typed = request.form.get("email", "").strip()[:254]
    end_reading()
    try:
        email = passwords.address(typed)
        with transaction():
            portal_links.send_to(g.shop.id, email)
    except RateLimited as error:
        response = _account(typed, error.message, status=error.status)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    except InvalidRequest as error:
        return _account(typed, error.message, status=422)
    return _account(email, sent=True)


def _account(email: str = "", error: str | None = None, *, sent: bool = False, status: int = 200) -> Response:
    return _page("storefront/account.html", status, cart=_cart(), email=email, error=error, sent=sent)


# --- Plans -------------------------------------------------------------------------------------------------------------------


def _plans_of(shown: dict[str, Any]) -> list[Advertised]:
    """What the product's one-time price is offered on."""
    price = shown["price"]
    return advertising.plans(g.shop, price.amount, price.currency, _country(), [shown["id"]]) if price else []


def _choose_country() -> None:
    """Where the shopper said they are, for offers that are for some countries only; kept as long as their cart."""
    if "country" in request.args:
        browser["country"] = request.args["country"] if request.args["country"] in _countries() else ""


def _countries() -> dict[str, str]:
    """Countries that some plans are for alone, with their names."""
    names = Locale("en").territories
    return {code: names.get(code, code) for code in quoting.countries(g.shop.id)}


def _country() -> str | None:
    return browser.get("country") or None


def _token() -> str | None:
    token: str | None = browser.get(f"cart:{g.shop.id}")
    return token


def _cart() -> carts.CartView:
    return carts.view(g.shop, _token())


def _quantity(otherwise: str) -> int:
    given = request.form.get("quantity", otherwise)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else -1


def _page(template: str, status: int = 200, **shown: Any) -> Response:
    """A page of the shop. How it sends stands on every one."""
    return render(template, None, status, shop=g.shop, delivery=delivery_page.promise(g.shop), **shown)
