"""The books: what is compared with the processors' lists, payouts to the bank, and balances that are kept by pair of accounts.

Adds tables, indexes and one function; writers of the ledger wait while the balances are added up for the first time. From here on a
transfer notes one change (`moved/<debit>/<credit>`) where it noted two. A worker of the release before refuses to add that up (a check of
daily_figures), so it waits for one of this release; what pages show of it meanwhile comes later, and nothing is lost.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_tables()
    for table in ("balance_snapshots", "payouts", "reconciliations", "drifts"):
        wall.protect(table)
    add_up_balances()
    op.execute("grant select on alembic_version to ballast_worker")  # for `flask doctor`


def add_tables() -> None:
    op.create_table(
        "balance_snapshots",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("debit", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_balance_snapshots_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "currency", "debit", "credit", name=op.f("pk_balance_snapshots")),
    )
    op.create_table(
        "payouts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_payouts_currency_code")),
        sa.CheckConstraint("status in ('in_transit', 'paid', 'failed')", name=op.f("ck_payouts_status_known")),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_payouts_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payouts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payouts")),
        sa.UniqueConstraint(
            "organization_id",
            "processor_account_id",
            "external_id",
            name=op.f("uq_payouts_organization_id_processor_account_id_external_id"),
        ),
    )
    op.create_table(
        "reconciliations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), server_default="waiting", nullable=False),
        sa.Column("charges", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fees", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unheard", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("drifts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status in ('waiting', 'done', 'failed')", name=op.f("ck_reconciliations_status_known")),
        sa.ForeignKeyConstraint(
            ["organization_id", "processor_account_id"],
            ["processor_accounts.organization_id", "processor_accounts.id"],
            name=op.f("fk_reconciliations_organization_id_processor_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_reconciliations_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_reconciliations")),
        sa.UniqueConstraint(
            "organization_id",
            "processor_account_id",
            "day",
            name=op.f("uq_reconciliations_organization_id_processor_account_id_day"),
        ),
    )
    op.create_index(
        "ix_reconciliations_due",
        "reconciliations",
        ["next_attempt_at"],
        unique=False,
        postgresql_where="next_attempt_at is not null",
    )
    op.create_table(
        "drifts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reconciliation_id", sa.Uuid(), nullable=False),
        sa.Column("drift_class", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("ours", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("theirs", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("status", sa.String(), server_default="open", nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "drift_class in ('missing_here', 'missing_there', 'amount_differs', 'state_differs', 'fee_unknown')",
            name=op.f("ck_drifts_drift_class_known"),
        ),
        sa.CheckConstraint("kind in ('charge', 'refund')", name=op.f("ck_drifts_kind_known")),
        sa.CheckConstraint("status in ('open', 'repaired', 'gone')", name=op.f("ck_drifts_status_known")),
        sa.ForeignKeyConstraint(
            ["organization_id", "attempt_id"],
            ["attempts.organization_id", "attempts.id"],
            name=op.f("fk_drifts_organization_id_attempt_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "reconciliation_id"],
            ["reconciliations.organization_id", "reconciliations.id"],
            name=op.f("fk_drifts_organization_id_reconciliation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "refund_id"],
            ["refunds.organization_id", "refunds.id"],
            name=op.f("fk_drifts_organization_id_refund_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_drifts_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_drifts")),
        sa.UniqueConstraint(
            "organization_id",
            "reconciliation_id",
            "drift_class",
            "subject",
            name=op.f("uq_drifts_organization_id_reconciliation_id_drift_class_subject"),
        ),
    )
    op.create_index(
        "ix_drifts_open", "drifts", ["organization_id", "id"], unique=False, postgresql_where="status = 'open'"
    )

    op.create_index("ix_attempts_sent", "attempts", ["processor_account_id", "send_deadline_at"], unique=False)
    op.create_index("ix_refunds_external", "refunds", ["organization_id", "external_id"], unique=False)
    op.create_index("ix_refunds_sent", "refunds", ["organization_id", "sent_at"], unique=False)


def add_up_balances() -> None:
    """No transfer may come between the sum and the new function, or it would be counted by neither."""
    op.execute("lock table ledger_transfers in share row exclusive mode")
    op.execute(
        """
        insert into balance_snapshots (organization_id, currency, debit, credit, count, amount)
        select t.organization_id, t.currency, d.code, c.code, count(*), sum(t.amount) from ledger_transfers t
        join ledger_accounts d on d.organization_id = t.organization_id and d.id = t.debit_account_id
        join ledger_accounts c on c.organization_id = t.organization_id and c.id = t.credit_account_id
        group by 1, 2, 3, 4"""
    )
    op.execute(
        """
        create or replace function note_transfer() returns trigger language plpgsql as $$ begin
          insert into figure_changes (organization_id, figure, currency, at, count, amount)
          select new.organization_id, 'moved/' || d.code || '/' || c.code, new.currency, new.posted_at, 1, new.amount
          from ledger_accounts d join ledger_accounts c on c.organization_id = d.organization_id
          where d.organization_id = new.organization_id and d.id = new.debit_account_id and c.id = new.credit_account_id;
          return null; end $$"""
    )


def downgrade() -> None:
    raise NotImplementedError(
        "Restore the backup made before the upgrade: fees and payouts in the ledger have no place in 0011."
    )
