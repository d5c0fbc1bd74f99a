"""Products and prices over the API. Archived, never deleted; a price does not change, another amount is another price."""

from __future__ import annotations

from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import catalog
from ballast.blueprints.api.catalog_schemas import (
    PriceCreate,
    PriceList,
    PriceOut,
    PricePatch,
    PricePath,
    PriceQuery,
    ProductCreate,
    ProductList,
    ProductOut,
    ProductPatch,
    ProductPath,
    ProductQuery,
)
from ballast.blueprints.api.keeping import change, is_archived, listed, made, shown
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import Price, Product

blueprint = make_blueprint(
    "api_catalog",
    "Catalog",
    "Products and what they cost, once or again and again, in as many currencies as you like.",
    read="subscriptions:read",
    write="subscriptions:write",
    permission="catalog",
)


@blueprint.post("/products", summary="Create a product", responses={201: ProductOut}, openapi_extensions=TAKES_KEY)
def create_product(body: ProductCreate) -> Response:
    """It is sold once it has a price."""
    asked = catalog.NewProduct(**body.model_dump())
    return made(lambda: catalog.create_product(g.organization_id, asked))


@blueprint.get("/products", summary="List products", responses={200: ProductList})
def list_products(query: ProductQuery) -> Response:
    """Newest first, archived ones too unless you say otherwise."""
    wanted = select(Product).where(Product.organization_id == g.organization_id)
    return listed(wanted, Product, query, (Product.archived_at, is_archived, query.archived))


@blueprint.get("/products/<product_id>", summary="Get a product", responses={200: ProductOut})
def get_product(path: ProductPath) -> Response:
    """One product, archived or not."""
    return shown(Product, path.product_id)


@blueprint.patch("/products/<product_id>", summary="Change a product", responses={200: ProductOut})
def update_product(path: ProductPath, body: ProductPatch) -> Response:
    """Its words, its place, its `metadata`, which is merged; `archived` takes it and its prices off sale."""
    return change(Product, path.product_id, body)


@blueprint.post("/prices", summary="Create a price", responses={201: PriceOut}, openapi_extensions=TAKES_KEY)
def create_price(body: PriceCreate) -> Response:
    """Paid once, or with an `interval` again and again. What is agreed to never changes: make another and archive this one."""
    given = body.model_dump()
    asked = catalog.NewPrice(product_id=given.pop("product"), **given)
    return made(lambda: catalog.create_price(g.organization_id, asked))


@blueprint.get("/prices", summary="List prices", responses={200: PriceList})
def list_prices(query: PriceQuery) -> Response:
    """Newest first; of one product, if you name it."""
    return listed(
        select(Price).where(Price.organization_id == g.organization_id),
        Price,
        query,
        (Price.product_id, eq, query.product),
        (Price.kind, eq, query.type),
        (Price.currency, eq, query.currency),
        (Price.archived_at, is_archived, query.archived),
    )


@blueprint.get("/prices/<price_id>", summary="Get a price", responses={200: PriceOut})
def get_price(path: PricePath) -> Response:
    """One price, archived or not."""
    return shown(Price, path.price_id)


@blueprint.patch("/prices/<price_id>", summary="Change a price", responses={200: PriceOut})
def update_price(path: PricePath, body: PricePatch) -> Response:
    """`nickname`, `metadata`, and `archived`: sold no more, billed as before to who has it."""
    return change(Price, path.price_id, body)
