"""A product's pictures over the API: listed, uploaded, put in order, described, deleted."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error

from flask import Response, g

from ballast.billing import kept, pictures
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, once
from ballast.blueprints.api.catalog_schemas import ProductPath
from ballast.blueprints.api.image_schemas import ImageCreate, ImageDeleted, ImageList, ImageOut, ImagePatch, ImagePath
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.db import end_reading, transaction
from ballast.errors import InvalidRequest
from ballast.models import Product

blueprint = make_blueprint(
    "api_product_images",
    "Product images",
    "What a product looks like: up to ten pictures in an order, the first of which is its `image`.",
    read="subscriptions:read",
    write="subscriptions:write",
    permission="catalog",
)


@blueprint.get("/products/<product_id>/images", summary="List a product's images", responses={200: ImageList})
def list_(path: ProductPath) -> Response:
    """All of them in order, the first one first; there are ten at most."""
    product = kept.find(Product, g.organization_id, path.product_id)
    found = [pictures.payload(one) for one in pictures.listed(g.organization_id, product.id)]
    return json_answer(200, {"object": "list", "data": found, "has_more": False})


@blueprint.post(
    "/products/<product_id>/images",
    summary="Upload an image",
    responses={201: ImageOut},
    openapi_extensions=TAKES_KEY,
)
def add(path: ProductPath, body: ImageCreate) -> Response:
    """After those there are. What it is, its own bytes say: PNG, JPEG or WebP, at most 2 MB and 6,000 pixels each way."""
    content = _bytes(body.content)

    def begin() -> Done:
        return Done(pictures.add(g.organization_id, path.product_id, content, body.alt, param="content").id)

    def show(image_id: str) -> Response:
        return json_answer(201, pictures.payload(pictures.find(g.organization_id, image_id)))

    return once(key_of_request(), begin, show)


def _bytes(content: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except (Error, ValueError) as error:
        raise InvalidRequest("parameter_invalid", "content is no base64.", param="content") from error


@blueprint.patch("/products/<product_id>/images/<image_id>", summary="Change an image", responses={200: ImageOut})
def update(path: ImagePath, body: ImagePatch) -> Response:
    """Its words, and its place: 0 makes it the product's `image`."""
    end_reading()
    with transaction():
        changed = pictures.change(
            g.organization_id, path.product_id, path.image_id, **body.model_dump(exclude_unset=True)
        )
        return json_answer(200, pictures.payload(changed))


@blueprint.delete("/products/<product_id>/images/<image_id>", summary="Delete an image", responses={200: ImageDeleted})
def delete(path: ImagePath) -> Response:
    """The shop shows it no more. Its address goes on to work, for orders show what was bought."""
    end_reading()
    with transaction():
        pictures.take_away(g.organization_id, path.product_id, path.image_id)
    return json_answer(200, {"id": path.image_id, "object": "product_image", "deleted": True})
