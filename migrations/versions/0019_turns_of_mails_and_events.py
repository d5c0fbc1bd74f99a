"""Mails and processor events are taken organization by organization, so that one with very many keeps no other waiting.

Changes indexes only, so the release before keeps working while this runs: it reads the new ones a little slower than its own.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = (
    (
        "emails",
        "ix_emails_turn",
        "ix_emails_due",
        "status in ('pending', 'failed') and next_attempt_at is not null",
    ),
    ("inbox_events", "ix_inbox_events_turn", "ix_inbox_events_due", "status = 'received'"),
)


def upgrade() -> None:
    for table, new, old, _ in INDEXES:
        op.create_index(
            new, table, ["organization_id", "next_attempt_at"], postgresql_where="next_attempt_at is not null"
        )
        op.drop_index(old, table_name=table)


def downgrade() -> None:
    for table, new, old, where in INDEXES:
        op.create_index(old, table, ["next_attempt_at"], postgresql_where=where)
        op.drop_index(new, table_name=table)
