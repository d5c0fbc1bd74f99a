"""The shop: products, cart, on to checkout. Works without scripts."""

from __future__ import annotations

from flask import Blueprint, Response, g, request, url_for
from flask import session as browser

from ballast.billing import carts
from ballast.db import db, set_organization
from ballast.errors import BallastError, NotFound
from ballast.identity import users
from ballast.models import Price, Product
from ballast.models.catalog import on_sale
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
    return render("storefront/index.html", shop=g.shop, products=shown, cart=_cart())


@blueprint.get("/products/<product>")
def product(product: str) -> Response:
    """One product."""
    row = db.session.execute(on_sale(g.shop.id).where(Product.slug == product).limit(1)).first()
    if row is None:
        raise NotFound("product")
    return render("storefront/product.html", shop=g.shop, product=_shown(*row), cart=_cart(), added=False)


def _shown(product: Product, price: Price) -> dict[str, object]:
    return {
        "name": product.name,
        "slug": product.slug,
        "tagline": product.tagline,
        "description": product.description,
        "image": product.image,
        "price": price,
    }


@blueprint.get("/cart")
def cart() -> Response:
    """What has been gathered."""
    return render("storefront/cart.html", shop=g.shop, cart=_cart())


@blueprint.post("/cart/lines")
def add_line() -> Response:
    """Put something in."""
    token = carts.add(g.shop, _token(), request.form.get("price_id", ""), _quantity("1"))
    browser[f"cart:{g.shop.id}"] = token
    return see_other(url_for("storefront.cart", slug=g.shop.slug))


@blueprint.post("/cart/lines/<line_id>")
def set_quantity(line_id: str) -> Response:
    """Change how many; 0 takes it out."""
    carts.set_quantity(g.shop, _token(), line_id, _quantity("-1"))
    return see_other(url_for("storefront.cart", slug=g.shop.slug))


@blueprint.post("/checkout")
def begin_checkout() -> Response:
    """Freeze the cart into an order and go to pay it."""
    try:
        order = carts.order(g.shop, _token())
    except BallastError as error:
        return render("storefront/cart.html", status=error.status, shop=g.shop, cart=_cart(), notice=error.message)
    return see_other(url_for("checkout.show", token=order.token))


def _token() -> str | None:
    token: str | None = browser.get(f"cart:{g.shop.id}")
    return token


def _cart() -> carts.CartView:
    return carts.view(g.shop, _token())


def _quantity(otherwise: str) -> int:
    given = request.form.get("quantity", otherwise)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else -1
