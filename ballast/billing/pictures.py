"""The pictures of a product as merchants upload them: several, in an order, each with words for whoever cannot see it.

`Product.image` is the first of them, so that lists, carts and orders need no other table. A product of the demo shop begins with a
file of ours there, which gives way to the first picture that is uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import undefer

from ballast import audit, config
from ballast.billing import image_files, kept
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Product, ProductImage
from ballast.models.media import LONGEST_ALT, pictures_of
from ballast.templating import UPLOADED

MOST_PICTURES: Final = 10


@dataclass(frozen=True)
class Shown:
    """A picture as the product's page shows it: where it stands, its words, its size in pixels."""

    image: str
    alt: str
    width: int
    height: int


def gallery(product: Product) -> list[Shown]:
    """What a product's page shows, the first picture first; without words of the merchant's it is called by the product."""
    found = listed(product.organization_id, product.id)
    shown = [Shown(f"{UPLOADED}{one.id}", one.alt, one.width, one.height) for one in found]
    if product.image and not product.image.startswith(UPLOADED):
        shown.insert(0, Shown(product.image, "", 480, 600))
    names = [product.name, *(f"{product.name}, picture {number}" for number in range(2, len(shown) + 1))]
    return [Shown(one.image, one.alt or name, one.width, one.height) for one, name in zip(shown, names, strict=False)]


def listed(organization_id: str, product_id: str) -> list[ProductImage]:
    """The pictures that were uploaded for a product, in order, without their bytes."""
    return list(db.session.scalars(pictures_of(organization_id, product_id)))


def payload(picture: ProductImage) -> dict[str, Any]:
    """A picture as JSON. `position` 0 is the first; `url` is for anybody, and what stands there never changes."""
    return {
        "id": picture.id,
        "object": "product_image",
        "product": picture.product_id,
        "url": f"{config.current().public_url}/{UPLOADED}{picture.id}",
        "content_type": picture.content_type,
        "width": picture.width,
        "height": picture.height,
        "alt": picture.alt,
        "position": picture.position,
        "created_at": picture.created_at.isoformat(),
    }


def find(organization_id: str, image_id: str) -> ProductImage:
    """A picture with its bytes, one that was taken away too: orders show what was bought. Raises NotFound."""
    wanted = select(ProductImage).where(ProductImage.organization_id == organization_id, ProductImage.id == image_id)
    is_id = to_uuid(image_id, "img") is not None
    found = db.session.scalars(wanted.options(undefer(ProductImage.content))).first() if is_id else None
    if found is None:
        raise NotFound("picture")
    return found


# --- Changing them, in the caller's transaction ------------------------------------------------------------------------------


def add(
    organization_id: str, product_id: str, content: bytes, alt: str = "", *, param: str = "picture"
) -> ProductImage:
    """Another picture, after those there are. `param`: what the caller calls its bytes.

    Raises NotFound, InvalidRequest(`image_invalid`, `image_too_large`, `parameter_invalid`), Conflict(`too_many_images`).
    """
    found = image_files.look(content, param)
    _check_words(alt)
    product = kept.find(Product, organization_id, product_id, lock=True)
    present = listed(organization_id, product.id)
    if len(present) >= MOST_PICTURES:
        raise Conflict("too_many_images", f"A product has at most {MOST_PICTURES} pictures. Take one away first.")
    made = ProductImage(
        organization_id=organization_id,
        id=new_id("img"),
        product_id=product.id,
        content_type=found.content_type,
        width=found.width,
        height=found.height,
        content=content,
        alt=alt,
        position=len(present),
        created_at=now(),
    )
    db.session.add(made)
    db.session.flush()
    audit.record(organization_id, "product.image_added", "product", product.id, {"image": made.id})
    _show_first(organization_id, product.id)
    return made


def _check_words(alt: str) -> None:
    if len(alt) > LONGEST_ALT or not alt.isprintable():
        said = f"Describe it in one line of at most {LONGEST_ALT} characters."
        raise InvalidRequest("parameter_invalid", said, param="alt")


def change(
    organization_id: str, product_id: str, image_id: str, *, alt: str | None = None, position: int | None = None
) -> ProductImage:
    """Other words, or another place, 0 for the first; what is None stays. Raises NotFound, InvalidRequest(`parameter_invalid`)."""
    kept.find(Product, organization_id, product_id, lock=True)
    present = listed(organization_id, product_id)
    picture = _among(present, image_id)
    before = {"alt": picture.alt, "position": picture.position}
    if alt is not None:
        _check_words(alt)
        picture.alt = alt
    if position is not None:
        present.remove(picture)
        present.insert(position, picture)
        _number(present)
        _show_first(organization_id, product_id)
    differences = audit.differences(before, {"alt": picture.alt, "position": picture.position})
    if differences:
        about = {"image": picture.id} | differences
        audit.record(organization_id, "product.image_changed", "product", product_id, about)
    return picture


def take_away(organization_id: str, product_id: str, image_id: str) -> None:
    """The shop shows it no more; orders that show it still do. Raises NotFound."""
    kept.find(Product, organization_id, product_id, lock=True)
    present = listed(organization_id, product_id)
    picture = _among(present, image_id)
    picture.removed_at = now()
    present.remove(picture)
    _number(present)
    audit.record(organization_id, "product.image_removed", "product", product_id, {"image": picture.id})
    _show_first(organization_id, product_id)


def take_ours_away(organization_id: str, product_id: str) -> None:
    """The picture that came with the demo shop is shown no more. Raises NotFound."""
    kept.find(Product, organization_id, product_id, lock=True)
    _show_first(organization_id, product_id)


def _among(present: list[ProductImage], image_id: str) -> ProductImage:
    for picture in present:
        if picture.id == image_id:
            return picture
    raise NotFound("picture")


def _number(present: list[ProductImage]) -> None:
    for position, picture in enumerate(present):
        picture.position = position
    db.session.flush()


def _show_first(organization_id: str, product_id: str) -> None:
    first = next(iter(listed(organization_id, product_id)), None)
    kept.change(Product, organization_id, product_id, {"image": f"{UPLOADED}{first.id}" if first else None})
