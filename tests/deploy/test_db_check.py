"""`flask db-check`: may this release start on this database, and does the release before survive what is still to be migrated?"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import NullPool, create_engine, text

from ballast.db import db
from ballast.doctor import schema
from ballast.local.postgres import Postgres
from scripts import expanding
from tests.world import Api, World

HEAD = """\
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{down}"
branch_labels = depends_on = None
{declared}

def upgrade() -> None:
    op.add_column("payments", sa.Column("drilled", sa.Text(), nullable=True))
    {more}


def downgrade() -> None:
    op.drop_column("payments", "drilled")
"""


@pytest.fixture
def next_release(world: World, tmp_path: Path) -> Iterator[Path]:
    """The migrations of a release that is to come: ours, and one more that adds a column. Taken back afterwards."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    write(folder)
    with world.app.app_context():
        downgrade(directory=str(folder), revision=newest())
        upgrade()


def newest() -> str:
    return max(path.name for path in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))[:4]


def write(folder: Path, declared: str = "", more: str = "pass") -> None:
    (folder / "versions" / "9001_drill.py").write_text(HEAD.format(down=newest(), declared=declared, more=more))


def found(world: World, folder: Path = schema.MIGRATIONS) -> list[tuple[str, str]]:
    with world.worker_app.app_context():
        said = [(finding.state, finding.said) for finding in schema.check(folder)]
        db.session.remove()
    return said


def test_a_database_behind_is_refused_and_each_pending_migration_is_described(world: World, next_release: Path) -> None:
    assert [state for state, _said in found(world)] == ["ok"]
    write(next_release)
    assert [state for state, _said in found(world, next_release)] == ["fail", "ok"]
    write(next_release, declared='breaks_before = "9001"')
    assert found(world, next_release)[1] == ("warn", "9001 contracts: code before 9001 cannot run on what it leaves.")


@pytest.mark.parametrize(("declared", "state"), [("", "ok"), ('breaks_before = "9001"', "fail")])
def test_an_older_release_learns_from_the_database_whether_it_may_still_run(
    world: World, next_release: Path, declared: str, state: str
) -> None:
    """Rolling back the code alone, after the migration of the newer release has run."""
    write(next_release, declared)
    with world.app.app_context():
        upgrade(directory=str(next_release))
    assert [one for one, _said in found(world)] == [state]


@pytest.mark.parametrize(
    ("declared", "code", "said"),
    [("", 0, "may run on it"), ('breaks_before = "9001"', 1, "newer one's `flask --app app db downgrade")],
)
def test_what_an_older_release_migrates_leaves_a_newer_database_as_it_is(
    world: World, postgres: Postgres, next_release: Path, declared: str, code: int, said: str
) -> None:
    """`migrate` of compose.yaml, after a rollback: everything else waits until it has succeeded."""
    write(next_release, declared)
    assert run_upgrade(world, "--directory", str(next_release), "--nobody-serves")[0] == 0
    done = run_upgrade(world)
    assert (done[0], said in done[1]) == (code, True), done
    with psycopg.connect(postgres.superuser_url.rpartition("/")[0] + "/ballast") as connection:
        connection.execute("select drilled from payments")


LATER = """\
from alembic import op

revision = "9002"
down_revision = "9001"
branch_labels = depends_on = None
breaks_before = "9001"


def upgrade() -> None:
    op.execute("comment on table payments is 'contracted'")


def downgrade() -> None:
    op.execute("comment on table payments is null")
"""


def test_a_release_that_skips_one_takes_nothing_away_while_older_code_serves(world: World, next_release: Path) -> None:
    """9001 expands and 9002 contracts: together they are for nobody but who has stopped every process."""
    write(next_release)
    (next_release / "versions" / "9002_later.py").write_text(LATER)
    words = ("--directory", str(next_release))
    code, said = run_upgrade(world, *words)
    assert code == 1
    assert f"9002 contracts: code before 9001 cannot run on what it leaves, and the database is at {newest()}" in said
    assert "Nothing is migrated. Upgrade first to a release whose newest migration is 9001. " in said
    assert [state for state, _said in found(world)] == ["ok"], "not even what expands"
    assert run_upgrade(world, *words, "9001") == (0, "")
    assert run_upgrade(world, *words) == (0, ""), "the release before is that of 9001"


