"""The doctor says what is wrong with a deployment and what mends it, and a check that cannot look does not stop the others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import update

from ballast import archiving, config
from ballast.audit import seals
from ballast.billing.subscriptions import details
from ballast.db import organization, set_organization, transaction
from ballast.doctor import machine
from ballast.local.postgres import Postgres
from ballast.models import Email, Invoice, Subscription
from tests.billing.acts import pause
from tests.subscriptions.acts import Desk
from tests.world import Api, World


def examine(world: World, *words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and the findings by check."""
    result = world.app.test_cli_runner().invoke(args=["doctor", "--json", *words])
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.output):
        found.setdefault(finding["check"], []).append(finding)
    return result.exit_code, found


def states(found: list[dict[str, Any]]) -> list[str]:
    return [finding["state"] for finding in found]


def test_what_the_tests_stand_on_is_told_as_it_is_each_with_its_mend(world: World) -> None:
    with world.worker_app.app_context():
        set_organization(None)
        seals.seal_due()  # what the world began with is as old as the run of the tests
    code, found = examine(world, "--deep")
    assert code == 1
    whole = ("migrations", "roles", "archive", "clock", "redis", "queue_lag", "stuck", "dunning", "audit", "ledger")
    whole += ("audit_chain",)
    assert {name: states(found[name]) for name in whole} == {name: ["ok"] for name in whole}
    assert states(found["processors"]) == ["ok", "ok"]
    assert found["secrets"][0]["said"] == "ENCRYPTION_KEY is the default, which everybody knows."
    told = {finding["said"]: finding["mend"] for one in found.values() for finding in one if finding["state"] == "fail"}
    assert "`alter system set fsync = on`, and reload." in told.values(), "the tests' own Postgres is fast and unsafe"
    assert "Nobody works payments, inbox, webhooks, emails, charges, default." in told
    assert any(said.startswith("Nothing answers at http://127.0.0.1:9") for said in told)
    assert all(told.values())
    shown = world.app.test_cli_runner().invoke(args=["doctor"])
    assert shown.exit_code == 1
    assert "FAIL\tworkers\tNobody works" in shown.output
    assert "sk_test" not in shown.output


def test_what_goes_wrong_is_found(world: World, api: Api, postgres: Postgres) -> None:
    with organization(world.acme.id), transaction() as session:
        words = {"kind": "receipt", "dedupe_key": "x", "recipient": "a@b.c", "subject": "s", "html": "h", "text": "t"}
        session.add(Email(organization_id=world.acme.id, **words))
        session.flush()
        session.execute(Email.__table__.update().values(next_attempt_at=Email.created_at))
    world.fault(kind="error_before", operation="accounts.retrieve_current")
    pause(minutes=20)
    with psycopg.connect(postgres.owner_url) as connection:
        head = connection.execute(
            "update alembic_version set version_num = '0001' returning old.version_num"
        ).fetchone()
        connection.commit()
        assert head
        try:
            code, found = examine(world)
        finally:
            connection.execute("update alembic_version set version_num = %s", head)
    assert code == 1
    for name in ("migrations", "clock", "queue_lag"):
        assert states(found[name]) == ["fail"], name
    assert found["migrations"][0]["mend"] == "`flask --app app db upgrade`"
    assert found["queue_lag"][0]["said"] == "mails wait since 20 minutes."
    assert "Stripe did not answer" in found["processors"][0]["said"]


@pytest.mark.parametrize(
    ("address", "is_readable"),
    [
        ("postgresql+psycopg://app:x@db.example/ballast", True),
        ("postgresql+psycopg://app:x@db.example/ballast?sslmode=prefer", True),
        ("postgresql+psycopg://app:x@db.example/ballast?sslmode=verify-full", False),
        ("postgresql+psycopg://127.0.0.1:5433/ballast", False),
        ("postgresql+psycopg:///ballast?host=/run/postgresql", False),
        ("postgresql+psycopg:///ballast?host=10.0.0.7", True),
        ("redis://10.0.0.7:6379/0", True),
        ("rediss://10.0.0.7:6379/0", False),
        ("", False),
    ],
)
def test_a_server_on_another_machine_is_asked_for_tls(address: str, is_readable: bool) -> None:
    assert machine.is_readable_on_the_way(address) == is_readable


def test_in_production_a_proxy_that_is_not_counted_and_a_server_without_tls_are_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"ballast_env": "production", "public_url": "https://pay.example", "redis_url": "redis://10.0.0.7/0"}
    with world.app.app_context():
        for name, value in told.items():
            monkeypatch.setattr(config.current(), name, value)
        found = [*machine.proxies(), *machine.encryption()]
    assert [(one.check, one.state) for one in found] == [("proxies", "warn"), ("encryption", "warn")]
    assert found[1].said.startswith("REDIS_URL leads to another machine")


def test_a_declined_invoice_that_nobody_looks_at_again_is_named_until_its_card_is_set_once_more(world: World) -> None:
    desk = Desk(world)
    sub = desk.start(desk.price(2000), desk.customer())
    world.fault(kind="decline")
    desk.until(desk.at + timedelta(days=32))
    assert states(examine(world)[1]["dunning"]) == ["ok"], "it is looked at on the days of the schedule"
    with desk.clocked(), transaction() as session:
        session.execute(update(Invoice).values(next_attempt_at=None))
    (told,) = examine(world)[1]["dunning"]
    assert (told["state"], desk.invoices()[1].id in told["said"]) == ("warn", True)
    world.forget_faults()
    with desk.clocked(), transaction():
        details.change(world.acme.id, sub, {"payment_method": desk.subscription(sub).payment_method_id})
    assert states(examine(world)[1]["dunning"]) == ["ok"]
    assert desk.run() == 1
    assert (desk.subscription(sub).status, desk.invoices()[1].status) == ("active", "paid")


def test_what_is_unpaid_or_being_paid_is_not_forgotten(world: World) -> None:
    desk = Desk(world)
    desk.start(desk.price(2000), desk.customer())
    world.fault(kind="decline", count=1)
    desk.until(desk.at + timedelta(days=31, hours=1))
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    desk.until(desk.at + timedelta(days=1))
    assert [(one.status, one.next_attempt_at) for one in desk.invoices()[1:]] == [("open", None)]
    assert states(examine(world)[1]["dunning"]) == ["ok"]
    with desk.clocked(), transaction() as session:
        session.execute(update(Invoice).values(payment_id=None))
    assert states(examine(world)[1]["dunning"]) == ["warn"]
    with desk.clocked(), transaction() as session:
        session.execute(update(Subscription).values(status="unpaid"))
    assert states(examine(world)[1]["dunning"]) == ["ok"]


def test_an_archive_that_takes_nothing_is_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/deploy/test_archiving.py has a server that really cannot archive."""
    monkeypatch.setattr(archiving, "is_on", lambda _session: True)
    monkeypatch.setattr(archiving, "failing_seconds", lambda _session: 1200.0)
    found = examine(world)[1]["archive"]
    assert states(found) == ["fail"]
    assert found[0]["said"].startswith("Nothing was archived for 20 minutes, and the last try failed.")
