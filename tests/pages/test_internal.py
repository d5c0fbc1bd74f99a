"""Our own machines have jobs run with a token; without it there is nothing to do here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy import update

from ballast import queue
from ballast.billing.subscriptions import ending
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import Email, PaymentMethod
from tests.subscriptions.acts import Desk
from tests.world import World

TOKEN = "a token of the tests"


def ask(world: World, job: str, token: str | None = TOKEN) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = world.app.test_client().post(f"/internal/jobs/{job}", headers=headers)
    body = answer.get_json()
    return answer.status_code, body.get("error", {}).get("code") or body


@pytest.fixture
def machines(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.settings, "jobs_internal_api_token", TOKEN)
    return world


@pytest.mark.parametrize("name", ["audit.seals.seal_due", "ballast.audit.seals.seal_due"])
def test_a_job_of_the_schedule_waits_in_its_queue(machines: World, name: str) -> None:
    said = {"job": queue.SEAL_AUDIT, "queue": "default", "status": "enqueued"}
    assert ask(machines, name) == (202, said)
    assert ask(machines, name) == (202, said), "one that waits is enough"
    with Redis.from_url(machines.settings.redis_url) as redis:
        assert [job.func_name for job in Queue("default", connection=redis).jobs] == [queue.SEAL_AUDIT]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "ä"])
def test_another_token_or_none_is_refused(machines: World, token: str | None) -> None:
    assert ask(machines, "audit.seals.seal_due", token) == (401, "internal_token_invalid")
    with Redis.from_url(machines.settings.redis_url) as redis:
        assert Queue("default", connection=redis).jobs == []


@pytest.mark.parametrize("token", [None, "", TOKEN])
def test_where_no_token_is_set_nobody_gets_in(world: World, token: str | None) -> None:
    assert ask(world, "audit.seals.seal_due", token) == (404, "resource_missing")


@pytest.mark.parametrize("job", ["nothing", "os.system", "ballast.identity.bans.ban", "audit.seals"])
def test_only_jobs_of_the_schedule_are_run(machines: World, job: str) -> None:
    assert ask(machines, job) == (404, "resource_missing")


def test_without_redis_it_says_so(machines: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines.settings, "redis_url", "redis://127.0.0.1:1/0")
    assert ask(machines, "audit.seals.seal_due") == (503, "queue_unavailable")


# --- Mails -------------------------------------------------------------------------------------------------------------------


def notify(world: World, kind: str, token: str | None = TOKEN, **body: Any) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    given = {"organization": world.acme.slug, **body}
    answer = world.app.test_client().post(f"/internal/notifications/{kind}", json=given, headers=headers)
    return answer.status_code, answer.get_json().get("error", {}).get("code") or answer.get_json()


def test_a_mail_is_written_once_and_sent_again_if_it_failed(machines: World) -> None:
    desk = Desk(machines, real_time())
    sub = desk.start(desk.price(2000), desk.customer())
    status, first = notify(machines, "subscriptions/upcoming-charge", subscription=sub)
    assert (status, first["status"], first["written"]) == (202, "pending", True)
    again = notify(machines, "subscriptions/upcoming-charge", subscription=sub)
    assert again == (202, {"email": first["email"], "status": "pending", "written": False})
    with organization(machines.acme.id), transaction() as session:
        session.execute(update(Email).values(status="failed", next_attempt_at=None, attempts=6))
    assert notify(machines, "subscriptions/upcoming-charge", subscription=sub) == again
    machines.drain()
    assert [mail["to"] for mail in machines.mails()] == [["ada@example.com"]]
    assert notify(machines, "subscriptions/defaulted", subscription=sub) == (409, "state_conflict")
    desk.act(sub, ending.cancel_at_period_end)
    assert notify(machines, "subscriptions/upcoming-charge", subscription=sub) == (409, "state_conflict")


def test_a_failed_charge_and_a_default_are_told_from_the_state_they_left(machines: World) -> None:
    desk = Desk(machines, real_time() - timedelta(days=60))
    sub = desk.start(desk.price(2000), desk.customer())
    with desk.clocked(), transaction() as session:
        session.execute(update(PaymentMethod).values(external_id="pm_card_chargeCustomerFail"))
    desk.move(days=31)
    desk.run()
    failed = notify(machines, "subscriptions/charge-failed", invoice=desk.invoices()[-1].id)
    assert (failed[0], failed[1]["written"]) == (202, False), "it was written when it was declined"
    assert notify(machines, "subscriptions/charge-failed", invoice=desk.invoices()[0].id) == (409, "state_conflict")
    desk.until(desk.at + timedelta(days=20))
    assert desk.subscription(sub).status == "unpaid"
    told = notify(machines, "subscriptions/defaulted", subscription=sub)
    assert (told[0], told[1]["written"]) == (202, False)
    assert desk.mails().count("subscription_unpaid") == 1


def test_who_asks_for_what_is_not_there_is_told_so(machines: World) -> None:
    desk = Desk(machines, real_time())
    sub = desk.start(desk.price(2000), desk.customer())
    path = "subscriptions/upcoming-charge"
    assert notify(machines, path, token="wrong", subscription=sub) == (401, "internal_token_invalid")
    assert notify(machines, "financing/upcoming-charge", agreement="x") == (404, "resource_missing")
    assert notify(machines, path, subscription="sub_nothing") == (404, "resource_missing")
    assert notify(machines, path, subscription=sub, organization="elsewhere") == (404, "resource_missing")
    assert notify(machines, path) == (400, "parameter_missing")
    assert notify(machines, path, subscription=7) == (400, "parameter_missing")
    assert desk.mails() == ["receipt"]
