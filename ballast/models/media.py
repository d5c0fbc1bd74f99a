"""Pictures of products, the files that are sold, and who may fetch those."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, Index, LargeBinary, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, one_of, reference, within

PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
MEGABYTE: Final = 1024 * 1024
LARGEST_PICTURE: Final = 2 * MEGABYTE
LARGEST_FILE: Final = 5 * MEGABYTE
LONGEST_ALT: Final = 200


class ProductImage(Scoped, Base):
    """A picture that a merchant uploaded. Kept when it is taken away: orders show what was bought."""

    __tablename__ = "product_images"
    __table_args__ = (
        within("product_id", "products"),
        one_of("content_type", PICTURE_TYPES),
        CheckConstraint(f"octet_length(content) between 1 and {LARGEST_PICTURE}", name="size_sane"),
        CheckConstraint(f"char_length(alt) <= {LONGEST_ALT}", name="alt_sane"),
        Index("ix_product_images_product", "organization_id", "product_id", postgresql_where="removed_at is null"),
    )

    id: Mapped[str] = id_column("img")
    product_id: Mapped[str] = reference("prod")
    content_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    alt: Mapped[str] = mapped_column(default="", server_default="", doc="what it shows, for whoever cannot see it")
    position: Mapped[int] = mapped_column(default=0, server_default="0", doc="0 is the first")
    created_at: Mapped[datetime] = created_column()
    removed_at: Mapped[datetime | None]


class ProductFile(Scoped, Base):
    """What somebody who has bought a product may fetch: bytes of ours, or an address elsewhere. The newest one counts."""

    __tablename__ = "product_files"
    __table_args__ = (
        within("product_id", "products"),
        CheckConstraint("(content is null) <> (url is null)", name="content_or_url"),
        CheckConstraint(f"octet_length(content) between 1 and {LARGEST_FILE}", name="size_sane"),
    )

    id: Mapped[str] = id_column("file")
    product_id: Mapped[str] = reference("prod")
    name: Mapped[str]
    size: Mapped[int] = mapped_column(default=0, server_default="0", doc="bytes; 0 for an address")
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    url: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    removed_at: Mapped[datetime | None]


class Download(Scoped, Base):
    """What a paid order may fetch of a product, and how often it has."""

    __tablename__ = "downloads"
    __table_args__ = (
        within("order_id", "orders"),
        within("product_id", "products"),
        UniqueConstraint("organization_id", "order_id", "product_id"),
        CheckConstraint("taken between 0 and most", name="taken_in_limits"),
    )

    id: Mapped[str] = id_column("dl")
    order_id: Mapped[str] = reference("ord")
    product_id: Mapped[str] = reference("prod")
    taken: Mapped[int] = mapped_column(default=0, server_default="0")
    most: Mapped[int]
    created_at: Mapped[datetime] = created_column()
    last_at: Mapped[datetime | None] = mapped_column(doc="real time")


def pictures_of(organization_id: str, product_id: str) -> Select[ProductImage]:
    """What a product's page shows, in order."""
    found = select(ProductImage).where(
        ProductImage.organization_id == organization_id,
        ProductImage.product_id == product_id,
        ProductImage.removed_at.is_(None),
    )
    return found.order_by(ProductImage.position, ProductImage.id)


def files_of(organization_id: str, product_ids: list[str]) -> Select[ProductFile]:
    """What these products' buyers may fetch: one file each, for another one removes the first."""
    return select(ProductFile).where(
        ProductFile.organization_id == organization_id,
        ProductFile.product_id.in_(product_ids),
        ProductFile.removed_at.is_(None),
    )


def downloads_of(organization_id: str, order_id: str) -> Select[Download, ProductFile]:
    """What an order may fetch, with the files, oldest first."""
    joined = (ProductFile.organization_id == Download.organization_id) & (ProductFile.product_id == Download.product_id)
    found = select(Download, ProductFile).join(ProductFile, joined & ProductFile.removed_at.is_(None))
    return found.where(Download.organization_id == organization_id, Download.order_id == order_id).order_by(Download.id)
