"""The restore drill: a database that was dumped in the middle of its work is restored elsewhere, finishes what was under way, and
differs in nothing from what the processor has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from ballast import config
from ballast.audit import seals, verification
from ballast.billing import inbox, ledger_proof, refunds, resolver
from ballast.billing.reconciliation import days, reading
from ballast.config import Settings
from ballast.db import db, organization, set_organization
from ballast.local.postgres import Postgres
from ballast.wiring import build
from tests.billing.acts import as_worker, at_once, elsewhere, pause
from tests.books.test_reconciling import today
from tests.world import Api, World

ELSEWHERE = "ballast_restored"


@pytest.fixture
def restored(settings: Settings, postgres: Postgres, tmp_path: Path) -> Iterator[Flask]:
    """The worker's application on a database restored from a dump of the present one, made when it is asked for."""
    changed = {
        name: getattr(settings, name).rpartition("/")[0] + f"/{ELSEWHERE}"
        for name in ("database_url", "database_owner_url", "database_worker_url")
    }
    made = build("worker", settings.model_copy(update=changed))
    yield made
    config.use(settings)
    with made.app_context():
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        connection.execute(f"drop database if exists {ELSEWHERE} with (force)")


def dump_and_restore(postgres: Postgres, folder: Path) -> None:
    """As docs/operations.md says."""
    there, file = postgres.superuser_url.rpartition("/")[0], folder / "ballast.dump"
    programs = postgres.programs
    subprocess.run([programs / "pg_dump", "-Fc", f"--file={file}", f"{there}/ballast"], check=True, timeout=120)
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        connection.execute(f"create database {ELSEWHERE} owner ballast_owner")
    command = [programs / "pg_restore", "--exit-on-error", f"--dbname={there}/{ELSEWHERE}", file]
    subprocess.run(command, check=True, timeout=120)


def test_a_busy_database_is_restored_and_differs_in_nothing(
    world: World, api: Api, postgres: Postgres, restored: Flask, tmp_path: Path
) -> None:
    paid = at_once(world.app, *[lambda: api.pay().get_json()["id"]] * 4)
    api.post("/refunds", {"payment": paid[0], "amount": 500})
    elsewhere(world.app, as_worker(world, seals.seal_due))
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    lost = api.pay(amount=3100).get_json()["id"]
    world.fault(kind="reset_after", operation="refunds.create", count=1)
    api.post("/refunds", {"payment": paid[1]})
    assert world.payment(lost).status == "processing"
    dump_and_restore(postgres, tmp_path)
    pause(minutes=11)
    with restored.app_context():
        set_organization(None)
        for _ in range(3):
            inbox.apply_due(), resolver.resolve_due(), refunds.submit_due()
        with organization(world.acme.id):
            run_id = days.run_now(world.acme.id, world.acme.account_id, today())
            found = reading.read(world.acme.id, run_id)
            assert (found.reconciliation.charges, found.reconciliation.refunds) == (5, 2)
            assert found.open == []
        assert [proof.broken for proof in ledger_proof.verify()] == [None, None]
        proofs = verification.verify()
        assert [proof.broken for proof in proofs] == [None] * len(proofs)
        assert sum(proof.entries for proof in proofs) > 0
        assert db.engine.url.database == ELSEWHERE
    assert world.payment(lost).status == "processing", "the database it was dumped from is as it was"
