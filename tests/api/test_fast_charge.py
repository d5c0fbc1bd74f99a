"""Creating and charging a payment past Flask: the same rows and the same answer as on the plain road, and the same firewall."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from ballast.billing import direct_charges, direct_payments, outcomes, payments
from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.models import (
    Attempt,
    AuditEntry,
    Event,
    IdempotencyKey,
    LedgerTransfer,
    Organization,
    Payment,
    ProcessorAccount,
    WebhookDelivery,
)
from ballast.processors.base import Charge, Outcome
from ballast.processors.stripe import StripeAdapter
from tests.api.conftest import problem
from tests.api.test_fast_create import OWN, PLAIN, change, shape
from tests.billing.acts import Died
from tests.statements import counted
from tests.world import Api, World

Patch = pytest.MonkeyPatch
BODY = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
TABLES = (Payment, Attempt, AuditEntry, Event, IdempotencyKey, LedgerTransfer, WebhookDelivery)
# What differs between any two payments, besides.
REFERENCES = (*OWN, "payment_id", "source", "external_id", "client_secret", "message")
INSIDE = ("url", "client_secret", "request_id", "capture_before")
BEGIN, SUBMIT, PREPARE = direct_charges._begin, StripeAdapter.submit, StripeAdapter.prepare


@pytest.fixture
def known(api: Api) -> Api:
    """A program whose key this process has met, and an organization whose ledger has been posted to."""
    assert api.post("/payments", BODY, **PLAIN).status_code == 201
    return api


def pay(api: Api, world: World, fast: bool = True, key: str | None = None, **fields: Any) -> TestResponse:
    """Create and charge; on the fast road nothing is said through SQLAlchemy."""
    with counted(world.app) as seen:
        answer = api.post("/payments", BODY | fields, key)
    assert (not seen) is fast, seen
    return answer


def rows_of(world: World, answer: TestResponse) -> list[list[dict[str, Any]]]:
    """What a payment left in each table, all columns."""
    body = answer.get_json()
    payment_id = body["id"] if "id" in body else body["error"]["payment"]["id"]
    db.session.rollback()
    with organization(world.acme.id):
        events = select(Event.id).where(Event.resource_id == payment_id)
        column = {
            Payment: Payment.id,
            Attempt: Attempt.payment_id,
            AuditEntry: AuditEntry.resource_id,
            Event: Event.resource_id,
            IdempotencyKey: IdempotencyKey.resource_id,
            LedgerTransfer: LedgerTransfer.payment_id,
        }
        return [
            _shapes(model, column[model] == payment_id if model in column else WebhookDelivery.event_id.in_(events))
            for model in TABLES
        ]


def _shapes(model: Any, wanted: Any) -> list[dict[str, Any]]:
    order = model.created_at if model is IdempotencyKey else model.id
    found = db.session.scalars(select(model).where(wanted).order_by(order).execution_options(populate_existing=True))
    names = [attribute.key for attribute in model.__mapper__.column_attrs if attribute.key not in REFERENCES]
    return [{name: _bare(shape(getattr(row, name))) for name in names} for row in found]


def _bare(value: Any) -> Any:
    """Without what is made of ids further inside."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if name not in INSIDE}
    return value


@pytest.mark.parametrize(
    ("fields", "status", "fast"),
    [
        ({"description": "Größe ☕ 'quoted' %s %(x)s \\", "metadata": {"größe": "☕", "aaa": "", "b": ""}}, 201, True),
        ({"amount": 99_999_999, "return_url": "https://shop.example/back"}, 201, True),
        ({"currency": "JPY", "amount": 700}, 201, False),  # whose ledger is opened with it
        ({"capture_method": "manual"}, 201, False),
        ({"payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example/back"}, 201, False),
        ({"payment_method": "pm_card_visa_chargeDeclined"}, 402, False),
        ({"payment_method": "pm_nothing_like_it"}, 400, False),
    ],
)
def test_both_roads_leave_the_same_rows_and_answer_in_the_same_words(
    known: Api, world: World, monkeypatch: Patch, fields: dict[str, Any], status: int, fast: bool
) -> None:
    begun: list[Any] = []

    def begin(*given: Any) -> Any:
        begun.append(BEGIN(*given))
        return begun[-1]

    monkeypatch.setattr(direct_charges, "_begin", begin)
    quick = pay(known, world, fast, **fields)
    assert len(begun) == 1
    assert begun[0]
    plain = known.post("/payments", BODY | fields, **PLAIN)
    assert (quick.status_code, quick.status) == (plain.status_code, plain.status)
    assert quick.status_code == status
    assert rows_of(world, quick) == rows_of(world, plain)
    own = {"X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset", "Content-Length", "Ballast-Version"}
    assert [pair for pair in quick.headers if pair[0] not in own] == [
        pair for pair in plain.headers if pair[0] not in own
    ]
    assert list(quick.get_json()) == list(plain.get_json())
    if status == 201:
        assert known.get(f"/payments/{quick.get_json()['id']}").data == quick.data


