"""A plan may be settled for less: an amount taken for all that is owed, the rest written off.

Adds a column with a default and widens two checks, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATUSES = "'draft', 'active', 'late', 'delinquent', 'defaulted', 'charged_off', 'paid_off', {}'refunded', 'canceled'"
KINDS = (
    "'payment_early', 'payoff', 'extra_payment', 'recorded_payment', 'date_moved', 'card_changed', 'paused', "
    "'late_fee_waived', 'rescheduled', 'written_off', {}'refunded', 'dispute_lost', 'accelerated', 'canceled'"
)


def upgrade() -> None:
    op.add_column("installments", sa.Column("written_off", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_installments_written_off_within"),
        "installments",
        "written_off >= 0 and written_off <= principal_credited",
    )
    _know("'settled', ")


def downgrade() -> None:
    _know("")
    op.drop_constraint(op.f("ck_installments_written_off_within"), "installments", type_="check")
    op.drop_column("installments", "written_off")


def _know(settled: str) -> None:
    for table, column, values in (
        ("financing_agreements", "status", STATUSES),
        ("agreement_amendments", "kind", KINDS),
    ):
        name = op.f(f"ck_{table}_{column}_known")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"{column} in ({values.format(settled)})")
