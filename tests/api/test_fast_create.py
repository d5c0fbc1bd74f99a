"""Creating a payment past Flask: the same rows and the same answer as on the plain road, and the same refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.config import Settings
from ballast.db import db, organization, transaction
from ballast.models import (
    ApiKey,
    AuditEntry,
    Customer,
    Event,
    IdempotencyKey,
    Organization,
    Payment,
    ProcessorAccount,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.api.conftest import problem
from tests.statements import counted
from tests.world import Api, World

BODY = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa"}
# A request that names a version is served on the plain road.
PLAIN = {"Ballast-Version": "2026-11-01"}
TABLES = (Payment, AuditEntry, Event, IdempotencyKey, WebhookDelivery)
# What differs between any two payments.
OWN = ("id", "resource_id", "event_id", "key", "idempotency_key", "request_id", "fingerprint")


@pytest.fixture
def known(api: Api) -> Api:
    """A program whose key this process has met."""
    assert api.post("/payments", BODY, **PLAIN).status_code == 201
    return api


def create(api: Api, world: World, fast: bool = True, key: str | None = None, **fields: Any) -> TestResponse:
    """Create a payment; on the fast road nothing is said through SQLAlchemy."""
    with counted(world.app) as seen:
        answer = api.post("/payments", BODY | fields, key)
    assert (not seen) is fast, seen
    return answer


def change(world: World, model: Any, **values: Any) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(
            update(model).values(**values).where(getattr(model, "organization_id", model.id) == world.acme.id)
        )


def shape(value: Any) -> Any:
    """A value without what is its own: moments and what is made of ids."""
    if isinstance(value, datetime):
        return "moment", value.tzinfo is UTC
    if isinstance(value, bytes):
        return len(value), value[-2:]
    return (
        {name: one for name, one in value.items() if name not in ("id", "created_at")}
        if isinstance(value, dict)
        else value
    )


def newest(world: World) -> list[dict[str, Any]]:
    """The last row of each table, all columns."""
    db.session.rollback()
    with organization(world.acme.id):
        return [_last(model) for model in TABLES]


def _last(model: Any) -> dict[str, Any]:
    order = model.created_at if model is IdempotencyKey else model.id
    row = db.session.scalars(
        select(model).order_by(order.desc()).limit(1).execution_options(populate_existing=True)
    ).first()
    names = [attribute.key for attribute in model.__mapper__.column_attrs if attribute.key not in OWN]
    return {name: shape(getattr(row, name)) for name in names}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "payment_method": None,
            "description": "Größe ☕ 'quoted' \"twice\" \\",
            "metadata": {"größe": "☕", "aaa": "", "b": ""},
        },
        {"processor": "stripe", "capture_method": "manual", "currency": "JPY", "amount": 1},
        {"amount": 99_999_999, "return_url": "https://shop.example/back", "customer": "a customer"},
    ],
)
def test_both_roads_write_the_same_rows_and_answer_in_the_same_words(
    known: Api, world: World, fields: dict[str, Any]
) -> None:
    if "customer" in fields:
        fields |= {"customer": known.post("/customers", {"email": "a@example.com"}).get_json()["id"]}
    plain = known.post("/payments", BODY | fields, **PLAIN)
    rows = newest(world)
    fast = create(known, world, **fields)
    assert newest(world) == rows
    assert (fast.status_code, fast.status) == (plain.status_code, plain.status) == (201, "201 CREATED")
    own = {"X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset"}
    assert [pair for pair in fast.headers if pair[0] not in own] == [
        pair for pair in plain.headers if pair[0] not in own
    ]
    assert [name for name, _ in fast.headers] == [name for name, _ in plain.headers]
    assert int(fast.headers["RateLimit-Remaining"]) == int(plain.headers["RateLimit-Remaining"]) - 1
    assert list(fast.get_json()) == list(plain.get_json())
    assert shape(fast.get_json()) == shape(plain.get_json())
    shown = known.get(f"/payments/{fast.get_json()['id']}")
    assert shown.data == fast.data
    with organization(world.acme.id):
        assert world.all_of(Event)[-1].data == fast.get_json()


@pytest.mark.parametrize(
    "change_of_key",
    [
        {"revoked_at": real_time()},
        {"frozen_at": real_time()},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"scopes": ["payments:read"]},
    ],
)
def test_a_key_that_was_taken_away_is_refused_on_its_next_request(
    known: Api, world: World, change_of_key: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for redis in (settings.redis_url, "redis://127.0.0.1:9/0"):
        monkeypatch.setattr(settings, "redis_url", redis)
        change(
            world, ApiKey, revoked_at=None, frozen_at=None, expires_at=None, scopes=["payments:read", "payments:write"]
        )
        assert create(known, world).status_code == 201
        before = len(world.all_of(Payment))
        change(world, ApiKey, **change_of_key)
        assert create(known, world, fast=False).status_code in (401, 403)
        assert len(world.all_of(Payment)) == before


def test_a_key_whose_use_was_not_noted_for_a_minute_takes_the_plain_road_once(known: Api, world: World) -> None:
    change(world, ApiKey, last_used_at=real_time() - timedelta(seconds=61))
    assert create(known, world, fast=False).status_code == 201
    with organization(world.acme.id):
        assert world.all_of(ApiKey)[0].last_used_at > real_time() - timedelta(seconds=30)
    assert create(known, world).status_code == 201


def test_the_same_key_gives_the_first_answer_whichever_road_made_it(known: Api, world: World) -> None:
    key = str(uuid4())
    first = create(known, world, key=key)
    again = create(known, world, fast=False, key=key)
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    other = create(known, world, fast=False, key=key, amount=2001)
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_key_reused")
    with organization(world.acme.id), transaction() as session:
        session.execute(IdempotencyKey.__table__.delete())  # type: ignore[attr-defined]
    late = create(known, world, fast=False, key=key)
    assert (late.status_code, problem(late)["code"]) == (409, "idempotency_key_expired")


def test_of_many_requests_at_once_under_one_key_one_makes_a_payment(known: Api, world: World) -> None:
    key, before = str(uuid4()), len(world.all_of(Payment))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.api(known.key).post("/payments", BODY, key), range(8)))
    assert len(world.all_of(Payment)) == before + 1
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_what_is_not_as_it_was_is_left_to_the_plain_road(known: Api, world: World) -> None:
    customer = known.post("/customers", {"email": "held@example.com"}).get_json()["id"]
    change(world, Customer, held_at=real_time())
    held = create(known, world, fast=False, customer=customer)
    assert problem(held)["code"] == "customer_held"
    change(world, ProcessorAccount, enabled=False)
    assert problem(create(known, world, fast=False))["code"] == "processor_unavailable"
    change(world, ProcessorAccount, enabled=True)
    assert create(known, world).status_code == 201
    world.use("square")
    moved = create(known, world, fast=False).get_json()
    assert (moved["processor"], create(known, world).get_json()["processor"]) == ("square", "square")
    assert known.post("/payments", BODY | {"processor": "stripe"}).get_json()["processor"] == "stripe"
    assert create(known, world, processor="stripe").get_json()["processor"] == "stripe"
    change(world, Organization, clock_at=datetime(2027, 2, 3, tzinfo=UTC))
    assert create(known, world, fast=False).get_json()["created_at"].startswith("2027-02-03")


def test_every_endpoint_that_asked_is_told_and_no_other(known: Api, world: World) -> None:
    def listen(*patterns: str) -> str:
        body = {"url": f"{world.sandbox_url}/_sandbox/receiver", "events": patterns}
        made = known.post("/webhooks/endpoints", body)
        assert made.status_code == 201, made.get_data(as_text=True)
        return str(made.get_json()["id"])

    def told() -> list[str]:
        with organization(world.acme.id):
            event_id = world.all_of(Event)[-1].id
            return sorted(one.endpoint_id for one in world.all_of(WebhookDelivery) if one.event_id == event_id)

    with organization(world.acme.id):
        wanted = [one.id for one in world.all_of(WebhookEndpoint)]
    wanted += [listen("*"), listen("payment_intent.created", "refund.*"), listen("payment_intent.*")]
    listen("refund.*")
    listen("payment_intent.succeeded")
    create(known, world)
    assert told() == sorted(wanted)
    wanted += [listen("*") for _ in range(8)]
    create(known, world, fast=False)
    assert told() == sorted(wanted)


@pytest.mark.parametrize("length", ["²", "٣", "+5", "-1", "1_0", "", "9" * 5_000])
def test_what_is_no_length_is_left_to_the_plain_road(known: Api, world: World, length: str) -> None:
    sent = {"CONTENT_LENGTH": length, "CONTENT_TYPE": "application/json", "wsgi.input": BytesIO(b"{}")}
    with counted(world.app) as seen:
        answer = world.app.test_client().post(
            "/api/v1/payments", headers={"X-API-Key": known.key}, environ_overrides=sent
        )
    assert seen, "the plain road answered"
    assert answer.status_code in (400, 413), answer.data
    assert "code" in problem(answer)


def test_a_stranger_sees_nothing_of_it_and_the_limit_is_counted_once(
    known: Api, world: World, superuser: psycopg.Connection
) -> None:
    change(world, ApiKey, rate_limit=3)
    known.post("/payments", BODY, **PLAIN)
    assert create(known, world, fast=False, key="no uuid").status_code == 400
    assert create(known, world).headers["RateLimit-Remaining"] == "0"
    refused = create(known, world, fast=False)
    assert (refused.status_code, problem(refused)["code"]) == (429, "rate_limit_exceeded")
    assert world.api(world.stranger.api_key).get("/payments").get_json()["data"] == []
