"""Financing: offers, agreements with frozen terms, their installments, and append-only entries, amendments and documents.

Adds tables, two columns that may be null and indexes only, so the release before keeps working while this runs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


TABLES = (
    "financing_offers",
    "financing_settings",
    "financing_agreements",
    "agreement_documents",
    "installments",
    "agreement_entries",
    "agreement_amendments",
)
# What a customer has consented to, column by column: no row may change them.
FROZEN = (
    "customer_id",
    "order_id",
    "offer_id",
    "currency",
    "timezone",
    "price",
    "down_payment",
    "fee",
    "principal",
    "interest",
    "started_on",
    "terms",
    "terms_hash",
    "consented_at",
    "consent_ip",
    "consent_agent",
)


def upgrade() -> None:
    add_offers()
    add_settings()
    add_agreements()
    add_documents()
    add_installments()
    add_entries()
    add_amendments()
    link_orders()
    for table in TABLES:
        wall.protect(table)
    for table in ("agreement_documents", "agreement_entries", "agreement_amendments"):
        wall.make_append_only(table)
    freeze_terms()
    wall.create_lookup(
        "organization_of_agreement",
        "wanted text",
        "select organization_id from financing_agreements where token = wanted",
    )


def freeze_terms() -> None:
    """Refuse any change of what was consented to, to the owner of the table too."""
    op.execute(
        """
        create function refuse_new_terms() returns trigger language plpgsql as $$
        begin
          raise exception 'the terms of an agreement never change' using errcode = 'insufficient_privilege';
        end $$"""
    )
    changed = " or ".join(f"old.{column} is distinct from new.{column}" for column in FROZEN)
    op.execute(
        "create trigger financing_agreements_terms_frozen before update on financing_agreements "
        f"for each row when ({changed}) execute function refuse_new_terms()"
    )


def add_offers() -> None:
    op.create_table(
        "financing_offers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="draft", nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("installments", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.String(), server_default="month", nullable=False),
        sa.Column("interval_count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("rate_bps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("down_payment_bps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("down_payment_amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fee_bps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fee_amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fee_financed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("minimum_amount", sa.BigInteger(), nullable=False),
        sa.Column("maximum_amount", sa.BigInteger(), nullable=False),
        sa.Column("late_fee_bps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late_fee_amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late_fee_cap", sa.BigInteger(), nullable=True),
        sa.Column("grace_days", sa.BigInteger(), server_default="10", nullable=False),
        sa.Column("first_due_days", sa.BigInteger(), nullable=True),
        sa.Column("first_due_day", sa.BigInteger(), nullable=True),
        sa.Column("prepayment", sa.String(), server_default="rebate", nullable=False),
        sa.Column("default_after_days", sa.BigInteger(), server_default="90", nullable=False),
        sa.Column("accelerates", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("countries", sa.ARRAY(sa.String()), server_default="{}", nullable=False),
        sa.Column("product_ids", sa.ARRAY(sa.String()), server_default="{}", nullable=False),
        sa.Column("customer_cap", sa.BigInteger(), nullable=True),
        sa.Column("exposure_cap", sa.BigInteger(), nullable=True),
        sa.Column("expected_loss_bps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_financing_offers_currency_code")),
        sa.CheckConstraint("interval in ('day', 'week', 'month')", name=op.f("ck_financing_offers_interval_known")),
        sa.CheckConstraint("prepayment in ('rebate', 'no_rebate')", name=op.f("ck_financing_offers_prepayment_known")),
        sa.CheckConstraint(
            "status in ('draft', 'published', 'archived')", name=op.f("ck_financing_offers_status_known")
        ),
        sa.CheckConstraint("default_after_days between 1 and 365", name=op.f("ck_financing_offers_default_sane")),
        sa.CheckConstraint("down_payment_amount >= 0", name=op.f("ck_financing_offers_down_payment_not_negative")),
        sa.CheckConstraint("down_payment_bps between 0 and 9999", name=op.f("ck_financing_offers_down_payment_sane")),
        sa.CheckConstraint("fee_bps between 0 and 5000 and fee_amount >= 0", name=op.f("ck_financing_offers_fee_sane")),
        sa.CheckConstraint("grace_days between 0 and 90", name=op.f("ck_financing_offers_grace_sane")),
        sa.CheckConstraint("installments between 2 and 120", name=op.f("ck_financing_offers_installments_sane")),
        sa.CheckConstraint("interval_count between 1 and 366", name=op.f("ck_financing_offers_interval_count_sane")),
        sa.CheckConstraint(
            "late_fee_bps between 0 and 10000 and late_fee_amount >= 0", name=op.f("ck_financing_offers_late_fee_sane")
        ),
        sa.CheckConstraint(
            "minimum_amount > 0 and minimum_amount <= maximum_amount", name=op.f("ck_financing_offers_amounts_ordered")
        ),
        sa.CheckConstraint("rate_bps between 0 and 10000", name=op.f("ck_financing_offers_rate_sane")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_financing_offers_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_financing_offers")),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_financing_offers_organization_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_financing_offers_status", "financing_offers", ["organization_id", "status", "position"], unique=False
    )


def add_settings() -> None:
    op.create_table(
        "financing_settings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("interest_allowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interest_allowed_by", sa.Uuid(), nullable=True),
        sa.Column("charge_off_days", sa.BigInteger(), server_default="180", nullable=False),
        sa.Column("date_move_days", sa.BigInteger(), server_default="15", nullable=False),
        sa.Column("date_moves", sa.BigInteger(), server_default="2", nullable=False),
        sa.Column("pause_months", sa.BigInteger(), server_default="3", nullable=False),
        sa.Column("payoff_days", sa.BigInteger(), server_default="10", nullable=False),
        sa.ForeignKeyConstraint(
            ["interest_allowed_by"], ["users.id"], name=op.f("fk_financing_settings_interest_allowed_by")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_financing_settings_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_financing_settings")),
    )


def add_agreements() -> None:
    op.create_table(
        "financing_agreements",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="draft", nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("payment_method_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("down_payment", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("interest", sa.BigInteger(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terms_hash", sa.String(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent_ip", sa.String(), nullable=True),
        sa.Column("consent_agent", sa.String(), server_default="", nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("defaulted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("charged_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("past_due_since", sa.Date(), nullable=True),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("date_moves", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("under_way", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("interest_earned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accrued_on", sa.Date(), nullable=True),
        sa.Column("next_action_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_reminder_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status in ('draft', 'canceled')) or activated_at is not null",
            name=op.f("ck_financing_agreements_activated"),
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_financing_agreements_currency_code")),
        sa.CheckConstraint(
            "status in ('draft', 'active', 'late', 'delinquent', 'defaulted', 'charged_off', 'paid_off', 'refunded', 'canceled')",
            name=op.f("ck_financing_agreements_status_known"),
        ),
        sa.CheckConstraint("interest_earned >= 0", name=op.f("ck_financing_agreements_earned_sane")),
        sa.CheckConstraint(
            "principal > 0 and interest >= 0 and down_payment >= 0", name=op.f("ck_financing_agreements_amounts_sane")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_financing_agreements_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "offer_id"],
            ["financing_offers.organization_id", "financing_offers.id"],
            name=op.f("fk_financing_agreements_organization_id_offer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_financing_agreements_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_method_id"],
            ["payment_methods.organization_id", "payment_methods.id"],
            name=op.f("fk_financing_agreements_organization_id_payment_method_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_financing_agreements_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_financing_agreements")),
        sa.UniqueConstraint("token", name=op.f("uq_financing_agreements_token")),
    )
    op.create_index(
        "ix_financing_agreements_accrual",
        "financing_agreements",
        ["organization_id", "accrued_on"],
        unique=False,
        postgresql_where="accrued_on is not null",
    )
    op.create_index(
        "ix_financing_agreements_card", "financing_agreements", ["organization_id", "payment_method_id"], unique=False
    )
    op.create_index(
        "ix_financing_agreements_customer",
        "financing_agreements",
        ["organization_id", "customer_id", "id"],
        unique=False,
    )
    op.create_index(
        "ix_financing_agreements_drafts",
        "financing_agreements",
        ["id"],
        unique=False,
        postgresql_where="status = 'draft'",
    )
    op.create_index(
        "ix_financing_agreements_due",
        "financing_agreements",
        ["organization_id", "next_action_at"],
        unique=False,
        postgresql_where="next_action_at is not null",
    )
    op.create_index(
        "ix_financing_agreements_offer", "financing_agreements", ["organization_id", "offer_id", "id"], unique=False
    )
    op.create_index(
        "ix_financing_agreements_past_due",
        "financing_agreements",
        ["organization_id", "past_due_since"],
        unique=False,
        postgresql_where="past_due_since is not null",
    )
    op.create_index(
        "ix_financing_agreements_reminder",
        "financing_agreements",
        ["organization_id", "next_reminder_at"],
        unique=False,
        postgresql_where="next_reminder_at is not null",
    )
    op.create_index(
        "ix_financing_agreements_status", "financing_agreements", ["organization_id", "status", "id"], unique=False
    )
    op.create_index(
        "uq_financing_agreements_order",
        "financing_agreements",
        ["organization_id", "order_id"],
        unique=True,
        postgresql_where="status <> 'canceled'",
    )


def add_documents() -> None:
    op.create_table(
        "agreement_documents",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("html", sa.String(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "agreement_id"],
            ["financing_agreements.organization_id", "financing_agreements.id"],
            name=op.f("fk_agreement_documents_organization_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_agreement_documents_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agreement_documents")),
        sa.UniqueConstraint(
            "organization_id", "agreement_id", name=op.f("uq_agreement_documents_organization_id_agreement_id")
        ),
    )


def add_installments() -> None:
    op.create_table(
        "installments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), server_default="scheduled", nullable=False),
        sa.Column("status", sa.String(), server_default="scheduled", nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("interest", sa.BigInteger(), nullable=False),
        sa.Column("late_fee", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("principal_paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late_fee_paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("principal_credited", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest_waived", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late_fee_waived", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("keeps_card", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_fee_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('scheduled', 'reopened')", name=op.f("ck_installments_kind_known")),
        sa.CheckConstraint(
            "status in ('scheduled', 'due', 'processing', 'partially_paid', 'late', 'paid', 'waived', 'refunded')",
            name=op.f("ck_installments_status_known"),
        ),
        sa.CheckConstraint(
            "interest_paid >= 0 and interest_waived >= 0 and interest_paid + interest_waived <= interest",
            name=op.f("ck_installments_interest_within"),
        ),
        sa.CheckConstraint(
            "late_fee_paid >= 0 and late_fee_waived >= 0 and late_fee_paid + late_fee_waived <= late_fee",
            name=op.f("ck_installments_late_fee_within"),
        ),
        sa.CheckConstraint(
            "principal_paid >= 0 and principal_credited >= 0 and principal_paid + principal_credited <= principal",
            name=op.f("ck_installments_principal_within"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agreement_id"],
            ["financing_agreements.organization_id", "financing_agreements.id"],
            name=op.f("fk_installments_organization_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_installments_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_installments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_installments")),
        sa.UniqueConstraint(
            "organization_id",
            "agreement_id",
            "number",
            name=op.f("uq_installments_organization_id_agreement_id_number"),
        ),
    )
    op.create_index(
        "ix_installments_coming",
        "installments",
        ["organization_id", "due_on"],
        unique=False,
        postgresql_where="paid_at is null",
    )
    op.create_index(
        "ix_installments_due",
        "installments",
        ["organization_id", "next_attempt_at"],
        unique=False,
        postgresql_where="next_attempt_at is not null",
    )
    op.create_index(
        "ix_installments_paid_late",
        "installments",
        ["organization_id", "paid_at"],
        unique=False,
        postgresql_where="timezone('UTC', paid_at)::date > due_on",
    )
    op.create_index("ix_installments_payment", "installments", ["organization_id", "payment_id"], unique=False)


def add_entries() -> None:
    op.create_table(
        "agreement_entries",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("principal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("interest", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late_fee", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('scheduled', 'payment', 'payment_reversed', 'late_fee', 'late_fee_waived', 'interest_rebated', 'interest_waived', 'principal_credited', 'credit_reversed', 'rescheduled', 'reopened', 'written_off')",
            name=op.f("ck_agreement_entries_kind_known"),
        ),
        sa.CheckConstraint("principal <> 0 or interest <> 0 or late_fee <> 0", name=op.f("ck_agreement_entries_moves")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agreement_id"],
            ["financing_agreements.organization_id", "financing_agreements.id"],
            name=op.f("fk_agreement_entries_organization_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "installment_id"],
            ["installments.organization_id", "installments.id"],
            name=op.f("fk_agreement_entries_organization_id_installment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_agreement_entries_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_agreement_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agreement_entries")),
        sa.UniqueConstraint(
            "organization_id",
            "source",
            "kind",
            "installment_id",
            name=op.f("uq_agreement_entries_organization_id_source_kind_installment_id"),
        ),
    )
    op.create_index(
        "ix_agreement_entries_agreement", "agreement_entries", ["organization_id", "agreement_id", "id"], unique=False
    )
    op.create_index(
        "ix_agreement_entries_payment", "agreement_entries", ["organization_id", "payment_id"], unique=False
    )


def add_amendments() -> None:
    op.create_table(
        "agreement_amendments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("preview_hash", sa.String(), server_default="", nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind in ('payment_early', 'payoff', 'extra_payment', 'recorded_payment', 'date_moved', 'card_changed', 'paused', 'late_fee_waived', 'rescheduled', 'written_off', 'refunded', 'dispute_lost', 'accelerated', 'canceled')",
            name=op.f("ck_agreement_amendments_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agreement_id"],
            ["financing_agreements.organization_id", "financing_agreements.id"],
            name=op.f("fk_agreement_amendments_organization_id_agreement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_agreement_amendments_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "refund_id"],
            ["refunds.organization_id", "refunds.id"],
            name=op.f("fk_agreement_amendments_organization_id_refund_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_agreement_amendments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agreement_amendments")),
        sa.UniqueConstraint(
            "organization_id",
            "agreement_id",
            "number",
            name=op.f("uq_agreement_amendments_organization_id_agreement_id_number"),
        ),
        sa.UniqueConstraint(
            "organization_id", "idempotency_key", name=op.f("uq_agreement_amendments_organization_id_idempotency_key")
        ),
    )


def link_orders() -> None:
    for table in ("orders", "checkout_sessions"):
        op.add_column(table, sa.Column("financing_offer_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_organization_id_financing_offer_id"),
            table,
            "financing_offers",
            ["organization_id", "financing_offer_id"],
            ["organization_id", "id"],
        )


def downgrade() -> None:
    op.execute("drop function organization_of_agreement(text)")
    for table in ("orders", "checkout_sessions"):
        op.drop_constraint(op.f(f"fk_{table}_organization_id_financing_offer_id"), table, type_="foreignkey")
        op.drop_column(table, "financing_offer_id")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("drop function refuse_new_terms()")
