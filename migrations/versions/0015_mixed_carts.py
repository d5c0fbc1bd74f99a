"""An order may start a subscription beside what is bought once: what of its amount, and which of its lines, that is; and what was
agreed to be due today and later.

Only adds columns with defaults, and fills them for orders that start a subscription, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("subscription_amount", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("orders", sa.Column("outlook", JSONB(), server_default="{}", nullable=False))
    op.add_column("order_lines", sa.Column("is_recurring", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("refunds", sa.Column("of_invoice", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "update order_lines set is_recurring = true from prices where prices.organization_id = order_lines.organization_id"
        " and prices.id = order_lines.price_id and prices.kind = 'recurring'"
    )
    op.execute(
        "update orders set subscription_amount = amount where exists (select 1 from order_lines"
        " where order_lines.organization_id = orders.organization_id and order_lines.order_id = orders.id and is_recurring)"
    )
    op.create_check_constraint(
        op.f("ck_orders_subscription_within_amount"), "orders", "subscription_amount between 0 and amount"
    )
    op.create_check_constraint(
        op.f("ck_refunds_of_invoice_within_amount"), "refunds", "of_invoice between 0 and amount"
    )


def downgrade() -> None:
    op.drop_column("refunds", "of_invoice")
    op.drop_column("order_lines", "is_recurring")
    op.drop_column("orders", "outlook")
    op.drop_column("orders", "subscription_amount")
