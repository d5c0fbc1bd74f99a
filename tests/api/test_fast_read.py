"""A payment read past Flask: the same bytes and headers as on the plain road, and the same refusals."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from ballast import connections
from ballast.billing import direct_reading
from ballast.clock import real_time
from ballast.config import Settings
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.models import ApiKey, Payment
from tests.api.conftest import problem
from tests.api.test_fast_create import PLAIN, change
from tests.statements import counted
from tests.world import Api, World

BODY = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa"}
OWN = {"X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset"}


@pytest.fixture
def made(api: Api) -> str:
    """A payment, made with a key that this process has met."""
    return str(api.pay().get_json()["id"])


def read(api: Api, world: World, payment_id: str, fast: bool = True, **headers: str) -> TestResponse:
    """Read it; on the fast road nothing is said through SQLAlchemy."""
    with counted(world.app) as seen:
        answer = api.client.get(f"/api/v1/payments/{payment_id}", headers=api.credentials | headers)
    assert (not seen) is fast, seen
    return answer


@pytest.mark.parametrize(
    "fields",
    [
        {"confirm": True},
        {"confirm": True, "capture_method": "manual"},
        {"confirm": True, "payment_method": "pm_card_visa_chargeDeclined"},
        {"confirm": True, "payment_method": "pm_card_authenticationRequired"},
        {"payment_method": None, "description": "Größe ☕ 'quoted' \\", "metadata": {"größe": "☕", "a": ""}},
        {"currency": "JPY", "amount": 1, "customer": "a customer"},
    ],
)
def test_both_roads_answer_in_the_same_words(api: Api, world: World, fields: dict[str, Any]) -> None:
    if "customer" in fields:
        fields |= {"customer": api.post("/customers", {"email": "a@example.com"}).get_json()["id"]}
    api.post("/payments", BODY | fields)
    payment_id = api.get("/payments").get_json()["data"][0]["id"]
    plain = read(api, world, payment_id, fast=False, **PLAIN)
    fast = read(api, world, payment_id)
    assert (fast.status, fast.data) == (plain.status, plain.data)
    assert plain.status == "200 OK"
    both = [[pair for pair in answer.headers if pair[0] not in OWN] for answer in (fast, plain)]
    assert both[0] == both[1]
    assert [name for name, _ in fast.headers] == [name for name, _ in plain.headers]
    assert int(fast.headers["RateLimit-Remaining"]) == int(plain.headers["RateLimit-Remaining"]) - 1


def test_a_stored_card_and_every_moment_are_shown_alike(api: Api, world: World, made: str) -> None:
    customer = api.post("/customers", {"email": "a@example.com"}).get_json()["id"]
    api.pay(customer=customer, save_payment_method=True)
    card = api.get("/payment_methods", customer=customer).get_json()["data"][0]["id"]
    change(
        world,
        Payment,
        customer_id=customer,
        payment_method_id=card,
        status="requires_capture",
        capture_before=datetime(2027, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
    )
    shown = read(api, world, made)
    assert shown.data == read(api, world, made, fast=False, **PLAIN).data
    assert (shown.get_json()["payment_method"], shown.get_json()["customer"]) == (card, customer)
    assert shown.get_json()["capture_before"] == "2027-02-03T04:05:06.000789+00:00"


def test_log_and_metrics_have_it_as_the_plain_road_does(
    api: Api, world: World, made: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ballast.requests"):
        read(api, world, made)
        read(api, world, made, fast=False, **PLAIN)
    said = [vars(record) for record in caplog.records if record.name == "ballast.requests"]
    assert [(one["method"], one["route"], one["status"]) for one in said] == [
        ("GET", "/api/v1/payments/<payment_id>", 200)
    ] * 2


@pytest.mark.parametrize(
    "change_of_key",
    [
        {"revoked_at": real_time()},
        {"frozen_at": real_time()},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"scopes": ["payments:write"]},
    ],
)
def test_a_key_that_was_taken_away_is_refused_on_its_next_request(
    api: Api,
    world: World,
    made: str,
    change_of_key: dict[str, Any],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for redis in (settings.redis_url, "redis://127.0.0.1:9/0"):
        monkeypatch.setattr(settings, "redis_url", redis)
        change(
            world, ApiKey, revoked_at=None, frozen_at=None, expires_at=None, scopes=["payments:read", "payments:write"]
        )
        assert read(api, world, made).status_code == 200
        change(world, ApiKey, **change_of_key)
        assert read(api, world, made, fast=False).status_code in (401, 403)


def test_a_key_whose_use_was_not_noted_for_a_minute_takes_the_plain_road_once(
    api: Api, world: World, made: str
) -> None:
    change(world, ApiKey, last_used_at=real_time() - timedelta(seconds=61))
    read(api, world, made, fast=False)
    read(api, world, made)


def test_nobody_reads_what_is_anothers(api: Api, world: World, made: str) -> None:
    stranger = world.api(world.stranger.api_key)
    stranger.get("/payments")
    theirs = read(stranger, world, made, fast=False)
    nobodys = read(stranger, world, new_id("pay"), fast=False)
    assert theirs.status_code == nobodys.status_code == 404
    assert problem(theirs)["code"] == problem(nobodys)["code"]


def test_what_is_out_of_the_ordinary_is_left_to_the_plain_road(api: Api, world: World, made: str) -> None:
    for path in (
        f"{made}?expand=refunds",
        f"{made}?nonsense=1",
        f"{made}/",
        "pay_1",
        made.upper(),
        "",
        f"{made}/cancel",
    ):
        both = [
            api.client.get(f"/api/v1/payments/{path}", headers=api.credentials | more).status_code
            for more in ({}, PLAIN)
        ]
        assert both[0] == both[1], path
    change(world, Payment, metadata_={f"name{n}": "x" * 100 for n in range(20)})
    long = read(api, world, made, fast=False, **{"Accept-Encoding": "gzip"})
    assert long.headers["Content-Encoding"] == "gzip"
    assert read(api, world, made, fast=False, Origin="https://shop.example").status_code == 200


def test_the_limit_is_counted_once_and_holds(api: Api, world: World, made: str) -> None:
    change(world, ApiKey, rate_limit=4)
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Payment).values(description="changed"))
    read(api, world, made, fast=False)
    left = int(read(api, world, made).headers["RateLimit-Remaining"])
    while left:
        answer = read(api, world, made)
        assert (int(answer.headers["RateLimit-Remaining"]), answer.get_json()["description"]) == (left - 1, "changed")
        left -= 1
    refused = read(api, world, made, fast=False)
    assert (refused.status_code, problem(refused)["code"]) == (429, "rate_limit_exceeded")
    change(world, ApiKey, rate_limit=100)
    assert read(api, world, made, fast=False).status_code == 200
    assert read(api, world, made).headers["RateLimit-Limit"] == "100"


def test_where_no_connection_is_to_be_had_the_plain_road_says_so(
    api: Api, world: World, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_left(_engine: Any) -> Any:
        raise PoolTimeout("QueuePool limit reached")

    monkeypatch.setattr(connections, "_connect_apart", nothing_left)
    connections._close_idle(db.engine)
    assert read(api, world, made, fast=False).status_code == 200


def test_what_nobody_thought_of_is_told_and_answered_on_the_plain_road(
    api: Api, world: World, made: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> bytes:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(direct_reading, "read", fail)
    assert read(api, world, made, fast=False).status_code == 200
    assert "nobody thought of this" in caplog.text
