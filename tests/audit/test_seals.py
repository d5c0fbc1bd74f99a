"""The audit log is sealed behind the writers, and whoever changes it afterwards is found, the owner of the database too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from click.testing import Result
from sqlalchemy import select

from ballast import audit, config
from ballast.audit import seals, verification
from ballast.audit.verification import Proof
from ballast.clock import shifted
from ballast.db import db, organization, set_organization, transaction
from ballast.ids import new_id, to_uuid
from ballast.local.postgres import Postgres
from ballast.models import AuditSeal
from tests.world import World

Tamper = Callable[..., None]
INSERT = (
    "insert into audit_entries (organization_id, id, actor_kind, action, resource_type, resource_id, created_at) "
    "values (%s, %s, 'system', 'payment.created', 'payment', 'pay_x', {when})"
)


def note(world: World, *actions: str) -> None:
    """Entries of Acme's, one transaction each."""
    db.session.rollback()
    for action in actions:
        with organization(world.acme.id), transaction():
            audit.record(world.acme.id, action, "payment", "pay_x", audit.differences({"a": 1}, {"a": [2, None]}))


def seal(world: World) -> int:
    db.session.rollback()
    with world.worker_app.app_context():
        set_organization(None)
        return seals.seal_due()


def prove(world: World) -> Proof:
    db.session.rollback()
    with world.worker_app.app_context():
        set_organization(None)
        return verification.verify(world.acme.id)[0]


def chain_of(world: World) -> list[AuditSeal]:
    with world.worker_app.app_context():
        wanted = select(AuditSeal).where(AuditSeal.chain == to_uuid(world.acme.id, "org")).order_by(AuditSeal.number)
        return list(db.session.scalars(wanted))


@pytest.fixture
def sealed(world: World) -> World:
    """Acme with three seals, everything sealed and nothing wrong."""
    for number in range(3):
        note(world, f"test.{number}", f"test.{number}_too")
        assert seal(world) >= 2
    assert prove(world).broken is None
    return world


@pytest.fixture
def owner(world: World, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """The database's owner, with the triggers off."""
    database = postgres.superuser_url.rpartition("/")[0] + "/ballast"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


def test_what_was_written_is_sealed_once_in_a_chain_of_each_organizations_own(sealed: World) -> None:
    proof, found = prove(sealed), chain_of(sealed)
    assert [one.number for one in found] == [1, 2, 3]
    assert (proof.seals, proof.entries, proof.waiting) == (3, sum(len(one.entries) for one in found), 0)
    assert proof.head == found[-1].hash.hex()
    assert seal(sealed) == 0, "nothing new, no seal"
    note(sealed, "test.more")
    assert prove(sealed).waiting == 1
    with organization(sealed.stranger.id):
        assert {one.organization_id for one in seals.entries_of(found[0].chain, found[0].entries).values()} == set()


def test_each_seal_goes_out_into_the_log_with_its_hash(sealed: World, caplog: pytest.LogCaptureFixture) -> None:
    note(sealed, "test.more")
    with caplog.at_level("INFO"):
        seal(sealed)
    last = chain_of(sealed)[-1]
    said = f"audit seal {sealed.acme.id} #{last.number} {last.hash.hex()}, 1 entries"
    assert said in [one.getMessage() for one in caplog.records]


def test_an_entry_that_commits_late_under_an_older_id_is_sealed_by_the_next_seal(world: World) -> None:
    seal(world)
    acme, late = to_uuid(world.acme.id, "org"), to_uuid(new_id("aud"), "aud")
    with psycopg.connect(world.settings.owner_url.replace("+psycopg", "")) as slow:
        slow.execute(INSERT.format(when="now()"), [acme, late])  # type: ignore[arg-type]
        note(world, "test.fast")
        assert seal(world) == 1, "the fast one is sealed and nobody waits for the slow one"
        assert prove(world).broken is None
        slow.commit()
    assert seal(world) == 1
    assert chain_of(world)[-1].entries == [late]
    assert late is not None
    assert late < chain_of(world)[-2].entries[0]
    assert prove(world).broken is None


def test_more_than_fits_a_seal_makes_several_in_one_run_and_none_of_it_is_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(world)
    monkeypatch.setattr(seals, "BATCH", 2)
    with shifted(timedelta(hours=-3)):
        note(world, *(f"test.{number}" for number in range(5)))
    before = len(chain_of(world))
    assert prove(world).broken is not None, "three hours old, and a seal since that left nothing waiting"
    with shifted(timedelta(hours=5)):
        note(world, *(f"test.{number}" for number in range(5)))
    assert seal(world) == 10
    assert [one.emptied for one in chain_of(world)[before:]] == [False] * 4 + [True]


def test_a_backlog_of_a_sealer_that_was_away_is_no_break(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "BATCH", 2)
    with shifted(timedelta(hours=-3)):
        note(world, *(f"test.{number}" for number in range(5)))
    assert seal(world) >= 5
    assert prove(world).broken is None


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update audit_entries set action = 'test.other' where action = 'test.1'", "of seal 2 was changed"),
        (
            'update audit_entries set changes = \'{"a": {"after": [3, null], "before": 1}}\' where action = \'test.1\'',
            "of seal 2 was changed",
        ),
        ("update audit_entries set actor_id = 'usr_x' where action = 'test.1_too'", "of seal 2 was changed"),
        ("update audit_entries set created_at = created_at + interval '1 us' where action = 'test.2'", "seal 3 was ch"),
        ("delete from audit_entries where action = 'test.1'", "of seal 2 was deleted"),
        ("update audit_entries set id = gen_random_uuid() where action = 'test.2'", "of seal 3 was deleted"),
        ("delete from audit_seals where number = 2", "seal 2 is missing"),
        ("delete from audit_seals where number = 3", "is in no seal and waits for none"),
        ("update audit_seals set sealed_at = sealed_at - interval '1 s' where number = 2", "seal 2 is not what it was"),
        ("update audit_seals set entries = entries[1:1], digests = digests[1:1] where number = 2", "seal 2 is not"),
        ("update audit_seals set digests = digests[1:1] where number = 2", "seal 2 is not what it was"),
        ("update audit_seals set mac = 'nonsense' where number = 3", "key that is not in ENCRYPTION_KEY"),
        ("update audit_seals set mac = '1:nonsense' where number = 2", "seal 2 was not made by Ballast"),
    ],
)
def test_whoever_changes_the_log_behind_its_seals_is_found(
    sealed: World, owner: psycopg.Connection, statement: str, says: str
) -> None:
    assert owner.execute(statement).rowcount >= 1  # type: ignore[call-overload]
    broken = prove(sealed).broken
    assert broken is not None
    assert says in broken


