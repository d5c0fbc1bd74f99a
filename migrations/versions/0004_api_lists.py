"""Indexes behind the filters of the payments list: created, amount, metadata.

Made outside of a transaction, so that payments are taken meanwhile.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_payments_created", "payments", ["organization_id", "created_at"], postgresql_concurrently=True
        )
        op.create_index(
            "ix_payments_amount", "payments", ["organization_id", "amount", "id"], postgresql_concurrently=True
        )
        op.create_index(
            "ix_payments_metadata",
            "payments",
            ["metadata"],
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    for name in ("ix_payments_metadata", "ix_payments_amount", "ix_payments_created"):
        op.drop_index(name, "payments")
