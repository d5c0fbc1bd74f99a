"""The files that are sold with a product."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import update

from ballast import audit
from ballast.billing import kept
from ballast.clock import now
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import Product, ProductFile
from ballast.models.media import LARGEST_FILE, MEGABYTE, files_of

LONGEST_NAME: Final = 120
LONGEST_ADDRESS: Final = 1000


def put_file(organization_id: str, product_id: str, name: str, content: bytes) -> ProductFile:
    """What buyers of a product may fetch from now on, those of the past too. In the caller's transaction.

    Raises NotFound, InvalidRequest(`parameter_missing`, `file_too_large`).
    """
    if not content:
        raise InvalidRequest("parameter_missing", "Choose a file that is not empty.", param="file")
    if len(content) > LARGEST_FILE:
        most = LARGEST_FILE // MEGABYTE
        raise InvalidRequest("file_too_large", f"A file may have at most {most} MB.", param="file")
    return _put(organization_id, product_id, ProductFile(name=_name(name), size=len(content), content=content))


def put_link(organization_id: str, product_id: str, url: str) -> ProductFile:
    """As `put_file`, an address elsewhere. Raises NotFound, InvalidRequest(`parameter_invalid`)."""
    parts = urlsplit(url) if url.isprintable() and " " not in url and len(url) <= LONGEST_ADDRESS else None
    if parts is None or parts.scheme != "https" or not parts.hostname:
        raise InvalidRequest("parameter_invalid", "Enter an address that begins with https://.", param="url")
    return _put(organization_id, product_id, ProductFile(name=_name(parts.hostname), url=url))


def _name(given: str) -> str:
    """What it is called where it is kept: the end of a path, without what a header cannot hold."""
    plain = given.replace("\\", "/").rpartition("/")[2].replace('"', "'")
    return "".join(letter for letter in plain if letter.isprintable()).strip()[-LONGEST_NAME:] or "download"


def _put(organization_id: str, product_id: str, made: ProductFile) -> ProductFile:
    product = kept.find(Product, organization_id, product_id, lock=True)
    take_file_away(organization_id, product_id)
    made.organization_id, made.id, made.product_id, made.created_at = organization_id, new_id("file"), product.id, now()
    db.session.add(made)
    db.session.flush()
    audit.record(organization_id, "product.file_added", "product", product.id, {"name": made.name, "size": made.size})
    return made


def take_file_away(organization_id: str, product_id: str) -> None:
    """Nobody may fetch it any more. In the caller's transaction."""
    taking = update(ProductFile).where(
        ProductFile.organization_id == organization_id,
        ProductFile.product_id == product_id,
        ProductFile.removed_at.is_(None),
    )
    gone = db.session.execute(taking.values(removed_at=now()).returning(ProductFile.name)).first()
    if gone is not None:
        audit.record(organization_id, "product.file_removed", "product", product_id, {"name": gone[0]})


def file_of(organization_id: str, product_id: str) -> ProductFile | None:
    """What a product's buyers may fetch."""
    return db.session.scalars(files_of(organization_id, [product_id])).first()