@pytest.mark.parametrize("told", ["--nobody-serves", "MIGRATION_NOBODY_SERVES"])
def test_where_nobody_serves_a_release_may_be_skipped(
    world: World, next_release: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(next_release)
    (next_release / "versions" / "9002_later.py").write_text(LATER)
    if told.isupper():
        monkeypatch.setenv(told, "1")
    words = [told] if told.islower() else []
    assert run_upgrade(world, "--directory", str(next_release), *words) == (0, "")
    assert [state for state, _said in found(world, next_release)] == ["ok"]


def test_what_one_migration_needs_and_takes_away_has_no_release_between(world: World, next_release: Path) -> None:
    write(next_release, 'breaks_before = "9001"')
    code, said = run_upgrade(world, "--directory", str(next_release))
    assert (code, "Nothing is migrated. Where every process is stopped: " in said) == (1, True)


def test_a_version_there_is_no_way_to_is_one_sentence(world: World) -> None:
    code, said = run_upgrade(world, "4711")
    assert (code, said.strip()) == (1, "Error: No such revision or branch '4711'")


def run_upgrade(world: World, *words: str) -> tuple[int, str]:
    """`flask db upgrade`, in whichever release's folder; its exit code and what it said."""
    done = world.app.test_cli_runner().invoke(args=["db", "upgrade", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('op.drop_column("payments", "description")', "drops a column"),
        ('op.drop_table("payments")', "drops a table"),
        ('op.alter_column("payments", "description", new_column_name="words")', "renames a column"),
        ('op.alter_column("payments", "description", nullable=False)', "lets a column be empty no more"),
        ('op.add_column("payments", sa.Column("x", sa.Text(), nullable=False))', "has no default"),
        ('op.create_index("ux", "payments", ["description"], unique=True)', "unique"),
        ('op.create_check_constraint("ck", "payments", "amount > 1")', "checks what was not checked"),
    ],
)
def test_what_the_release_before_cannot_live_with_is_found(next_release: Path, more: str, said: str) -> None:
    write(next_release, more=more)
    assert [said in one.said for one in schema.contractions(next_release / "versions" / "9001_drill.py")] == [True]


@pytest.mark.parametrize(
    "more",
    [
        'op.create_index("ux", "news", ["id"], unique=True)',
        'op.create_check_constraint("ck", "news", "id > 1")',
        'op.create_check_constraint("ck", "payments", "amount > 1", postgresql_not_valid=True)',
    ],
)
def test_what_only_adds_is_no_contraction(next_release: Path, more: str) -> None:
    write(next_release, more=f'op.create_table("news", sa.Column("id", sa.BigInteger())); {more}')
    assert schema.contractions(next_release / "versions" / "9001_drill.py") == []


def test_what_would_lock_a_table_for_long_is_found_in_the_statements_themselves(
    world: World, next_release: Path
) -> None:
    """`make check` asks squawk about each migration that is newer than the first release."""
    migration = next_release / "versions" / "9001_drill.py"
    write(next_release, more='op.create_index("ix_drill", "payments", ["drilled"])')
    with world.app.app_context(), expanding.spoken() as statements:
        upgrade(directory=str(next_release))
    assert [one for one in statements if "CREATE INDEX ix_drill" in one]
    assert ["require-concurrent-index-creation" in one for one in expanding.complaints(migration, statements)] == [True]
    write(next_release, declared='locks = "the table is empty"')
    assert expanding.complaints(migration, statements) == []


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("alter table drill drop column words", "ban-drop-column"),
        ("update drill set words = words; alter table drill drop column words", "ban-drop-column"),
        ("-- nobody reads it\ndrop table drill", "ban-drop-table"),
        ("alter table drill drop constraint ck_drill", "ban-drop-constraint"),
        ("alter table drill rename words to said", "renaming-column"),
    ],
)
def test_what_plain_sql_takes_away_is_found_unless_it_is_declared(
    postgres: Postgres, tmp_path: Path, sql: str, rule: str
) -> None:
    """`op.execute`: no call of Alembic's says what it does, the statement that is sent does."""
    (tmp_path / "versions").mkdir()
    statements = sent(postgres, sql)
    found = {}
    for declared in ("", 'locks = "it is empty"', 'breaks_before = "9001"', 'harmless = "nobody reads it"'):
        write(tmp_path, declared, f"op.execute({sql!r})")
        said = expanding.complaints(tmp_path / "versions" / "9001_drill.py", statements)
        found[declared.partition(" ")[0]] = [one for one in said if rule in one]
    assert {word: len(said) for word, said in found.items()} == {"": 1, "locks": 1, "breaks_before": 0, "harmless": 0}
    assert "declare `breaks_before`" in found[""][0]


def sent(postgres: Postgres, sql: str) -> list[str]:
    """What `make check` notes of a statement, which is sent to a table of this connection's own."""
    engine = create_engine(postgres.owner_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(
            text("create temp table drill (id int constraint ck_drill check (id > 0), words text, primary key (id))")
        )
        with expanding.spoken() as statements:
            connection.execute(text(sql))
    return statements


def test_each_migration_after_the_first_release_is_looked_at() -> None:
    assert int(expanding.FROM) <= int(newest()) + 1


@contextmanager
def somebody_reads_for_long(postgres: Postgres) -> Iterator[threading.Event]:
    """A report that holds the payments in a transaction of its own, until told to end."""
    enough = threading.Event()
    address = postgres.superuser_url.rpartition("/")[0] + "/ballast"
    with psycopg.connect(address) as connection:
        connection.execute("select count(*) from payments")
        ender = threading.Thread(target=lambda: (enough.wait(30), connection.rollback()))
        ender.start()
        yield enough
        enough.set()
        ender.join()


def test_a_migration_that_waits_for_a_lock_lets_payments_through_and_comes_again(
    world: World, api: Api, postgres: Postgres, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALTER TABLE waits for whoever reads, and everybody who comes later waits for it: so it gives up after a moment, and again."""
    monkeypatch.setenv("MIGRATION_LOCK_TIMEOUT", "300ms")
    write(next_release)
    slowest, tries = (
        0.0,
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'alter table%'",
    )
    with somebody_reads_for_long(postgres) as enough:
        migrating = threading.Thread(target=migrate, args=(world, next_release))
        migrating.start()
        with psycopg.connect(postgres.superuser_url, autocommit=True) as looking:
            until = time.monotonic() + 20
            while looking.execute(tries).fetchone() == (0,):
                assert time.monotonic() < until, "the migration never came to the lock"
            for _ in range(4):
                began = time.monotonic()
                assert api.pay().status_code == 201
                slowest = max(slowest, time.monotonic() - began)
        assert [state for state, _said in found(world, next_release)] == ["fail", "ok"], (
            "it cannot have been applied yet"
        )
        enough.set()
        migrating.join(30)
    assert [state for state, _said in found(world, next_release)] == ["ok"]
    assert slowest < 5, "a payment waited for more than one try of the migration"


def migrate(world: World, folder: Path) -> None:
    with world.app.app_context():
        upgrade(directory=str(folder))
