"""The house: tables of the first slice, roles and row-level security from the first migration on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_index("ix_job_runs_name", "job_runs", ["name", "id"], unique=False)
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("shop_name", sa.String(), server_default="", nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), server_default="STARTER", nullable=False),
        sa.Column("mode", sa.String(), server_default="sandbox", nullable=False),
        sa.Column("currency", sa.String(), server_default="USD", nullable=False),
        sa.Column("timezone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode in ('live', 'sandbox')", name=op.f("ck_organizations_mode_known")),
        sa.CheckConstraint("plan in ('STARTER', 'GROWTH', 'ENTERPRISE')", name=op.f("ck_organizations_plan_known")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_organizations_slug_shape")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("full_name", sa.String(), server_default="", nullable=False),
        sa.Column("avatar_url", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("token_generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("banned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "api_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_api_keys_created_by")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_api_keys_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_keys_token_hash")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "actor_kind in ('user', 'key', 'staff', 'customer', 'system')",
            name=op.f("ck_audit_entries_actor_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_audit_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["organization_id", "action", "id"], unique=False)
    op.create_index(
        "ix_audit_entries_resource", "audit_entries", ["organization_id", "resource_id", "id"], unique=False
    )
    op.create_table(
        "carts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status in ('open', 'ordered', 'abandoned')", name=op.f("ck_carts_status_known")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_carts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_carts")),
        sa.UniqueConstraint("token", name=op.f("uq_carts_token")),
    )
    op.create_table(
        "customers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_customers_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_customers_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_customers")),
    )
    op.create_index("ix_customers_email", "customers", ["organization_id", "email"], unique=False)
    op.create_table(
        "emails",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=True),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status in ('pending', 'failed', 'sent')", name=op.f("ck_emails_status_known")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_emails_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_emails")),
        sa.UniqueConstraint("organization_id", "dedupe_key", name=op.f("uq_emails_organization_id_dedupe_key")),
    )
    op.create_index(
        "ix_emails_due",
        "emails",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="status in ('pending', 'failed') and next_attempt_at is not null",
    )
    op.create_index("ix_emails_resource", "emails", ["organization_id", "resource_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("api_version", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_events_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_resource", "events", ["organization_id", "resource_id", "id"], unique=False)
    op.create_index("ix_events_type", "events", ["organization_id", "type", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=True),
        sa.Column("response_status", sa.BigInteger(), nullable=True),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_expires_at"), "idempotency_keys", ["expires_at"], unique=False)
    op.create_table(
        "ledger_accounts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('asset', 'liability', 'income', 'expense', 'equity')", name=op.f("ck_ledger_accounts_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_ledger_accounts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint(
            "organization_id", "code", "currency", name=op.f("uq_ledger_accounts_organization_id_code_currency")
        ),
    )
    op.create_table(
        "memberships",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role in ('owner', 'admin', 'viewer')", name=op.f("ck_memberships_role_known")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_memberships_organization_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_user", "memberships", ["user_id"], unique=False)
    op.create_table(
        "processor_accounts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("external_account", sa.String(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("public_config", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode in ('live', 'test')", name=op.f("ck_processor_accounts_mode_known")),
        sa.CheckConstraint(
            "processor in ('stripe', 'braintree', 'square')", name=op.f("ck_processor_accounts_processor_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_processor_accounts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_processor_accounts")),
        sa.UniqueConstraint(
            "processor", "external_account", "mode", name=op.f("uq_processor_accounts_processor_external_account_mode")
        ),
    )
    op.create_index(
        "uq_processor_accounts_default",
        "processor_accounts",
        ["organization_id"],
        unique=True,
        postgresql_where="is_default and archived_at is null",
    )
    op.create_table(
        "products",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("tagline", sa.String(), server_default="", nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("image", sa.String(), nullable=True),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_products_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_products")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_products_organization_id_slug")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_endpoints_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "inbox_events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('received', 'failed', 'applied', 'ignored')", name=op.f("ck_inbox_events_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_inbox_events_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_inbox_events_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_inbox_events")),
        sa.UniqueConstraint(
            "organization_id",
            "processor_account_id",
            "external_id",
            name=op.f("uq_inbox_events_organization_id_processor_account_id_external_id"),
        ),
    )
    op.create_index(
        "ix_inbox_events_due", "inbox_events", ["next_attempt_at"], unique=False, postgresql_where="status = 'received'"
    )
    op.create_index("ix_inbox_events_subject", "inbox_events", ["organization_id", "subject_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("cart_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(), server_default="pending", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_orders_currency_code")),
        sa.CheckConstraint(
            "status in ('pending', 'paid', 'canceled', 'refunded')", name=op.f("ck_orders_status_known")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_orders_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "cart_id"],
            ["carts.organization_id", "carts.id"],
            name=op.f("fk_orders_organization_id_cart_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_orders_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_orders_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_orders")),
        sa.UniqueConstraint("token", name=op.f("uq_orders_token")),
    )
    op.create_index(
        "uq_orders_cart",
        "orders",
        ["organization_id", "cart_id"],
        unique=True,
        postgresql_where="status in ('pending', 'paid')",
    )
    op.create_table(
        "payment_methods",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), server_default="card", nullable=False),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("last4", sa.String(), nullable=True),
        sa.Column("exp_month", sa.BigInteger(), nullable=True),
        sa.Column("exp_year", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("detached_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_payment_methods_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_payment_methods_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_payment_methods_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payment_methods")),
        sa.UniqueConstraint(
            "organization_id",
            "processor_account_id",
            "external_id",
            name=op.f("uq_payment_methods_organization_id_processor_account_id_external_id"),
        ),
    )
    op.create_table(
        "prices",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), server_default="one_time", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("interval", sa.String(), nullable=True),
        sa.Column("interval_count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'recurring') = (interval is not null)", name=op.f("ck_prices_interval_when_recurring")
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_prices_currency_code")),
        sa.CheckConstraint("interval in ('day', 'week', 'month', 'year')", name=op.f("ck_prices_interval_known")),
        sa.CheckConstraint("kind in ('one_time', 'recurring')", name=op.f("ck_prices_kind_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_prices_amount_positive")),
        sa.CheckConstraint("interval_count > 0", name=op.f("ck_prices_interval_count_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_prices_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_prices_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_prices")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("response_status", sa.BigInteger(), nullable=True),
        sa.Column("response_body", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('pending', 'failed', 'dead_letter', 'delivered')",
            name=op.f("ck_webhook_deliveries_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "endpoint_id"],
            ["webhook_endpoints.organization_id", "webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_organization_id_endpoint_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "event_id"],
            ["events.organization_id", "events.id"],
            name=op.f("fk_webhook_deliveries_organization_id_event_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_deliveries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "organization_id",
            "endpoint_id",
            "event_id",
            name=op.f("uq_webhook_deliveries_organization_id_endpoint_id_event_id"),
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="status in ('pending', 'failed')",
    )
    op.create_index("ix_webhook_deliveries_event", "webhook_deliveries", ["organization_id", "event_id"], unique=False)
    op.create_table(
        "cart_lines",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cart_id", sa.Uuid(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("quantity between 1 and 99", name=op.f("ck_cart_lines_quantity_sane")),
        sa.ForeignKeyConstraint(
            ["organization_id", "cart_id"],
            ["carts.organization_id", "carts.id"],
            name=op.f("fk_cart_lines_organization_id_cart_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_cart_lines_organization_id_price_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_cart_lines_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cart_lines")),
        sa.UniqueConstraint(
            "organization_id", "cart_id", "price_id", name=op.f("uq_cart_lines_organization_id_cart_id_price_id")
        ),
    )
    op.create_table(
        "order_lines",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_amount", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_order_lines_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_id"],
            ["prices.organization_id", "prices.id"],
            name=op.f("fk_order_lines_organization_id_price_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_order_lines_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_order_lines")),
    )
    op.create_table(
        "payments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("capture_method", sa.String(), server_default="automatic", nullable=False),
        sa.Column("amount_captured", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("payment_method_token", sa.String(), nullable=True),
        sa.Column("payment_method_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("card_brand", sa.String(), nullable=True),
        sa.Column("card_last4", sa.String(), nullable=True),
        sa.Column("last_error", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("next_action", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capture_method in ('automatic', 'manual')", name=op.f("ck_payments_capture_method_known")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_payments_currency_code")),
        sa.CheckConstraint("processor in ('stripe', 'braintree', 'square')", name=op.f("ck_payments_processor_known")),
        sa.CheckConstraint(
            "status in ('requires_payment_method', 'requires_confirmation', 'requires_action', 'processing', 'requires_capture', 'succeeded', 'canceled', 'failed')",
            name=op.f("ck_payments_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount_positive")),
        sa.CheckConstraint("amount_captured between 0 and amount", name=op.f("ck_payments_captured_within_amount")),
        sa.CheckConstraint(
            "amount_refunded between 0 and amount_captured", name=op.f("ck_payments_refunded_within_captured")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_payments_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_payments_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_method_id"],
            ["payment_methods.organization_id", "payment_methods.id"],
            name=op.f("fk_payments_organization_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_payments_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_payments_organization_id_idempotency_key")
        ),
    )
    op.create_index("ix_payments_customer", "payments", ["organization_id", "customer_id", "id"], unique=False)
    op.create_index("ix_payments_order", "payments", ["organization_id", "order_id"], unique=False)
    op.create_index("ix_payments_status", "payments", ["organization_id", "status", "id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("processor", sa.String(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("off_session", sa.Boolean(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("client_secret", sa.String(), nullable=True),
        sa.Column("decline_class", sa.String(), nullable=True),
        sa.Column("decline_code", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("send_deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_attempts_currency_code")),
        sa.CheckConstraint(
            "decline_class in ('soft', 'hard', 'authentication', 'fraud', 'configuration')",
            name=op.f("ck_attempts_decline_class_known"),
        ),
        sa.CheckConstraint(
            "status in ('created', 'submitted', 'unknown', 'action_required', 'approved', 'declined', 'not_sent')",
            name=op.f("ck_attempts_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_attempts_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_attempts_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_attempts_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_attempts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_attempts")),
        sa.UniqueConstraint(
            "organization_id", "payment_id", "number", name=op.f("uq_attempts_organization_id_payment_id_number")
        ),
    )
    op.create_index(
        "ix_attempts_probe",
        "attempts",
        ["next_probe_at"],
        unique=False,
        postgresql_where="status in ('created', 'submitted', 'unknown', 'action_required')",
    )
    op.create_index("uq_attempts_external", "attempts", ["processor_account_id", "external_id"], unique=True)
    op.create_index(
        "uq_attempts_one_open",
        "attempts",
        ["organization_id", "payment_id"],
        unique=True,
        postgresql_where="status in ('created', 'submitted', 'unknown', 'action_required')",
    )
    op.create_table(
        "claims",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("obligation", sa.String(), nullable=False),
        sa.Column("obligation_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("obligation in ('order', 'period', 'installment')", name=op.f("ck_claims_obligation_known")),
        sa.CheckConstraint("status in ('open', 'paid', 'released')", name=op.f("ck_claims_status_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_claims_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_claims_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_claims_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_payment", "claims", ["organization_id", "payment_id"], unique=False)
    op.create_index(
        "uq_claims_one_open",
        "claims",
        ["organization_id", "obligation", "obligation_id"],
        unique=True,
        postgresql_where="status = 'open'",
    )
    op.create_index(
        "uq_claims_order_paid_once",
        "claims",
        ["organization_id", "obligation_id"],
        unique=True,
        postgresql_where="obligation = 'order' and status in ('open', 'paid')",
    )
    op.create_table(
        "ledger_transfers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("debit_account_id", sa.Uuid(), nullable=False),
        sa.Column("credit_account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_ledger_transfers_currency_code")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_transfers_amount_positive")),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name=op.f("ck_ledger_transfers_two_accounts")),
        sa.ForeignKeyConstraint(
            ["organization_id", "credit_account_id"],
            ["ledger_accounts.organization_id", "ledger_accounts.id"],
            name=op.f("fk_ledger_transfers_organization_id_credit_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "debit_account_id"],
            ["ledger_accounts.organization_id", "ledger_accounts.id"],
            name=op.f("fk_ledger_transfers_organization_id_debit_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_ledger_transfers_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_ledger_transfers_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_ledger_transfers")),
        sa.UniqueConstraint(
            "organization_id", "source", "kind", name=op.f("uq_ledger_transfers_organization_id_source_kind")
        ),
    )
    op.create_index(
        "ix_ledger_transfers_credit", "ledger_transfers", ["organization_id", "credit_account_id", "id"], unique=False
    )
    op.create_index(
        "ix_ledger_transfers_debit", "ledger_transfers", ["organization_id", "debit_account_id", "id"], unique=False
    )
    op.create_index("ix_ledger_transfers_payment", "ledger_transfers", ["organization_id", "payment_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_refunds_currency_code")),
        sa.CheckConstraint(
            "status in ('pending', 'submitted', 'unknown', 'processing', 'succeeded', 'failed', 'canceled')",
            name=op.f("ck_refunds_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id", "attempt_id"],
            ["attempts.organization_id", "attempts.id"],
            name=op.f("fk_refunds_organization_id_attempt_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_refunds_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_refunds_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_refunds")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_refunds_organization_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_refunds_due",
        "refunds",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="status in ('pending', 'submitted', 'unknown', 'processing')",
    )
    op.create_index("ix_refunds_payment", "refunds", ["organization_id", "payment_id", "id"], unique=False)
    build_wall()


def build_wall() -> None:
    """Roles, row-level security, append-only records, and the six questions asked before an organization is known."""
    wall.create_roles()
    for table in wall.tables_with_organization():
        wall.protect(table)
    wall.protect("organizations", key="id")
    wall.share("users")
    wall.create_refusal()
    wall.make_append_only("ledger_transfers")
    wall.make_append_only("audit_entries")
    wall.create_lookup(
        "organization_by_slug",
        "wanted text",
        "select id from organizations where slug = wanted and archived_at is null",
    )
    wall.create_lookup(
        "organization_of_order", "wanted text", "select organization_id from orders where token = wanted"
    )
    wall.create_lookup(
        "organization_of_api_key", "wanted bytea", "select organization_id from api_keys where token_hash = wanted"
    )
    wall.create_lookup(
        "organization_of_account", "wanted uuid", "select organization_id from processor_accounts where id = wanted"
    )
    wall.create_lookup(
        "organizations_of_user",
        "wanted uuid",
        "select organization_id from memberships where user_id = wanted order by created_at",
        "setof uuid",
    )
    wall.create_lookup(
        "organizations_for_staff",
        "wanted uuid",
        "select o.id from organizations o join users u on u.id = wanted and u.is_admin and u.banned_at is null "
        "where o.archived_at is null order by o.created_at",
        "setof uuid",
    )


def downgrade() -> None:
    raise NotImplementedError("There is nothing before the house: drop the database instead.")
