"""Products and prices over the API. Archived, never deleted; a price does not change, another amount is another price."""

from __future__ import annotations

from functools import partial
from operator import eq

from flask import Response, g
from sqlalchemy import select

from ballast.billing import catalog, stock
from ballast.blueprints.api.answers import Done, key_of_request, once
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
    StockChange,
)
from ballast.blueprints.api.keeping import change, is_archived, listed, made, shown
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.errors import InvalidRequest
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


@blueprint.post(
    "/products/<product_id>/stock", summary="Adjust stock", responses={200: ProductOut}, openapi_extensions=TAKES_KEY
)
def adjust_stock(path: ProductPath, body: StockChange) -> Response:
    """`by` so many, safe however many are sold meanwhile; or `to` what was counted. The reason is kept in the audit log."""
    given = body.model_fields_set & {"by", "to"}
    if len(given) != 1 or (given == {"by"} and body.by is None):
        raise InvalidRequest("parameter_conflict", "Send by or to, and not both.", param="by")
    by, to = body.by, body.to

    def begin() -> Done:
        return Done(stock.adjust(g.organization_id, path.product_id, body.reason, by=by, to=to).id)

    return once(key_of_request(), begin, partial(shown, Product))


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
