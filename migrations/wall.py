"""The tenant wall in Postgres: roles, row-level security, tables that refuse to change. For migrations only.

`ballast_app` serves and sees one organization, the one in `app.organization`; `ballast_worker` claims across all of them; the owner
of the tables migrates. See docs/decisions/0001-one-database-three-roles.md.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

ROLES = ("ballast_app", "ballast_worker")
OUR_ORGANIZATION = "nullif(current_setting('app.organization', true), '')::uuid"


def create_roles() -> None:
    """Make the serving roles where they are missing, and let the migrating user become them (one DATABASE_URL for everything)."""
    for role in ROLES:
        op.execute(
            f"""
            do $$ begin
              if not exists (select from pg_roles where rolname = '{role}') then
                create role {role} nologin;
              end if;
              if not pg_has_role(current_user, '{role}', 'set') and (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) then
                execute format('grant {role} to %I', current_user);
              end if;
            end $$"""
        )
        op.execute(f"grant usage on schema public to {role}")


def protect(table: str, key: str = "organization_id") -> None:
    """Row-level security: the serving role sees and writes rows of `app.organization` alone; the worker all of them."""
    op.execute(f"alter table {table} enable row level security")
    op.execute(
        f"create policy serve on {table} to ballast_app using ({key} = {OUR_ORGANIZATION}) with check ({key} = {OUR_ORGANIZATION})"
    )
    op.execute(f"create policy work on {table} to ballast_worker using (true) with check (true)")
    share(table)


def share(table: str) -> None:
    """Let the serving roles read and write a table."""
    op.execute(f"grant select, insert, update, delete on {table} to {', '.join(ROLES)}")


def make_append_only(table: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, to the owner of the table too."""
    op.execute(f"revoke update, delete, truncate on {table} from {', '.join(ROLES)}")
    op.execute(
        f"create trigger {table}_append_only before update or delete or truncate on {table} "
        "for each statement execute function refuse_change()"
    )


def create_refusal() -> None:
    """The function behind `make_append_only`."""
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
          raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
        end $$"""
    )


def create_lookup(name: str, argument: str, body: str, returns: str = "uuid") -> None:
    """A question that must be answered before the organization is known, and only this question: it runs as the owner."""
    op.execute(
        f"create function {name}({argument}) returns {returns} language sql stable security definer "
        f"set search_path = public, pg_temp as $$ {body} $$"
    )
    op.execute(f"revoke all on function {name} from public")
    op.execute(f"grant execute on function {name} to {', '.join(ROLES)}")


def tables_with_organization() -> list[str]:
    """Every table that has an organization_id and must stand behind the wall."""
    rows = op.get_bind().execute(
        text(
            "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'organization_id'"
        )
    )
    return sorted(row[0] for row in rows)
