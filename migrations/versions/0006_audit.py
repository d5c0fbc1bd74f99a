"""Audit: seals, entries of the platform's own, and staff looking for organizations.

Adds tables, indexes and functions only, so the release before keeps working while this runs; what it writes is sealed too.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PLATFORM = "00000000-0000-0000-0000-000000000000"


def upgrade() -> None:
    op.create_index("ix_audit_entries_actor", "audit_entries", ["organization_id", "actor_id", "id"])
    op.create_index("ix_audit_entries_created", "audit_entries", ["organization_id", "created_at"])
    add_platform_entries()
    add_seals()
    wall.create_lookup(
        "organizations_found",
        "staff uuid, wanted text, wanted_plan text, wanted_mode text, newer_than uuid, older_than uuid, most integer",
        "select o.id from organizations o join users u on u.id = staff and u.is_admin and u.banned_at is null "
        "where (wanted = '' or strpos(lower(o.name), lower(wanted)) > 0 or strpos(o.slug, lower(wanted)) > 0) "
        "and (wanted_plan = '' or o.plan = wanted_plan) and (wanted_mode = '' or o.mode = wanted_mode) "
        "and (newer_than is null or o.id > newer_than) and (older_than is null or o.id < older_than) "
        "order by case when newer_than is null then o.id end desc, o.id asc limit most",
        "setof uuid",
    )


def add_platform_entries() -> None:
    op.create_table(
        "platform_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "actor_kind in ('user', 'key', 'staff', 'customer', 'system')",
            name=op.f("ck_platform_entries_actor_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_entries")),
    )
    op.create_index("ix_platform_entries_resource", "platform_entries", ["resource_id", "id"])
    wall.share("platform_entries")
    wall.make_append_only("platform_entries")


def add_seals() -> None:
    """The web writes what waits for a seal, through the trigger, and can read neither table."""
    op.create_table(
        "audit_unsealed",
        sa.Column("chain", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "entry_id", name=op.f("pk_audit_unsealed")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("chain", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("digests", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("emptied", sa.Boolean(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name=op.f("pk_audit_seals")),
    )
    op.execute("grant insert on audit_unsealed to ballast_app")
    op.execute("grant select, insert, delete on audit_unsealed to ballast_worker")
    op.execute("grant select, insert on audit_seals to ballast_worker")
    wall.make_append_only("audit_seals")
    op.execute(
        f"""
        create function await_seal() returns trigger language plpgsql as $$
        begin
          if tg_table_name = 'audit_entries' then
            insert into audit_unsealed (chain, entry_id) values (new.organization_id, new.id);
          else
            insert into audit_unsealed (chain, entry_id) values ('{PLATFORM}', new.id);
          end if;
          return null;
        end $$"""
    )
    for table in ("audit_entries", "platform_entries"):
        op.execute(
            f"create trigger {table}_await_seal after insert on {table} for each row execute function await_seal()"
        )
    op.execute("insert into audit_unsealed (chain, entry_id) select organization_id, id from audit_entries")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was stored here has no place in 0005.")