def test_under_one_key_one_payment_is_made_and_charged_whoever_asks_again(known: Api, world: World) -> None:
    key, before = str(uuid4()), len(world.charges())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: world.api(known.key).post("/payments", BODY, key), range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    again = pay(known, world, fast=False, key=key)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert len(world.charges()) == before + 1


def test_what_somebody_else_has_recorded_meanwhile_is_not_recorded_again(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    def submit(self: StripeAdapter, charge: Charge) -> Outcome:
        outcome = SUBMIT(self, charge)
        _elsewhere(world, lambda: outcomes.record(world.acme.id, charge.reference, outcome))
        return outcome

    monkeypatch.setattr(StripeAdapter, "submit", submit)
    answer = known.post("/payments", BODY)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "succeeded")
    rows = rows_of(world, answer)
    assert len(rows[TABLES.index(LedgerTransfer)]) == 1
    assert [one["type"] for one in rows[TABLES.index(Event)]] == ["payment_intent.created", "payment_intent.succeeded"]


def _elsewhere(world: World, act: Callable[[], None]) -> None:
    def run() -> None:
        with world.app.app_context(), organization(world.acme.id):
            act()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_an_attempt_that_was_given_up_meanwhile_is_not_sent(
    known: Api, world: World, superuser: psycopg.Connection, monkeypatch: Patch
) -> None:
    def prepare(self: StripeAdapter, charge: Charge) -> Any:
        prepared = PREPARE(self, charge)
        superuser.execute("update attempts set status = 'not_sent' where status = 'created'")
        return prepared

    before = len(world.charges())
    monkeypatch.setattr(StripeAdapter, "prepare", prepare)
    answer = known.post("/payments", BODY)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "processing")
    assert len(world.charges()) == before


def test_a_lost_answer_is_found_out_and_charged_once(known: Api, world: World) -> None:
    before = len(world.charges())
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    answer = known.post("/payments", BODY)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "processing")
    with organization(world.acme.id):
        assert world.all_of(Attempt)[-1].status == "unknown"
    assert len(world.charges()) == before + 1


def test_who_repeats_a_request_whose_process_died_meets_its_key(known: Api, world: World, monkeypatch: Patch) -> None:
    def submit(self: StripeAdapter, charge: Charge) -> Outcome:
        SUBMIT(self, charge)
        raise Died

    key, before = str(uuid4()), len(world.charges())
    monkeypatch.setattr(StripeAdapter, "submit", submit)
    with pytest.raises(Died):
        known.post("/payments", BODY, key)
    monkeypatch.setattr(StripeAdapter, "submit", SUBMIT)
    again = known.post("/payments", BODY, key)
    assert (again.status_code, problem(again)["code"]) == (409, "idempotency_in_progress")
    assert len(world.charges()) == before + 1
    with organization(world.acme.id):
        assert world.all_of(Attempt)[-1].status == "submitted"


def _refuse(*_given: Any) -> None:
    raise psycopg.OperationalError("the connection is gone")


