"""Money that comes for an attempt given up is given back or credited; what the firewall prevented is noted.

Adds tables, columns with defaults and indexes only, so the release before keeps working while this runs. Refunds of late successes,
which only this release makes, are no part of the daily figures: what they give back was never captured for a payment.
"""

import sqlalchemy as sa
from alembic import op

from migrations import wall

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROUTES = "'same_key', 'open_attempt', 'paid_already', 'claim_taken', 'duplicate_event', 'lost_answer', 'late_send', 'late_success'"
DONE = "'succeeded'"


def upgrade() -> None:
    add_late_successes()
    add_prevented()
    op.add_column("billing_settings", sa.Column("late_success", sa.String(), server_default="refund", nullable=False))
    op.create_check_constraint(
        op.f("ck_billing_settings_late_success_known"), "billing_settings", "late_success in ('refund', 'credit')"
    )
    add_to_refunds()
    for table in ("late_successes", "prevented"):
        wall.protect(table)
    show_unknown_to_staff()


def add_late_successes() -> None:
    op.create_table(
        "late_successes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("was", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("arrived_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("noticed_at", TIME, nullable=False),
        sa.Column("probes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("released_at", TIME, nullable=True),
        sa.CheckConstraint(
            "answer in ('refund', 'credit', 'release', 'dispute')", name=op.f("ck_late_successes_answer_known")
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_late_successes_currency_code")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_late_successes_amount_positive")),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{table}.organization_id", f"{table}.id"],
                name=op.f(f"fk_late_successes_organization_id_{column}"),
            )
            for column, table in (("attempt_id", "attempts"), ("payment_id", "payments"))
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_late_successes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_late_successes")),
        sa.UniqueConstraint("organization_id", "attempt_id", name=op.f("uq_late_successes_organization_id_attempt_id")),
    )
    op.create_index(
        "ix_late_successes_due",
        "late_successes",
        ["next_attempt_at"],
        postgresql_where="next_attempt_at is not null",
    )
    op.create_index("ix_late_successes_payment", "late_successes", ["organization_id", "payment_id"])


def add_prevented() -> None:
    op.create_table(
        "prevented",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint(f"route in ({ROUTES})", name=op.f("ck_prevented_route_known")),
        sa.ForeignKeyConstraint(
            ["organization_id", "payment_id"],
            ["payments.organization_id", "payments.id"],
            name=op.f("fk_prevented_organization_id_payment_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_prevented_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "route", "source", name=op.f("pk_prevented")),
    )
    op.create_index("ix_prevented_at", "prevented", ["organization_id", "at"])


def add_to_refunds() -> None:
    op.add_column("refunds", sa.Column("late_success_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_refunds_organization_id_late_success_id"),
        "refunds",
        "late_successes",
        ["organization_id", "late_success_id"],
        ["organization_id", "id"],
    )
    op.create_index(
        "uq_refunds_late_once",
        "refunds",
        ["organization_id", "late_success_id"],
        unique=True,
        postgresql_where="late_success_id is not null and status not in ('failed', 'canceled')",
    )
    count_refunds("new.late_success_id is null and ")


def count_refunds(only: str) -> None:
    """`only`: what of them the daily figures count."""
    run = "execute function note_refund()"
    op.execute("drop trigger refunds_counted on refunds")
    op.execute("drop trigger refunds_recounted on refunds")
    op.execute(
        f"create trigger refunds_counted after insert on refunds for each row when ({only}new.status = {DONE}) {run}"
    )
    op.execute(
        "create trigger refunds_recounted after update of status on refunds for each row "
        f"when ({only}(old.status = {DONE}) <> (new.status = {DONE})) {run}"
    )


def show_unknown_to_staff() -> None:
    """All organizations' unknown outcomes, the oldest first."""
    wall.create_lookup(
        "unknown_attempts",
        "staff uuid, most integer",
        "select a.organization_id, o.name, a.id, a.processor, a.amount, a.currency, a.probes, "
        "coalesce(a.submitted_at, a.send_deadline_at), a.next_probe_at from attempts a "
        "join organizations o on o.id = a.organization_id "
        "join users u on u.id = staff and u.is_admin and u.banned_at is null "
        "where a.status in ('created', 'submitted', 'unknown', 'action_required') "
        "and (a.status = 'unknown' or (a.status = 'submitted' and a.next_probe_at < now())) "
        "order by coalesce(a.submitted_at, a.send_deadline_at) limit most",
        "table (organization_id uuid, name varchar, id uuid, processor varchar, amount bigint, currency varchar, "
        "probes bigint, since timestamptz, next_probe_at timestamptz)",
    )


def downgrade() -> None:
    op.execute("drop function unknown_attempts")
    count_refunds("")
    op.drop_index("uq_refunds_late_once", table_name="refunds")
    op.drop_column("refunds", "late_success_id")
    op.drop_column("billing_settings", "late_success")
    op.drop_table("prevented")
    op.drop_table("late_successes")
