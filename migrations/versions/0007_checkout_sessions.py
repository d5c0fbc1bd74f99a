"""Checkout sessions and payment links; until when holds last; cards removed at their processor; tries that were held back.

Adds columns that may be empty and new tables only, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    add_payment_links()
    add_checkout_sessions()
    add_held_back()
    add_holds_end()
    add_removal()
    for table in ("payment_links", "checkout_sessions", "held_back"):
        wall.protect(table)
    wall.create_lookup(
        "organization_of_payment_link",
        "wanted text",
        "select organization_id from payment_links where token = wanted",
    )


def add_payment_links() -> None:
    op.create_table(
        "payment_links",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("quantity_adjustable", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("active_until", TIME, nullable=True),
        sa.Column("max_uses", sa.BigInteger(), nullable=True),
        sa.Column("success_url", sa.String(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("deactivated_at", TIME, nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_links_amount_positive")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_payment_links_currency_code")),
        sa.CheckConstraint("max_uses > 0", name=op.f("ck_payment_links_max_uses_positive")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_payment_links_created_by")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_links_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_payment_links_organization_id_price_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_links")),
        sa.UniqueConstraint("token", name=op.f("uq_payment_links_token")),
    )


def add_checkout_sessions() -> None:
    op.create_table(
        "checkout_sessions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(), server_default="payment", nullable=False),
        sa.Column("status", sa.String(), server_default="open", nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("customer_email", sa.String(), nullable=True),
        sa.Column("payment_link_id", sa.Uuid(), nullable=True),
        sa.Column("success_url", sa.String(), nullable=True),
        sa.Column("cancel_url", sa.String(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", TIME, nullable=True),
        sa.Column("expired_at", TIME, nullable=True),
        sa.CheckConstraint(
            "mode in ('payment', 'subscription', 'financing')", name=op.f("ck_checkout_sessions_mode_known")
        ),
        sa.CheckConstraint("status in ('open', 'complete', 'expired')", name=op.f("ck_checkout_sessions_status_known")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_checkout_sessions_organization_id")
        ),
        *[
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{table}.organization_id", f"{table}.id"],
                name=op.f(f"fk_checkout_sessions_organization_id_{column}"),
            )
            for column, table in (
                ("order_id", "orders"),
                ("customer_id", "customers"),
                ("payment_link_id", "payment_links"),
            )
        ],
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_checkout_sessions")),
        sa.UniqueConstraint("organization_id", "order_id", name=op.f("uq_checkout_sessions_organization_id_order_id")),
    )
    op.create_index("ix_checkout_sessions_link", "checkout_sessions", ["organization_id", "payment_link_id", "id"])
    op.create_index("ix_checkout_sessions_customer", "checkout_sessions", ["organization_id", "customer_id", "id"])
    op.create_index("ix_checkout_sessions_due", "checkout_sessions", ["expires_at"], postgresql_where="status = 'open'")


def add_held_back() -> None:
    op.create_table(
        "held_back",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_address", sa.String(), nullable=True),
        sa.Column("last_at", TIME, nullable=False),
        sa.CheckConstraint("rule in ('address', 'card', 'organization')", name=op.f("ck_held_back_rule_known")),
        sa.CheckConstraint("count > 0", name=op.f("ck_held_back_count_positive")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_held_back_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "hour", "rule", name=op.f("pk_held_back")),
    )
    op.add_column(
        "organizations",
        sa.Column("card_testing", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
    )


def add_holds_end() -> None:
    with op.batch_alter_table("payments") as table:
        table.add_column(sa.Column("cancellation_reason", sa.String(), nullable=True))
        table.add_column(sa.Column("capture_before", TIME, nullable=True))
        table.create_check_constraint(
            op.f("ck_payments_cancellation_reason_known"), "cancellation_reason in ('expired')"
        )
    op.add_column("hold_actions", sa.Column("reason", sa.String(), nullable=True))
    op.execute(
        "update payments p set capture_before = a.finished_at + interval '7 days' from attempts a "
        "where p.status = 'requires_capture' and a.organization_id = p.organization_id and a.payment_id = p.id "
        "and a.status = 'approved'"
    )
    op.create_index(
        "ix_payments_capture_before", "payments", ["capture_before"], postgresql_where="status = 'requires_capture'"
    )


def add_removal() -> None:
    with op.batch_alter_table("payment_methods") as table:
        table.add_column(sa.Column("removal", sa.String(), nullable=True))
        table.create_check_constraint(
            op.f("ck_payment_methods_removal_known"), "removal in ('pending', 'removed', 'refused')"
        )
    op.create_index(
        "ix_payment_methods_removal", "payment_methods", ["next_attempt_at"], postgresql_where="removal = 'pending'"
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was stored here has no place in 0005.")
