"""What the API takes and answers about pictures of products."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.catalog_schemas import CREATED, PRODUCT_ID, ProductPath
from ballast.blueprints.api.fields import Strict, example
from ballast.models.media import LONGEST_ALT

IMAGE_ID: Final = "img_01kbe8wv6pe2r9f3x7m5d0t1bj"
# One gray pixel.
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
Alt = Annotated[
    StrictStr,
    StringConstraints(max_length=LONGEST_ALT, strip_whitespace=True),
    Field(description="What it shows, in a line, for whoever cannot see it; without it, the product's name."),
]


class ImageCreate(Strict):
    """A picture and its words."""

    model_config = example({"content": PIXEL, "alt": "The kettle, poured from the left"}, "forbid")

    content: StrictStr = Field(min_length=1, description="The picture's bytes in base64.")
    alt: Alt = ""


class ImagePatch(Strict):
    """What is to change; what is left out stays."""

    model_config = example({"alt": "The kettle from above", "position": 0}, "forbid")

    alt: Alt = ""
    position: StrictInt = Field(default=0, ge=0, le=100, description="0 is the first; beyond the last is the last.")


class ImagePath(ProductPath):
    """Which picture of which product."""

    image_id: str = Field(description="`img_…`", json_schema_extra={"example": IMAGE_ID})


IMAGE: dict[str, Any] = {
    "id": IMAGE_ID,
    "object": "product_image",
    "product": PRODUCT_ID,
    "url": f"https://pay.example.com/images/{IMAGE_ID}",
    "content_type": "image/png",
    "width": 1200,
    "height": 1500,
    "alt": "The kettle, poured from the left",
    "position": 0,
    "created_at": CREATED,
}


class ImageOut(BaseModel):
    """A picture of a product."""

    model_config = example(IMAGE)

    id: str
    object: Literal["product_image"]
    product: str
    url: str = Field(description="For anybody; what stands there never changes.")
    content_type: Literal["image/png", "image/jpeg", "image/webp"]
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    alt: str
    position: int = Field(description="0 is the first.")
    created_at: str = Field(description="ISO 8601, UTC")


class ImageList(BaseModel):
    """All pictures of a product, in order."""

    model_config = example({"object": "list", "data": [IMAGE], "has_more": False})

    object: Literal["list"]
    data: list[ImageOut]
    has_more: Literal[False]


class ImageDeleted(BaseModel):
    """The shop shows it no more."""

    model_config = example({"id": IMAGE_ID, "object": "product_image", "deleted": True})

    id: str
    object: Literal["product_image"]
    deleted: Literal[True]
