"""A product may have several pictures, in an order, each with words for whoever cannot see it.

Adds columns with defaults and an index, so the release before keeps working while this runs. Of the pictures that were uploaded so far
the newest of a product is the one its shop shows; those it took the place of stay for the orders that show them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("product_images", sa.Column("alt", sa.String(), server_default="", nullable=False))
    op.add_column("product_images", sa.Column("position", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("product_images", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_product_images_alt_sane"), "product_images", "char_length(alt) <= 200")
    op.execute(
        """
        update product_images set removed_at = now()
        where not exists (
          select from products
          where products.organization_id = product_images.organization_id and products.id = product_images.product_id
            and products.image like 'images/%'
        ) or exists (
          select from product_images other
          where other.organization_id = product_images.organization_id and other.product_id = product_images.product_id
            and other.id > product_images.id
        )
        """
    )
    op.create_index(
        "ix_product_images_product",
        "product_images",
        ["organization_id", "product_id"],
        postgresql_where="removed_at is null",
    )


def downgrade() -> None:
    op.drop_index("ix_product_images_product", table_name="product_images")
    op.drop_constraint(op.f("ck_product_images_alt_sane"), "product_images", type_="check")
    for column in ("removed_at", "position", "alt"):
        op.drop_column("product_images", column)
