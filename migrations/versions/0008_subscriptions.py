"""Subscriptions: recurring prices in full, coupons, taxes, invoices, credit; retries counted per card; a clock of a sandbox's own.

Adds tables, columns with defaults and indexes only, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    "coupons",
    "promotion_codes",
    "tax_rates",
    "billing_settings",
    "subscriptions",
    "invoices",
    "invoice_lines",
    "credit_notes",
    "credit_balances",
    "credit_entries",
)


def upgrade() -> None:
    widen_what_was_there()
    add_discounts()
    add_subscriptions()
    add_invoices()
    add_credit()
    for table in TABLES:
        wall.protect(table)
    wall.make_append_only("credit_entries")
    link_orders()
    wall.create_lookup(
        "organization_of_invoice", "wanted text", "select organization_id from invoices where token = wanted"
    )


def widen_what_was_there() -> None:
    with op.batch_alter_table("prices") as table:
        table.add_column(sa.Column("nickname", sa.String(), server_default="", nullable=False))
        table.add_column(sa.Column("trial_days", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(sa.Column("setup_fee", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(
            sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
        )
        table.create_check_constraint(op.f("ck_prices_trial_sane"), "trial_days between 0 and 730")
        table.create_check_constraint(op.f("ck_prices_setup_fee_not_negative"), "setup_fee >= 0")
    op.add_column("attempts", sa.Column("payment_method_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_attempts_organization_id_payment_method_id"),
        "attempts",
        "payment_methods",
        ["organization_id", "payment_method_id"],
        ["organization_id", "id"],
    )
    op.create_index(
        "ix_attempts_card",
        "attempts",
        ["organization_id", "payment_method_id", "amount", "created_at"],
        unique=False,
        postgresql_where="payment_method_id is not null",
    )
    op.drop_index(
        "uq_claims_order_paid_once",
        table_name="claims",
    )
    op.create_index(
        "uq_claims_paid_once",
        "claims",
        ["organization_id", "obligation", "obligation_id"],
        unique=True,
        postgresql_where="obligation in ('order', 'period') and status in ('open', 'paid')",
    )
    op.add_column("customers", sa.Column("country", sa.String(), server_default="", nullable=False))
    op.add_column("customers", sa.Column("region", sa.String(), server_default="", nullable=False))
    op.add_column("customers", sa.Column("default_payment_method_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_customers_organization_id_default_payment_method_id"),
        "customers",
        "payment_methods",
        ["organization_id", "default_payment_method_id"],
        ["organization_id", "id"],
    )
    op.add_column("organizations", sa.Column("clock_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organizations", sa.Column("clock_target_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organizations", sa.Column("clock_lease_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organizations", sa.Column("clock_problem", sa.String(), nullable=True))
    op.add_column("payment_methods", sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("payment_methods", sa.Column("blocked_because", sa.String(), nullable=True))
    op.add_column("payment_methods", sa.Column("mandate_ceiling", sa.BigInteger(), nullable=True))
    op.add_column("payment_methods", sa.Column("purpose", sa.String(), nullable=True))


def link_orders() -> None:
    """A checkout may start a subscription; one that begins with a trial comes to nothing today."""
    op.add_column("orders", sa.Column("subscription_id", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("promotion_code", sa.String(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("consent", sa.String(), server_default="", nullable=False))
    op.create_foreign_key(
        op.f("fk_orders_organization_id_subscription_id"),
        "orders",
        "subscriptions",
        ["organization_id", "subscription_id"],
        ["organization_id", "id"],
    )
    op.drop_constraint(op.f("ck_orders_amount_positive"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_amount_not_negative"), "orders", "amount >= 0")


def add_discounts() -> None:
    op.create_table(
        "coupons",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("percent_bps", sa.BigInteger(), nullable=True),
        sa.Column("amount_off", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("duration", sa.String(), nullable=False),
        sa.Column("periods", sa.BigInteger(), nullable=True),
        sa.Column("max_redemptions", sa.BigInteger(), nullable=True),
        sa.Column("redeemed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("redeem_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(duration = 'repeating') = (periods is not null)", name=op.f("ck_coupons_periods_when_repeating")
        ),
        sa.CheckConstraint("duration in ('once', 'repeating', 'forever')", name=op.f("ck_coupons_duration_known")),
        sa.CheckConstraint("(amount_off is null) = (currency is null)", name=op.f("ck_coupons_amount_has_currency")),
        sa.CheckConstraint("(percent_bps is null) <> (amount_off is null)", name=op.f("ck_coupons_one_kind")),
        sa.CheckConstraint("amount_off > 0", name=op.f("ck_coupons_amount_positive")),
        sa.CheckConstraint(
            "max_redemptions is null or redeemed <= max_redemptions", name=op.f("ck_coupons_within_limit")
        ),
        sa.CheckConstraint("percent_bps between 1 and 10000", name=op.f("ck_coupons_percent_range")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_coupons_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_coupons")),
    )
    op.create_table(
        "tax_rates",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), server_default="", nullable=False),
        sa.Column("bps", sa.BigInteger(), nullable=False),
        sa.Column("inclusive", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_tax_rates_country_code")),
        sa.CheckConstraint("bps between 0 and 10000", name=op.f("ck_tax_rates_bps_range")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_tax_rates_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_tax_rates")),
    )
    op.create_index(
        "uq_tax_rates_place",
        "tax_rates",
        ["organization_id", "country", "region"],
        unique=True,
        postgresql_where="archived_at is null",
    )
    op.create_table(
        "promotion_codes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("max_redemptions", sa.BigInteger(), nullable=True),
        sa.Column("redeemed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_purchase_only", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("code ~ '^[A-Z0-9_-]{3,40}$'", name=op.f("ck_promotion_codes_code_shape")),
        sa.CheckConstraint(
            "max_redemptions is null or redeemed <= max_redemptions", name=op.f("ck_promotion_codes_within_limit")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "coupon_id"],
            ["coupons.organization_id", "coupons.id"],
            name=op.f("fk_promotion_codes_organization_id_coupon_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_promotion_codes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_promotion_codes")),
        sa.UniqueConstraint("organization_id", "code", name=op.f("uq_promotion_codes_organization_id_code")),
    )


def add_subscriptions() -> None:
    op.create_table(
        "billing_settings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("retry_days", sa.ARRAY(sa.BigInteger()), server_default="{1,3,7,14}", nullable=False),
        sa.Column("end_status", sa.String(), server_default="unpaid", nullable=False),
        sa.Column("reminder_days", sa.BigInteger(), nullable=True),
        sa.Column("invoice_prefix", sa.String(), nullable=False),
        sa.Column("next_invoice", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("next_credit_note", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("invoice_footer", sa.String(), server_default="", nullable=False),
        sa.Column("address", sa.String(), server_default="", nullable=False),
        sa.Column("tax_number", sa.String(), server_default="", nullable=False),
        sa.Column("support_email", sa.String(), server_default="", nullable=False),
        sa.Column("color", sa.String(), server_default="", nullable=False),
        sa.CheckConstraint(
            "end_status in ('unpaid', 'canceled', 'defaulted')", name=op.f("ck_billing_settings_end_status_known")
        ),
        sa.CheckConstraint("invoice_prefix ~ '^[A-Z0-9]{1,12}$'", name=op.f("ck_billing_settings_prefix_shape")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_billing_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_billing_settings")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("payment_method_id", sa.Uuid(), nullable=True),
        sa.Column("price_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("current_period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancellation_reason", sa.String(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resumes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pending_price_id", sa.Uuid(), nullable=True),
        sa.Column("pending_quantity", sa.BigInteger(), nullable=True),
        sa.Column("coupon_id", sa.Uuid(), nullable=True),
        sa.Column("promotion_code_id", sa.Uuid(), nullable=True),
        sa.Column("coupon_periods_left", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_action_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_reminder_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status in ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid', 'incomplete_expired', 'defaulted', 'canceled')",
            name=op.f("ck_subscriptions_status_known"),
        ),
        sa.CheckConstraint("current_period_start < current_period_end", name=op.f("ck_subscriptions_period_forward")),
        sa.CheckConstraint("quantity between 1 and 100000", name=op.f("ck_subscriptions_quantity_sane")),
        sa.ForeignKeyConstraint(
            ["organization_id", "coupon_id"],
            ["coupons.organization_id", "coupons.id"],
            name=op.f("fk_subscriptions_organization_id_coupon_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_subscriptions_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_method_id"],
            ["payment_methods.organization_id", "payment_methods.id"],
            name=op.f("fk_subscriptions_organization_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pending_price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_subscriptions_organization_id_pending_price_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_subscriptions_organization_id_price_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "promotion_code_id"],
            ["promotion_codes.organization_id", "promotion_codes.id"],
            name=op.f("fk_subscriptions_organization_id_promotion_code_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_subscriptions_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("token", name=op.f("uq_subscriptions_token")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_subscriptions_organization_id_idempotency_key")
        ),
    )
    op.create_index("ix_subscriptions_card", "subscriptions", ["organization_id", "payment_method_id"], unique=False)
    op.create_index(
        "ix_subscriptions_customer", "subscriptions", ["organization_id", "customer_id", "id"], unique=False
    )
    op.create_index(
        "ix_subscriptions_due",
        "subscriptions",
        ["next_action_at"],
        unique=False,
        postgresql_where="next_action_at is not null",
    )
    op.create_index(
        "ix_subscriptions_reminder",
        "subscriptions",
        ["next_reminder_at"],
        unique=False,
        postgresql_where="next_reminder_at is not null",
    )
    op.create_index("ix_subscriptions_status", "subscriptions", ["organization_id", "status", "id"], unique=False)


def add_invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("status", sa.String(), server_default="draft", nullable=False),
        sa.Column("billing_reason", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("customer_name", sa.String(), server_default="", nullable=False),
        sa.Column("customer_email", sa.String(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("anchor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period", sa.BigInteger(), nullable=True),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_name", sa.String(), nullable=True),
        sa.Column("tax_bps", sa.BigInteger(), nullable=True),
        sa.Column("tax_inclusive", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("coupon_name", sa.String(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("credit_applied", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("waived", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount_due", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount_credited", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("change", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("keeps_card", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finalized_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'draft') = (number is null)", name=op.f("ck_invoices_numbered_when_final")),
        sa.CheckConstraint(
            "billing_reason in ('subscription_create', 'subscription_cycle', 'subscription_update', 'manual')",
            name=op.f("ck_invoices_billing_reason_known"),
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_invoices_currency_code")),
        sa.CheckConstraint(
            "status in ('draft', 'open', 'uncollectible', 'paid', 'void')", name=op.f("ck_invoices_status_known")
        ),
        sa.CheckConstraint("amount_due = greatest(total, 0) - credit_applied", name=op.f("ck_invoices_due_adds_up")),
        sa.CheckConstraint("amount_paid in (0, amount_due)", name=op.f("ck_invoices_paid_whole")),
        sa.CheckConstraint(
            "credit_applied between 0 and greatest(total, 0)", name=op.f("ck_invoices_credit_within_total")
        ),
        sa.CheckConstraint("total = subtotal - discount + tax_added", name=op.f("ck_invoices_total_adds_up")),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_invoices_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_invoices_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "subscription_id"],
            ["subscriptions.organization_id", "subscriptions.id"],
            name=op.f("fk_invoices_organization_id_subscription_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invoices_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_invoices_organization_id_number")),
        sa.UniqueConstraint("token", name=op.f("uq_invoices_token")),
    )
    op.create_index("ix_invoices_customer", "invoices", ["organization_id", "customer_id", "id"], unique=False)
    op.create_index(
        "ix_invoices_due", "invoices", ["next_attempt_at"], unique=False, postgresql_where="next_attempt_at is not null"
    )
    op.create_index("ix_invoices_payment", "invoices", ["organization_id", "payment_id"], unique=False)
    op.create_index("ix_invoices_status", "invoices", ["organization_id", "status", "id"], unique=False)
    op.create_index("ix_invoices_subscription", "invoices", ["organization_id", "subscription_id", "id"], unique=False)
    op.create_index(
        "uq_invoices_one_change",
        "invoices",
        ["organization_id", "subscription_id"],
        unique=True,
        postgresql_where="billing_reason = 'subscription_update' and status = 'open'",
    )
    op.create_index(
        "uq_invoices_period",
        "invoices",
        ["organization_id", "subscription_id", "anchor_at", "period"],
        unique=True,
        postgresql_where="billing_reason in ('subscription_create', 'subscription_cycle') and status <> 'void'",
    )
    op.create_table(
        "invoice_lines",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_amount", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_proration", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_lines_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_invoice_lines_organization_id_price_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_lines")),
    )
    op.create_index(
        "ix_invoice_lines_invoice", "invoice_lines", ["organization_id", "invoice_id", "position"], unique=False
    )


def add_credit() -> None:
    op.create_table(
        "credit_balances",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_credit_balances_amount_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_credit_balances_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_balances_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "customer_id", "currency", name=op.f("pk_credit_balances")),
    )
    op.create_table(
        "credit_entries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_entries_amount_moves")),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_credit_entries_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_entries")),
        sa.UniqueConstraint(
            "organization_id", "source", "kind", name=op.f("uq_credit_entries_organization_id_source_kind")
        ),
    )
    op.create_index(
        "ix_credit_entries_customer", "credit_entries", ["organization_id", "customer_id", "id"], unique=False
    )
    op.create_table(
        "credit_notes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="issued", nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="other", nullable=False),
        sa.Column("memo", sa.String(), server_default="", nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "reason in ('duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory', 'other')",
            name=op.f("ck_credit_notes_reason_known"),
        ),
        sa.CheckConstraint("status in ('issued', 'void')", name=op.f("ck_credit_notes_status_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_credit_notes_amount_positive")),
        sa.CheckConstraint("tax between 0 and amount", name=op.f("ck_credit_notes_tax_within_amount")),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_credit_notes_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_credit_notes_organization_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "refund_id"],
            ["refunds.organization_id", "refunds.id"],
            name=op.f("fk_credit_notes_organization_id_refund_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_credit_notes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_credit_notes_organization_id_idempotency_key")
        ),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_credit_notes_organization_id_number")),
    )
    op.create_index("ix_credit_notes_invoice", "credit_notes", ["organization_id", "invoice_id", "id"], unique=False)


def downgrade() -> None:
    op.execute("drop function organization_of_invoice(text)")
    op.drop_constraint(op.f("ck_orders_amount_not_negative"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_amount_positive"), "orders", "amount > 0")
    op.drop_constraint(op.f("fk_orders_organization_id_subscription_id"), "orders", type_="foreignkey")
    for column in ("consent", "promotion_code", "subscription_id"):
        op.drop_column("orders", column)
    for table in reversed(TABLES):
        op.drop_table(table)
    with op.batch_alter_table("prices") as table:
        table.drop_constraint(op.f("ck_prices_trial_sane"), type_="check")
        table.drop_constraint(op.f("ck_prices_setup_fee_not_negative"), type_="check")
        table.drop_column("metadata")
        table.drop_column("nickname")
        table.drop_column("trial_days")
        table.drop_column("setup_fee")
    op.drop_column("payment_methods", "purpose")
    op.drop_column("payment_methods", "mandate_ceiling")
    op.drop_column("payment_methods", "blocked_because")
    op.drop_column("payment_methods", "blocked_until")
    op.drop_column("organizations", "clock_problem")
    op.drop_column("organizations", "clock_lease_until")
    op.drop_column("organizations", "clock_target_at")
    op.drop_column("organizations", "clock_at")
    op.drop_constraint(op.f("fk_customers_organization_id_default_payment_method_id"), "customers", type_="foreignkey")
    op.drop_column("customers", "default_payment_method_id")
    op.drop_column("customers", "region")
    op.drop_column("customers", "country")
    op.drop_index(
        "uq_claims_paid_once",
        table_name="claims",
        postgresql_where="obligation in ('order', 'period') and status in ('open', 'paid')",
    )
    op.create_index(
        "uq_claims_order_paid_once",
        "claims",
        ["organization_id", "obligation_id"],
        unique=True,
        postgresql_where="obligation = 'order' and status in ('open', 'paid')",
    )
    op.drop_index("ix_attempts_card", table_name="attempts", postgresql_where="payment_method_id is not null")
    op.drop_constraint(op.f("fk_attempts_organization_id_payment_method_id"), "attempts", type_="foreignkey")
    op.drop_column("attempts", "payment_method_id")
