"""Mails and processor events are taken organization by organization, so that one with very many keeps no other waiting.

Changes indexes only, made outside of a transaction, so the release before keeps working while this runs: it reads the new ones a
little slower than its own.
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
        _replace(table, old, new, ["organization_id", "next_attempt_at"], "next_attempt_at is not null")


def downgrade() -> None:
    for table, new, old, where in INDEXES:
        _replace(table, new, old, ["next_attempt_at"], where)


def _replace(table: str, old: str, new: str, columns: list[str], where: str) -> None:
    """While mails are written and events arrive. What an earlier try left unfinished is made again."""
    with op.get_context().autocommit_block():
        op.drop_index(new, table_name=table, if_exists=True, postgresql_concurrently=True)
        op.create_index(new, table, columns, postgresql_where=where, postgresql_concurrently=True)
        op.drop_index(old, table_name=table, if_exists=True, postgresql_concurrently=True)
