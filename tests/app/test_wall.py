"""The tenant wall, tried from both sides: as the serving role in psycopg, and through the ORM without its filters."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import select

from ballast.db import Base, current_organization, db, organization, set_organization
from ballast.ids import to_uuid
from tests.app.populated import Known
from tests.world import World

APPEND_ONLY = (
    "audit_entries",
    "ledger_transfers",
    "credit_entries",
    "agreement_documents",
    "agreement_entries",
    "agreement_amendments",
)
# Of no organization: the platform's own entries, and seals, which the web cannot even read.
SHARED_APPEND_ONLY = ("platform_entries", "audit_seals")


def address(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def owned_tables(connection: psycopg.Connection) -> list[str]:
    """Every table that says whose its rows are, asked of Postgres and not of the models; `organizations` itself too."""
    rows = connection.execute(
        "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'organization_id'"
    )
    return sorted(row[0] for row in rows) + ["organizations"]


def column_of(table: str) -> str:
    return "id" if table == "organizations" else "organization_id"


def query(text: str, table: str) -> sql.Composed:
    return sql.SQL(text).format(table=sql.Identifier(table), column=sql.Identifier(column_of(table)))  # type: ignore[arg-type]


@pytest.fixture
def acme(world: World, known: Known) -> UUID:
    """The organization to hide, with rows in every table."""
    found = to_uuid(world.acme.id, "org")
    assert found is not None
    return found


@pytest.fixture
def owner(world: World, acme: UUID) -> Iterator[psycopg.Connection]:
    """Signed in as the owner of the tables."""
    with psycopg.connect(address(world.settings.owner_url), autocommit=True) as connection:
        yield connection


@pytest.fixture
def serving(world: World, acme: UUID) -> Iterator[psycopg.Connection]:
    """Signed in as the serving role, as the web does; no organization is set."""
    with psycopg.connect(address(world.settings.database_url), autocommit=True) as connection:
        yield connection


def become(connection: psycopg.Connection, organization_id: UUID | None) -> None:
    connection.execute("select set_config('app.organization', %s, false)", [str(organization_id or "")])


def test_the_serving_role_sees_its_own_organization_and_nothing_of_another(
    world: World, acme: UUID, owner: psycopg.Connection, serving: psycopg.Connection
) -> None:
    become(serving, to_uuid(world.stranger.id, "org"))
    for table in owned_tables(owner):
        theirs = query("select count(*) from {table} where {column} = %s", table)
        hidden = owner.execute(theirs, [acme]).fetchone()
        assert hidden is not None
        assert hidden[0] > 0, f"nothing of Acme's in {table}: this test proves nothing about it"
        assert serving.execute(theirs, [acme]).fetchone() == (0,), table
        everyone = serving.execute(query("select distinct {column} from {table}", table)).fetchall()
        assert {row[0] for row in everyone} <= {to_uuid(world.stranger.id, "org")}, table
    become(serving, acme)
    for table in owned_tables(owner):
        seen = serving.execute(query("select count(*) from {table} where {column} = %s", table), [acme]).fetchone()
        assert seen != (0,), f"the wall hides Acme's {table} from Acme"


@pytest.mark.parametrize("setting", ["never set", "empty"])
def test_without_an_organization_the_serving_role_sees_nothing_at_all(
    owner: psycopg.Connection, serving: psycopg.Connection, setting: str
) -> None:
    if setting == "empty":
        become(serving, None)
    for table in owned_tables(owner):
        assert serving.execute(query("select count(*) from {table}", table)).fetchone() == (0,), table


def test_the_serving_role_cannot_write_into_another_organization(
    world: World, acme: UUID, owner: psycopg.Connection, serving: psycopg.Connection
) -> None:
    become(serving, to_uuid(world.stranger.id, "org"))
    for table in owned_tables(owner):
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            serving.execute(query("insert into {table} ({column}) values (%s)", table), [acme])


def test_the_serving_role_cannot_change_delete_or_take_rows_of_another_organization(
    world: World, acme: UUID, owner: psycopg.Connection, serving: psycopg.Connection
) -> None:
    stranger = to_uuid(world.stranger.id, "org")
    become(serving, stranger)
    for table in owned_tables(owner):
        if table in APPEND_ONLY:
            continue
        taken = serving.execute(query("update {table} set {column} = %s where {column} = %s", table), [stranger, acme])
        assert taken.rowcount == 0, table
        gone = serving.execute(query("delete from {table} where {column} = %s", table), [acme])
        assert gone.rowcount == 0, table
        mine = serving.execute(query("select count(*) from {table}", table)).fetchone()
        if mine != (0,):
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                serving.execute(query("update {table} set {column} = %s", table), [acme])


def test_every_table_with_an_organization_has_row_level_security_and_its_two_policies(
    owner: psycopg.Connection,
) -> None:
    for table in owned_tables(owner):
        secured = owner.execute("select relrowsecurity from pg_class where oid = %s::regclass", [table]).fetchone()
        assert secured == (True,), table
        policies = owner.execute("select policyname, roles::text from pg_policies where tablename = %s", [table])
        assert dict(policies.fetchall()) == {"serve": "{ballast_app}", "work": "{ballast_worker}"}, table


def test_the_serving_roles_are_no_superusers_own_nothing_and_bypass_nothing(owner: psycopg.Connection) -> None:
    for role in ("ballast_app", "ballast_worker"):
        rights = owner.execute(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = %s", [role]
        ).fetchone()
        assert rights == (False, False, False, False), role
        owns = owner.execute("select count(*) from pg_tables where tableowner = %s", [role]).fetchone()
        assert owns == (0,), role


def test_the_worker_sees_every_organization(world: World, acme: UUID) -> None:
    with psycopg.connect(address(world.settings.worker_url)) as connection:
        seen = {row[0] for row in connection.execute("select id from organizations")}
    assert {acme, to_uuid(world.stranger.id, "org")} <= seen


def test_the_orm_without_its_filter_shows_the_present_organization_alone(world: World, acme: UUID) -> None:
    scoped = [mapper.class_ for mapper in Base.registry.mappers if "organization_id" in mapper.columns]
    assert len(scoped) > 20
    with organization(world.stranger.id):
        for model in scoped:
            assert {row.organization_id for row in db.session.scalars(select(model))} <= {world.stranger.id}, model
    db.session.rollback()
    assert current_organization() is None
    for model in scoped:
        assert db.session.scalars(select(model)).first() is None, model


def test_changing_the_organization_within_a_transaction_changes_what_is_seen(world: World, acme: UUID) -> None:
    payments = Base.metadata.tables["payments"]
    with organization(world.acme.id):
        assert db.session.execute(select(payments)).all() != []
        with organization(world.stranger.id):
            assert db.session.execute(select(payments)).all() == []
        assert db.session.execute(select(payments)).all() != []


def test_a_pooled_connection_forgets_whom_it_served(world: World, acme: UUID) -> None:
    payments = Base.metadata.tables["payments"]
    with organization(world.acme.id):
        assert db.session.execute(select(payments)).first() is not None
        db.session.rollback()
    for _ in range(10):
        db.session.remove()
        assert db.session.execute(select(payments)).first() is None
        db.session.rollback()
    set_organization(None)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["update {table} set {column} = {column}", "delete from {table}", "truncate {table}"]
)
def test_the_ledger_and_the_audit_log_refuse_to_change_for_anyone(
    world: World, acme: UUID, table: str, statement: str
) -> None:
    for url in (world.settings.owner_url, world.settings.worker_url, world.settings.database_url):
        with psycopg.connect(address(url)) as connection:
            become(connection, acme)
            before = connection.execute(query("select count(*) from {table}", table)).fetchone()
            assert before is not None
            assert before[0] > 0
            connection.commit()
            with pytest.raises(InsufficientPrivilege):
                connection.execute(query(statement, table))
            connection.rollback()
            become(connection, acme)
            assert connection.execute(query("select count(*) from {table}", table)).fetchone() == before


@pytest.mark.parametrize("table", SHARED_APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["update {table} set {column} = {column}", "delete from {table}", "truncate {table}"]
)
def test_the_platforms_entries_and_seals_refuse_to_change_for_anyone(world: World, table: str, statement: str) -> None:
    column = "number" if table == "audit_seals" else "action"
    tried = sql.SQL(statement).format(table=sql.Identifier(table), column=sql.Identifier(column))  # type: ignore[arg-type]
    for url in (world.settings.owner_url, world.settings.worker_url, world.settings.database_url):
        with psycopg.connect(address(url)) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(tried)


def test_only_staff_find_organizations_that_are_not_theirs(
    world: World, acme: UUID, serving: psycopg.Connection
) -> None:
    asked = (
        "select count(*) from organizations_found((select id from users where email = %s), '', '', '', null, null, 10)"
    )
    for name, found in (("staff", 2), ("owner", 0), ("stranger", 0), ("shopper", 0)):
        assert serving.execute(asked, [f"{name}@example.com"]).fetchone() == (found,), name
    serving.execute("update users set banned_at = now() where email = 'staff@example.com'")
    assert serving.execute(asked, ["staff@example.com"]).fetchone() == (0,)


def test_an_upsert_or_merge_is_no_way_around_append_only(world: World, acme: UUID, owner: psycopg.Connection) -> None:
    for statement in (
        "insert into audit_entries select * from audit_entries on conflict (organization_id, id) do update set action = 'x'",
        "merge into audit_entries a using audit_entries b on a.id = b.id when matched then update set action = 'x'",
        "with gone as (delete from audit_entries returning id) select * from gone",
    ):
        with pytest.raises(InsufficientPrivilege, match="append-only"):
            owner.execute(statement)  # type: ignore[call-overload]


# What says nothing of anybody: the name of a job, and how much it had to do.
RUNS = {
    "job_runs_found": (
        "TABLE(id uuid, name character varying, started_at timestamp with time zone, "
        "finished_at timestamp with time zone, claimed bigint, failed bigint)",
    ),
    # For platform staff alone, whom the function looks up itself: how much waits where, and nothing of who pays.
    "unknown_attempts": (
        "TABLE(organization_id uuid, name character varying, id uuid, processor character varying, amount bigint, "
        "currency character varying, probes bigint, since timestamp with time zone, next_probe_at timestamp with time zone)",
    ),
}


def test_the_questions_asked_before_the_organization_is_known_answer_no_more_than_an_id(
    owner: psycopg.Connection,
) -> None:
    """Each function that runs as the owner can be called by the serving roles alone and answers ids of organizations."""
    rows = owner.execute(
        "select proname, pg_get_function_result(oid), proacl::text from pg_proc "
        "where prosecdef and pronamespace = 'public'::regnamespace order by proname"
    ).fetchall()
    assert [row[0] for row in rows] == [
        "job_runs_found",
        "organization_by_slug",
        "organization_of_account",
        "organization_of_agreement",
        "organization_of_api_key",
        "organization_of_image",
        "organization_of_invitation",
        "organization_of_invoice",
        "organization_of_order",
        "organization_of_payment_link",
        "organizations_for_staff",
        "organizations_found",
        "organizations_of_user",
        "organizations_with_user",
        "unknown_attempts",
    ]
    for name, result, rights in rows:
        assert result in ("uuid", "SETOF uuid", *RUNS.get(name, ())), name
        grantees = {entry.split("=")[0] for entry in rights.strip("{}").split(",")}
        assert grantees == {"ballast_owner", "ballast_app", "ballast_worker"}, name
