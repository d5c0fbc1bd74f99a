"""Goods are discounted and taxed: what of it an order, its lines, a refund and a dispute have; who redeems a coupon with an order.

Coupons there are stay what they could be used for: subscriptions. New ones are for all, unless they say otherwise.

Adds columns that are empty or have a default, and checks that hold for them, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AMOUNTS = {
    "orders": ("discount", "tax", "tax_added"),
    "order_lines": ("discount", "tax"),
    "refunds": ("tax", "discount"),
    "disputes": ("tax",),
}
CHECKS = {
    ("orders", "tax_and_discount_sane"): "0 <= discount and 0 <= tax_added and tax_added <= tax",
    ("orders", "redeemed_has_coupon"): "not redeemed or coupon_id is not null",
    ("order_lines", "discount_within_amount"): "discount between 0 and amount",
    ("order_lines", "tax_not_negative"): "tax >= 0",
    ("refunds", "tax_within_amount"): "tax between 0 and amount - of_invoice",
    ("coupons", "applies_to_known"): "applies_to in ('all', 'goods', 'subscriptions')",
    ("tax_rates", "shipping_bps_range"): "shipping_bps between 0 and 10000",
}
REFERENCES = (
    ("orders", "coupon_id", "coupons"),
    ("orders", "promotion_code_id", "promotion_codes"),
    ("checkout_sessions", "coupon_id", "coupons"),
)


def upgrade() -> None:
    for table, names in AMOUNTS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("carts", sa.Column("promotion_code", sa.String(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("tax_name", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("coupon_name", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("redeemed", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("orders", sa.Column("redeemed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("order_lines", sa.Column("tax_bps", sa.BigInteger(), nullable=True))
    op.add_column("tax_rates", sa.Column("shipping_bps", sa.BigInteger(), nullable=True))
    for table in ("checkout_sessions", "payment_links"):
        allowed = sa.Column("allow_promotion_codes", sa.Boolean(), server_default="true", nullable=False)
        op.add_column(table, allowed)
    for table, name, target in REFERENCES:
        op.add_column(table, sa.Column(name, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_organization_id_{name}"),
            table,
            target,
            ["organization_id", name],
            ["organization_id", "id"],
        )
    old = sa.Column("applies_to", sa.String(), server_default="subscriptions", nullable=False)
    op.add_column("coupons", old)
    op.alter_column("coupons", "applies_to", server_default="all")
    for (table, name), condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.create_index(
        "ix_orders_redeemed_until", "orders", ["redeemed_until"], postgresql_where="redeemed_until is not null"
    )


def downgrade() -> None:
    op.drop_index("ix_orders_redeemed_until", "orders")
    for table, name in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table, name, _target in REFERENCES:
        op.drop_constraint(op.f(f"fk_{table}_organization_id_{name}"), table, type_="foreignkey")
        op.drop_column(table, name)
    for table in ("checkout_sessions", "payment_links"):
        op.drop_column(table, "allow_promotion_codes")
    op.drop_column("coupons", "applies_to")
    op.drop_column("tax_rates", "shipping_bps")
    op.drop_column("order_lines", "tax_bps")
    for name in ("redeemed_until", "redeemed", "coupon_name", "tax_name"):
        op.drop_column("orders", name)
    op.drop_column("carts", "promotion_code")
    for table, names in AMOUNTS.items():
        for name in names:
            op.drop_column(table, name)