def test_where_no_answer_comes_past_the_session_the_plain_road_marks_and_records(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    before = len(world.charges())
    monkeypatch.setattr(direct_charges, "_say", _refuse)
    assert known.post("/payments", BODY).status_code == 201
    assert len(world.charges()) == before + 1
    with organization(world.acme.id):
        assert world.all_of(Attempt)[-1].status == "approved"


def test_what_cannot_be_marked_is_not_sent_and_left_to_the_resolver(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    key, before = str(uuid4()), len(world.charges())
    monkeypatch.setattr(direct_charges, "_say", _refuse)
    monkeypatch.setattr(payments, "mark_submitted", _refuse)
    answer = known.post("/payments", BODY, key)
    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"
    again = known.post("/payments", BODY, key)
    assert (again.status_code, problem(again)["code"]) == (409, "idempotency_in_progress")
    assert len(world.charges()) == before
    with organization(world.acme.id):
        assert world.all_of(Attempt)[-1].status == "created"


def _break(*_given: Any) -> None:
    raise RuntimeError("a defect")


def test_what_fails_before_anything_is_begun_is_charged_on_the_plain_road(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    key, before = str(uuid4()), len(world.charges())
    monkeypatch.setattr(direct_payments, "draft", _break)
    answer = pay(known, world, fast=False, key=key)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "succeeded")
    assert known.post("/payments", BODY, key).data == answer.data
    assert len(world.charges()) == before + 1


def test_what_fails_after_it_is_begun_and_before_the_bank_is_asked_is_found_under_its_key(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    real, key, before = direct_payments.begin, str(uuid4()), len(world.charges())

    def begin(*given: Any) -> None:
        assert real(*given)
        _break()

    with monkeypatch.context() as patch:
        patch.setattr(direct_payments, "begin", begin)
        answer = known.post("/payments", BODY, key)
    assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_in_progress")
    with organization(world.acme.id):
        assert [one.status for one in world.all_of(Attempt)][1:] == ["created"]
    with shifted(timedelta(minutes=5)):
        world.drain()
        again = known.post("/payments", BODY, key)
    assert (again.status_code, again.get_json()["status"]) == (201, "requires_confirmation")
    assert len(world.charges()) == before


def test_what_fails_once_the_bank_is_asked_is_answered_where_it_failed(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    key, before = str(uuid4()), len(world.charges())
    monkeypatch.setattr(direct_charges, "_record", _break)
    answer = known.post("/payments", BODY, key)
    assert (answer.status_code, problem(answer)["code"]) == (500, "internal_error")
    again = known.post("/payments", BODY, key)
    assert (again.status_code, problem(again)["code"]) == (409, "idempotency_in_progress")
    with shifted(timedelta(minutes=5)):
        world.drain()
        assert known.post("/payments", BODY, key).get_json()["status"] == "succeeded"
    assert len(world.charges()) == before + 1


def test_what_is_changed_while_the_bank_is_asked_is_told_with_the_success(
    known: Api, world: World, monkeypatch: Patch
) -> None:
    def submit(self: StripeAdapter, charge: Charge) -> Outcome:
        with organization(world.acme.id), transaction() as session:
            session.get_one(Payment, (world.acme.id, charge.payment_id)).description = "Changed meanwhile"
        return SUBMIT(self, charge)

    monkeypatch.setattr(StripeAdapter, "submit", submit)
    answer = known.post("/payments", BODY)
    assert (answer.status_code, answer.get_json()["description"]) == (201, "Changed meanwhile")
    with organization(world.acme.id):
        assert world.all_of(Event)[-1].data["description"] == "Changed meanwhile"


def test_what_is_not_as_it_was_takes_the_plain_road(known: Api, world: World) -> None:
    change(world, Organization, card_testing={"organization": 99_999})
    pay(known, world, fast=False)
    pay(known, world)
    with organization(world.acme.id):
        account = world.all_of(ProcessorAccount)[0]
        sealed = account.credentials
    change(world, ProcessorAccount, credentials=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert problem(pay(known, world, fast=False))["code"] == "processor_unavailable"
    change(world, ProcessorAccount, credentials=sealed)
    assert known.post("/payments", BODY, **PLAIN).status_code == 201
    pay(known, world)
    customer = known.post("/customers", {"email": "a@example.com"}).get_json()["id"]
    pay(known, world, fast=False, customer=customer)
    pay(known, world, fast=False, payment_method=None)
    change(world, Organization, clock_at=datetime(2027, 2, 3, tzinfo=UTC))
    assert pay(known, world, fast=False).get_json()["created_at"].startswith("2027-02-03")
