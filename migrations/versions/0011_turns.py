"""Due subscriptions and invoices are found organization by organization, so that one with very many keeps no other waiting.

Changes indexes only, so the release before keeps working while this runs.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEXES = (
    ("subscriptions", "next_action_at", "ix_subscriptions_turn", "ix_subscriptions_due"),
    ("subscriptions", "next_reminder_at", "ix_subscriptions_reminder_turn", "ix_subscriptions_reminder"),
    ("invoices", "next_attempt_at", "ix_invoices_turn", "ix_invoices_due"),
)


def upgrade() -> None:
    for table, column, new, old in INDEXES:
        op.create_index(new, table, ["organization_id", column], postgresql_where=f"{column} is not null")
        op.drop_index(old, table_name=table)


def downgrade() -> None:
    for table, column, new, old in INDEXES:
        op.create_index(old, table, [column], postgresql_where=f"{column} is not null")
        op.drop_index(new, table_name=table)
