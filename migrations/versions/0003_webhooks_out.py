"""Webhooks out: every attempt on record, secrets that overlap, why and since when an endpoint fails, a lane for each endpoint.

Adds columns with defaults, indexes and a new table only, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op

from migrations import wall

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WAITING = "status in ('pending', 'failed')"


def upgrade() -> None:
    let_endpoints_change()
    give_each_endpoint_a_lane()
    record_attempts()
    op.create_index("ix_events_created", "events", ["organization_id", "created_at", "id"])
    wall.protect("webhook_attempts")


def let_endpoints_change() -> None:
    with op.batch_alter_table("webhook_endpoints") as table:
        table.add_column(sa.Column("old_secret", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("disabled_because", sa.String(), nullable=True))
        table.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        table.create_check_constraint(
            op.f("ck_webhook_endpoints_disabled_because_known"), "disabled_because in ('by_hand', 'gone', 'failing')"
        )
        table.create_check_constraint(
            op.f("ck_webhook_endpoints_deleted_is_disabled"), "deleted_at is null or not enabled"
        )


def give_each_endpoint_a_lane() -> None:
    op.add_column("webhook_deliveries", sa.Column("schedule_from", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_index("ix_webhook_deliveries_due", "webhook_deliveries")
    op.create_index(
        "ix_webhook_deliveries_lane",
        "webhook_deliveries",
        ["organization_id", "endpoint_id", "next_attempt_at", "event_id"],
        postgresql_where=WAITING,
    )
    op.create_index("ix_webhook_deliveries_endpoint", "webhook_deliveries", ["organization_id", "endpoint_id", "id"])
    op.create_index("ix_webhook_deliveries_status", "webhook_deliveries", ["organization_id", "status", "id"])


def record_attempts() -> None:
    op.create_table(
        "webhook_attempts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("response_status", sa.BigInteger(), nullable=True),
        sa.Column("response_body", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "delivery_id"],
            ["webhook_deliveries.organization_id", "webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_organization_id_delivery_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_webhook_attempts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery", "webhook_attempts", ["organization_id", "delivery_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: attempts have no place in 0002.")
