"""What a shop needs: stock that is counted and held, ways to send an order and the parcels sent, pictures, and files that are sold.

Adds tables, and columns that may be empty or have a default, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op

from migrations import wall

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
TABLES = (
    "shipping_rates",
    "product_files",
    "product_images",
    "downloads",
    "shipments",
    "stock_holds",
    "shipment_lines",
)


def upgrade() -> None:
    add_shipping_rates()
    add_product_files()
    add_product_images()
    add_downloads()
    add_shipments()
    add_stock_holds()
    add_shipment_lines()
    add_columns()
    for table in TABLES:
        wall.protect(table)
    wall.create_lookup(
        "organization_of_image", "wanted uuid", "select organization_id from product_images where id = wanted"
    )


def add_shipping_rates() -> None:
    op.create_table(
        "shipping_rates",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("countries", sa.ARRAY(sa.String()), server_default="{}", nullable=False),
        sa.Column("free_from", sa.BigInteger(), nullable=True),
        sa.Column("min_days", sa.BigInteger(), nullable=False),
        sa.Column("max_days", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", TIME, nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_shipping_rates_currency_code")),
        sa.CheckConstraint(
            "0 <= min_days and min_days <= max_days and max_days <= 365", name=op.f("ck_shipping_rates_days_sane")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_shipping_rates_amount_not_negative")),
        sa.CheckConstraint("free_from > 0", name=op.f("ck_shipping_rates_free_from_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_shipping_rates_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_shipping_rates")),
    )


def add_product_files() -> None:
    op.create_table(
        "product_files",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.CheckConstraint("(content is null) <> (url is null)", name=op.f("ck_product_files_content_or_url")),
        sa.CheckConstraint("octet_length(content) between 1 and 5242880", name=op.f("ck_product_files_size_sane")),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_product_files_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_product_files_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_product_files")),
    )


def add_product_images() -> None:
    op.create_table(
        "product_images",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "content_type in ('image/png', 'image/jpeg', 'image/webp')",
            name=op.f("ck_product_images_content_type_known"),
        ),
        sa.CheckConstraint("octet_length(content) between 1 and 2097152", name=op.f("ck_product_images_size_sane")),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_product_images_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_product_images_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_product_images")),
    )


def add_downloads() -> None:
    op.create_table(
        "downloads",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", TIME, nullable=True),
        sa.CheckConstraint("taken between 0 and most", name=op.f("ck_downloads_taken_in_limits")),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_downloads_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_downloads_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_downloads_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_downloads")),
        sa.UniqueConstraint(
            "organization_id", "order_id", "product_id", name=op.f("uq_downloads_organization_id_order_id_product_id")
        ),
    )


def add_shipments() -> None:
    op.create_table(
        "shipments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("carrier", sa.String(), server_default="", nullable=False),
        sa.Column("tracking_number", sa.String(), server_default="", nullable=False),
        sa.Column("tracking_url", sa.String(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_shipments_created_by")),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_shipments_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_shipments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_shipments")),
    )
    op.create_index("ix_shipments_order", "shipments", ["organization_id", "order_id", "id"])


def add_stock_holds() -> None:
    op.create_table(
        "stock_holds",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), server_default="held", nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.CheckConstraint("status in ('held', 'sold', 'released')", name=op.f("ck_stock_holds_status_known")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_stock_holds_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_stock_holds_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_stock_holds_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_stock_holds_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_stock_holds")),
    )
    op.create_index("ix_stock_holds_due", "stock_holds", ["expires_at"], postgresql_where="status = 'held'")
    op.create_index("ix_stock_holds_order", "stock_holds", ["organization_id", "order_id"])
    op.create_index(
        "uq_stock_holds_held",
        "stock_holds",
        ["organization_id", "order_id", "product_id"],
        unique=True,
        postgresql_where="status in ('held', 'sold')",
    )


def add_shipment_lines() -> None:
    op.create_table(
        "shipment_lines",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shipment_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shipment_lines_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_line_id"],
            ["order_lines.organization_id", "order_lines.id"],
            name=op.f("fk_shipment_lines_organization_id_order_line_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "shipment_id"],
            ["shipments.organization_id", "shipments.id"],
            name=op.f("fk_shipment_lines_organization_id_shipment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_shipment_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_shipment_lines")),
    )
    op.create_index("ix_shipment_lines_shipment", "shipment_lines", ["organization_id", "shipment_id"])


def add_columns() -> None:
    op.add_column(
        "checkout_sessions", sa.Column("shipping_rates", sa.ARRAY(sa.String()), server_default="{}", nullable=False)
    )
    with op.batch_alter_table("order_lines") as table:
        table.add_column(sa.Column("kind", sa.String(), server_default="item", nullable=False))
        table.add_column(sa.Column("shippable", sa.Boolean(), server_default="false", nullable=False))
        table.add_column(sa.Column("fulfilled", sa.BigInteger(), server_default="0", nullable=False))
        table.create_check_constraint(op.f("ck_order_lines_kind_known"), "kind in ('item', 'shipping')")
        table.create_check_constraint(op.f("ck_order_lines_fulfilled_in_limits"), "fulfilled between 0 and quantity")
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("shipping_rate_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("fulfillment", sa.String(), nullable=True))
        table.create_check_constraint(
            op.f("ck_orders_fulfillment_known"), "fulfillment in ('unfulfilled', 'partially_fulfilled', 'fulfilled')"
        )
    op.create_index(
        "ix_orders_fulfillment",
        "orders",
        ["organization_id", "fulfillment", "id"],
        postgresql_where="fulfillment is not null",
    )
    op.create_foreign_key(
        op.f("fk_orders_organization_id_shipping_rate_id"),
        "orders",
        "shipping_rates",
        ["organization_id", "shipping_rate_id"],
        ["organization_id", "id"],
    )
    with op.batch_alter_table("products") as table:
        table.add_column(sa.Column("shippable", sa.Boolean(), server_default="true", nullable=False))
        table.add_column(sa.Column("stock", sa.BigInteger(), nullable=True))
        table.create_check_constraint(op.f("ck_products_stock_not_negative"), "stock >= 0")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was stored here has no place in 0011.")
