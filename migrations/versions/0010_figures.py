"""Figures by day, made behind the facts; indexes for searching a whole organization; runs of jobs, for staff.

Adds tables, triggers, indexes and functions only, so the release before keeps working while this runs, and what it writes is counted.
"""

import sqlalchemy as sa
from alembic import op

from migrations import wall

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    add_figures()
    add_triggers()
    count_what_was()
    add_indexes()
    op.add_column("emails", sa.Column("resent", sa.BigInteger(), server_default="0", nullable=False))
    for table in ("daily_figures", "figure_changes"):
        wall.protect(table)
    show_runs_to_staff()


def add_figures() -> None:
    op.create_table(
        "daily_figures",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("figure", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "figure in ('captured', 'refunded', 'approved', 'declined', 'delivered', 'dead', 'recurring', 'churned') "
            "or figure like 'debit/%' or figure like 'credit/%'",
            name=op.f("ck_daily_figures_figure_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_daily_figures_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "figure", "currency", "day", name=op.f("pk_daily_figures")),
    )
    op.create_table(
        "figure_changes",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("figure", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_figure_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_figure_changes")),
    )


INTO = "insert into figure_changes (organization_id, figure, currency, at, count, amount)"


def add_triggers() -> None:
    """Each function notes the step from the row as it was to the row as it is; `old` is null where it was not."""
    create_function(
        "note_capture",
        f"""{INTO} values (new.organization_id, 'captured', new.currency, coalesce(new.succeeded_at, now()),
          case when coalesce(old.amount_captured, 0) = 0 then 1 else 0 end, new.amount_captured - coalesce(old.amount_captured, 0));""",
    )
    create_function(
        "note_refund",
        f"""{INTO} values (new.organization_id, 'refunded', new.currency, coalesce(new.finished_at, new.created_at),
          case when new.status = 'succeeded' then 1 else -1 end, case when new.status = 'succeeded' then new.amount else -new.amount end);""",
    )
    create_function(
        "note_attempt",
        f"{INTO} values (new.organization_id, new.status, new.currency, new.created_at, 1, 0);",
    )
    create_function(
        "note_delivery",
        f"""if old.status = 'delivered' or (old.status = 'dead_letter' and old.reason is distinct from 'endpoint_deleted') then
            {INTO} values (old.organization_id, case old.status when 'delivered' then 'delivered' else 'dead' end, '', old.created_at, -1, 0);
          end if;
          if new.status = 'delivered' or (new.status = 'dead_letter' and new.reason is distinct from 'endpoint_deleted') then
            {INTO} values (new.organization_id, case new.status when 'delivered' then 'delivered' else 'dead' end, '', new.created_at, 1, 0);
          end if;""",
    )
    create_function(
        "note_transfer",
        f"""{INTO} select new.organization_id, case a.id when new.debit_account_id then 'debit/' else 'credit/' end || a.code,
          new.currency, new.posted_at, 1, new.amount from ledger_accounts a
          where a.organization_id = new.organization_id and a.id in (new.debit_account_id, new.credit_account_id);""",
    )
    op.execute(
        "create trigger ledger_transfers_counted after insert on ledger_transfers for each row execute function note_transfer()"
    )
    op.execute(MONTHLY)
    create_function("note_recurring", RECURRING, "declare was bigint; present bigint; moment timestamptz;")
    trigger("payments", "note_capture", "amount_captured", "new.amount_captured <> 0", changed("amount_captured"))
    done = "'succeeded'"
    trigger(
        "refunds", "note_refund", "status", f"new.status = {done}", f"(old.status = {done}) <> (new.status = {done})"
    )
    final = "new.status in ('approved', 'declined')"
    trigger("attempts", "note_attempt", "status", final, f"{final} and {changed('status')}")
    sent = "in ('delivered', 'dead_letter')"
    trigger(
        "webhook_deliveries",
        "note_delivery",
        "status",
        f"new.status {sent}",
        f"{changed('status')} and (old.status {sent} or new.status {sent})",
    )
    any_change = " or ".join(changed(column) for column in ("status", "price_id", "quantity"))
    trigger("subscriptions", "note_recurring", "status, price_id, quantity", "new.status = 'active'", any_change)


# Minor units a month: a year has 12 months, 52 weeks, 365 days.
MONTHLY = """
create function monthly_amount(organization uuid, price uuid, pieces bigint) returns bigint language sql stable as $$
  select round(amount * pieces::numeric * case "interval" when 'month' then 12 when 'year' then 1 when 'week' then 52 when 'day' then 365
    else 0 end / (12 * interval_count))::bigint from prices where organization_id = organization and id = price $$"""

RECURRING = f"""
  moment := coalesce((select clock_at from organizations where id = new.organization_id), now());
  was := case when old.status in ('active', 'past_due') then monthly_amount(old.organization_id, old.price_id, old.quantity) end;
  present := case when new.status in ('active', 'past_due') then monthly_amount(new.organization_id, new.price_id, new.quantity) end;
  if was is distinct from present then
    {INTO} values (new.organization_id, 'recurring', new.currency, moment,
      (present is not null)::int - (was is not null)::int, coalesce(present, 0) - coalesce(was, 0));
  end if;
  if was is not null and new.status in ('canceled', 'unpaid', 'defaulted') then
    {INTO} values (new.organization_id, 'churned', new.currency, moment, 1, was);
  end if;"""


def changed(column: str) -> str:
    return f"old.{column} is distinct from new.{column}"


def create_function(name: str, body: str, declarations: str = "") -> None:
    op.execute(
        f"create function {name}() returns trigger language plpgsql as $$ {declarations} begin {body} return null; end $$"
    )


def trigger(table: str, function: str, columns: str, when_new: str, when_changed: str) -> None:
    run = f"for each row when ({{}}) execute function {function}()"
    op.execute(f"create trigger {table}_counted after insert on {table} {run.format(when_new)}")
    op.execute(f"create trigger {table}_recounted after update of {columns} on {table} {run.format(when_changed)}")


def count_what_was() -> None:
    """A subscription counts from when it began: what it was before is not known."""
    for facts in (
        "select organization_id, 'captured' figure, currency, coalesce(succeeded_at, created_at) at, 1 count, amount_captured amount "
        "from payments where amount_captured > 0",
        "select organization_id, 'refunded', currency, coalesce(finished_at, created_at), 1, amount from refunds where status = 'succeeded'",
        "select organization_id, status, currency, created_at, 1, 0 from attempts where status in ('approved', 'declined')",
        "select organization_id, case status when 'delivered' then 'delivered' else 'dead' end, '', created_at, 1, 0 "
        "from webhook_deliveries where status = 'delivered' or (status = 'dead_letter' and reason is distinct from 'endpoint_deleted')",
        *(
            f"select t.organization_id, '{side}/' || a.code, t.currency, t.posted_at, 1, t.amount from ledger_transfers t "
            f"join ledger_accounts a on a.organization_id = t.organization_id and a.id = t.{side}_account_id"
            for side in ("debit", "credit")
        ),
        "select organization_id, 'recurring', currency, created_at, 1, monthly_amount(organization_id, price_id, quantity) "
        "from subscriptions where status in ('active', 'past_due')",
    ):
        op.execute(
            "insert into daily_figures (organization_id, figure, currency, day, count, amount) "
            "select f.organization_id, f.figure, f.currency, (f.at at time zone o.timezone)::date, sum(f.count), sum(f.amount) "
            f"from ({facts}) f (organization_id, figure, currency, at, count, amount) "
            "join organizations o on o.id = f.organization_id group by 1, 2, 3, 4"
        )


def add_indexes() -> None:
    """What the search looks for, each after the organization; and what the lists filter by."""
    start = {"postgresql_ops": {"email": "text_pattern_ops"}}
    op.create_index("ix_payments_last4", "payments", ["organization_id", "card_last4", "id"])
    op.create_index("ix_payment_methods_last4", "payment_methods", ["organization_id", "last4", "id"])
    op.create_index(
        "ix_payment_methods_expiry",
        "payment_methods",
        ["organization_id", "exp_year", "exp_month"],
        postgresql_where="status = 'active'",
    )
    op.create_index("ix_customers_email_start", "customers", ["organization_id", "email"], **start)
    for column, made in (("whole_name", "lower(name)"), ("last_name", "lower(split_part(name, ' ', -1))")):
        op.add_column("customers", sa.Column(column, sa.String(), sa.Computed(made, persisted=True), nullable=False))
        index = f"ix_customers_{column.partition('_')[0]}"
        op.create_index(index, "customers", ["organization_id", column], postgresql_ops={column: "text_pattern_ops"})
    op.create_index("ix_orders_email", "orders", ["organization_id", "email"], **start)
    tail = sa.Computed('"right"(id::text, 10)', persisted=True)
    op.add_column("orders", sa.Column("id_tail", sa.String(), tail, nullable=False))
    op.create_index("ix_orders_tail", "orders", ["organization_id", "id_tail"])
    op.create_index("ix_orders_status", "orders", ["organization_id", "status", "id"])
    op.create_index("ix_orders_customer", "orders", ["organization_id", "customer_id", "id"])
    op.create_index("ix_carts_status", "carts", ["organization_id", "status", "id"])
    op.create_index("ix_invoices_total", "invoices", ["organization_id", "total", "id"])
    op.create_index(
        "ix_invoices_email",
        "invoices",
        ["organization_id", "customer_email"],
        postgresql_ops={"customer_email": "text_pattern_ops"},
    )
    op.create_index("ix_refunds_status", "refunds", ["organization_id", "status", "id"])
    op.create_index("ix_emails_status", "emails", ["organization_id", "status", "id"])
    op.create_index("ix_emails_recipient", "emails", ["organization_id", "recipient", "id"])
    op.create_index(
        "ix_inbox_events_failed", "inbox_events", ["organization_id", "id"], postgresql_where="status = 'failed'"
    )
    op.create_index("ix_job_runs_failed", "job_runs", ["id"], postgresql_where="failed > 0")


def show_runs_to_staff() -> None:
    """Runs are of no organization, so the wall shows them to nobody; to staff this does."""
    wall.create_lookup(
        "job_runs_found",
        "staff uuid, wanted text, failing boolean, newer_than uuid, older_than uuid, most integer",
        "select r.id, r.name, r.started_at, r.finished_at, r.claimed, r.failed from job_runs r join users u on u.id = staff and u.is_admin and u.banned_at is null "
        "where (wanted = '' or r.name = wanted) and (not failing or r.failed > 0) "
        "and (newer_than is null or r.id > newer_than) and (older_than is null or r.id < older_than) "
        "order by case when newer_than is null then r.id end desc, r.id asc limit most",
        "table (id uuid, name varchar, started_at timestamptz, finished_at timestamptz, claimed bigint, failed bigint)",
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was counted here has no place in 0008.")
