"""Three processors: routing, stored cards, captures and voids, refunds that wait for settlement, events, disputes.

Adds columns with defaults and new tables only, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op

from migrations import wall

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUND = "'pending', 'submitted', 'unknown', 'pending_settlement', 'processing', 'succeeded', 'failed', 'canceled'"
UNSETTLED = "status in ('pending', 'submitted', 'unknown', 'pending_settlement', 'processing')"


def upgrade() -> None:
    route_accounts()
    store_cards()
    let_refunds_wait()
    say_what_events_are_about()
    add_disputes()
    add_hold_actions()
    for table in ("processor_customers", "disputes", "hold_actions"):
        wall.protect(table)


def route_accounts() -> None:
    with op.batch_alter_table("processor_accounts") as table:
        table.add_column(sa.Column("name", sa.String(), server_default="", nullable=False))
        table.add_column(sa.Column("share", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(sa.Column("currencies", sa.ARRAY(sa.String()), server_default="{}", nullable=False))
        table.add_column(sa.Column("takes_currencies", sa.ARRAY(sa.String()), server_default="{}", nullable=False))
        table.add_column(sa.Column("amount_from", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("amount_to", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("problem", sa.String(), nullable=True))
        table.add_column(sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
        table.create_check_constraint(op.f("ck_processor_accounts_share_range"), "share between 0 and 100")
        table.create_check_constraint(
            op.f("ck_processor_accounts_amount_range"),
            "amount_from is null or amount_to is null or amount_from <= amount_to",
        )
    op.execute("update processor_accounts set share = 100 where is_default and archived_at is null")


def store_cards() -> None:
    with op.batch_alter_table("payments") as table:
        table.add_column(sa.Column("off_session", sa.Boolean(), server_default="false", nullable=False))
        table.add_column(sa.Column("save_card", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "processor_customers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _within("processor_customers", "customer_id", "customers"),
        _within("processor_customers", "processor_account_id", "processor_accounts"),
        _organization("processor_customers"),
        sa.PrimaryKeyConstraint(
            "organization_id", "customer_id", "processor_account_id", name=op.f("pk_processor_customers")
        ),
    )
    with op.batch_alter_table("payment_methods") as table:
        table.add_column(sa.Column("status", sa.String(), server_default="active", nullable=False))
        table.add_column(sa.Column("payment_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("customer_external_id", sa.String(), nullable=True))
        table.add_column(sa.Column("source", sa.String(), nullable=True))
        table.add_column(sa.Column("message", sa.String(), nullable=True))
        table.add_column(sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True))
        table.alter_column("external_id", nullable=True)
        table.create_check_constraint(
            op.f("ck_payment_methods_status_known"), "status in ('pending', 'active', 'failed', 'detached')"
        )
        table.create_check_constraint(
            op.f("ck_payment_methods_active_is_stored"), "status <> 'active' or external_id is not null"
        )
        table.create_foreign_key(
            op.f("fk_payment_methods_organization_id_payment_id"),
            "payments",
            ["organization_id", "payment_id"],
            ["organization_id", "id"],
        )
        table.create_unique_constraint(
            op.f("uq_payment_methods_organization_id_payment_id"), ["organization_id", "payment_id"]
        )
    op.create_index("ix_payment_methods_customer", "payment_methods", ["organization_id", "customer_id", "id"])
    op.create_index(
        "ix_payment_methods_due", "payment_methods", ["next_attempt_at"], postgresql_where="status = 'pending'"
    )


def let_refunds_wait() -> None:
    op.add_column("refunds", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("ck_refunds_status_known"), "refunds")
    op.create_check_constraint(op.f("ck_refunds_status_known"), "refunds", f"status in ({REFUND})")
    op.drop_index("ix_refunds_due", "refunds")
    op.create_index("ix_refunds_due", "refunds", ["next_attempt_at"], postgresql_where=UNSETTLED)


def say_what_events_are_about() -> None:
    with op.batch_alter_table("inbox_events") as table:
        table.add_column(sa.Column("about", sa.String(), server_default="other", nullable=False))
        table.add_column(sa.Column("reference", sa.String(), nullable=True))
        table.add_column(sa.Column("dispute_id", sa.String(), nullable=True))
        table.create_check_constraint(
            op.f("ck_inbox_events_about_known"),
            "about in ('charge', 'charge_paid', 'refund', 'dispute', 'other')",
        )
    op.create_index("ix_inbox_events_account", "inbox_events", ["organization_id", "processor_account_id", "id"])
    op.execute(
        """
        update inbox_events set about = case
          when type in ('payment_intent.succeeded', 'payment_intent.amount_capturable_updated', 'charge.succeeded', 'charge.captured')
            then 'charge_paid'
          when type like 'refund.%' or type like 'charge.refund%' then 'refund'
          when type like 'payment_intent.%' or type like 'charge.%' then 'charge'
          else 'other' end"""
    )


def add_disputes() -> None:
    op.create_table(
        "disputes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("processor_account_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('warning', 'needs_response', 'under_review', 'won', 'lost', 'accepted')",
            name=op.f("ck_disputes_status_known"),
        ),
        sa.CheckConstraint("action in ('submit_evidence', 'accept')", name=op.f("ck_disputes_action_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_disputes_amount_positive")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_disputes_currency_code")),
        _within("disputes", "payment_id", "payments"),
        _within("disputes", "attempt_id", "attempts"),
        _within("disputes", "processor_account_id", "processor_accounts"),
        _organization("disputes"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_disputes")),
        sa.UniqueConstraint(
            "organization_id",
            "processor_account_id",
            "external_id",
            name=op.f("uq_disputes_organization_id_processor_account_id_external_id"),
        ),
    )
    op.create_index("ix_disputes_payment", "disputes", ["organization_id", "payment_id", "id"])
    op.create_index("ix_disputes_status", "disputes", ["organization_id", "status", "id"])
    op.create_index("ix_disputes_due", "disputes", ["next_attempt_at"], postgresql_where="action is not null")


def add_hold_actions() -> None:
    op.create_table(
        "hold_actions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('capture', 'void')", name=op.f("ck_hold_actions_kind_known")),
        sa.CheckConstraint(
            "status in ('pending', 'submitted', 'unknown', 'succeeded', 'failed')",
            name=op.f("ck_hold_actions_status_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_hold_actions_amount_positive")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_hold_actions_currency_code")),
        _within("hold_actions", "payment_id", "payments"),
        _within("hold_actions", "attempt_id", "attempts"),
        _organization("hold_actions"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_hold_actions")),
    )
    is_open = "status in ('pending', 'submitted', 'unknown')"
    op.create_index(
        "uq_hold_actions_one_open",
        "hold_actions",
        ["organization_id", "payment_id"],
        unique=True,
        postgresql_where=is_open,
    )
    op.create_index("ix_hold_actions_payment", "hold_actions", ["organization_id", "payment_id", "id"])
    op.create_index("ix_hold_actions_due", "hold_actions", ["next_attempt_at"], postgresql_where=is_open)


def _within(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )


def _organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id"))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was stored here has no place in 0001.")