def test_an_entry_put_in_behind_is_found_with_and_without_triggers(sealed: World, owner: psycopg.Connection) -> None:
    acme = to_uuid(sealed.acme.id, "org")
    stray = new_id("aud")
    owner.execute(INSERT.format(when="now()"), [acme, to_uuid(stray, "aud")])  # type: ignore[arg-type]
    assert prove(sealed).broken == f"entry {stray} is in no seal and waits for none: it was put in behind"
    owner.execute("delete from audit_entries where id = %s", [to_uuid(stray, "aud")])
    assert prove(sealed).broken is None
    owner.execute("set session_replication_role = origin")
    owner.execute(INSERT.format(when="now() - interval '2 days'"), [acme, to_uuid(stray, "aud")])  # type: ignore[arg-type]
    assert "put in behind" in (prove(sealed).broken or ""), "before it is sealed"
    assert seal(sealed) == 1
    assert f"entry {stray} of seal 4 claims an earlier time" in (prove(sealed).broken or ""), "and after"


def test_who_computes_the_chain_anew_without_the_key_is_found(sealed: World, owner: psycopg.Connection) -> None:
    """The owner of the database changes an entry and makes every hash right again; the codes they cannot make."""
    owner.execute("update audit_entries set action = 'test.other' where action = 'test.1'")
    found, before = chain_of(sealed), seals.NOTHING
    with sealed.worker_app.app_context():
        for one in found:
            entries = seals.entries_of(one.chain, one.entries)
            one.digests = [seals.digest(entries[entry_id]) for entry_id in one.entries]
            one.hash = before = seals.hash_of(one, before)
            owner.execute(
                "update audit_seals set digests = %s, hash = %s where chain = %s and number = %s",
                [one.digests, one.hash, one.chain, one.number],
            )
        db.session.rollback()
    assert prove(sealed).broken == "seal 2 was not made by Ballast"


def test_a_key_that_was_changed_breaks_nothing_as_long_as_a_newer_seal_vouches(
    sealed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = "2:" + "A" * 43 + "="
    changed = sealed.settings.model_copy(update={"encryption_key": fresh})
    monkeypatch.setattr(config, "_current", changed)
    assert "not in ENCRYPTION_KEY" in (prove(sealed).broken or "")
    note(sealed, "test.after")
    assert seal(sealed) == 1
    assert prove(sealed).broken is None


def run(world: World, *words: str) -> Result:
    return world.app.test_cli_runner().invoke(args=["verify-audit", *words])


def test_the_command_proves_every_chain_and_fails_where_one_is_broken(sealed: World, owner: psycopg.Connection) -> None:
    good = run(sealed)
    assert (good.exit_code, good.output.count("\tok\t")) == (0, 2), good.output
    owner.execute("delete from audit_entries where action = 'test.0'")
    for words in ((), ("--organization", "acme")):
        bad = run(sealed, *words)
        assert bad.exit_code == 1
        assert f"{sealed.acme.id}\tBROKEN\tentry aud_" in bad.output
        assert "of seal 1 was deleted" in bad.output
    assert run(sealed, "--organization", "elsewhere").exit_code == 0
    assert "There is no organization nobody." in run(sealed, "--organization", "nobody").output


def test_the_web_can_neither_read_seals_nor_take_entries_out_of_their_queue(sealed: World) -> None:
    statements: list[Any] = [
        "select 1 from audit_seals",
        "select 1 from audit_unsealed",
        "delete from audit_unsealed",
        "insert into audit_seals values (gen_random_uuid(), 1, '{}', '{}', true, '', '', now())",
    ]
    with psycopg.connect(sealed.settings.database_url.replace("+psycopg", ""), autocommit=True) as web:
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(statement)
