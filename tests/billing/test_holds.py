"""Money that is held is captured once, in whole or in part, or let go, at each processor; a lost answer changes nothing of that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from ballast import clock
from ballast.billing import authorizations, holds, payments
from ballast.clock import shifted
from ballast.db import db, organization, set_organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Event, HoldAction, LedgerTransfer
from tests.billing.acts import Died, at_once, balance, die, rows, taken
from tests.world import Api, World

CARDS = {"stripe": "pm_card_visa", "braintree": "fake-valid-visa-nonce", "square": "cnon:card-nonce-ok"}
# Which operation takes all of what is held, a part of it, and lets go of it.
OPERATIONS = {
    "stripe": ("payment_intents.capture", "payment_intents.capture", "payment_intents.cancel"),
    "braintree": (
        "transactions.submit_for_settlement",
        "transactions.submit_for_settlement",
        "transactions.void",
    ),
    "square": ("payments.complete", "payments.complete", "payments.cancel"),
}
Act = Callable[[], None]


@pytest.fixture(params=CARDS)
def processor(world: World, request: pytest.FixtureRequest) -> str:
    world.use(request.param)
    return str(request.param)


@pytest.fixture
def held(api: Api, processor: str) -> str:
    """The id of a payment of $20.00 whose money is held."""
    made = api.pay(processor=processor, payment_method=CARDS[processor], capture_method="manual").get_json()
    assert made["status"] == "requires_capture", made
    return str(made["id"])


def capture(world: World, payment_id: str, amount: int | None = None) -> None:
    db.session.rollback()
    with organization(world.acme.id):
        holds.capture(world.acme.id, payment_id, amount)


def void(world: World, payment_id: str) -> None:
    db.session.rollback()
    with organization(world.acme.id):
        holds.void(world.acme.id, payment_id)


def look(world: World) -> None:
    """The sweeper comes by: soon, and once more when what is missing may be called absent."""
    for minutes in (5, 15, 90):
        with shifted(timedelta(minutes=minutes)):
            world.drain()


@pytest.mark.parametrize(("amount", "captured"), [(None, 2000), (700, 700)])
def test_what_is_captured_is_taken_and_the_rest_is_let_go(
    world: World, held: str, amount: int | None, captured: int
) -> None:
    capture(world, held, amount)
    payment = world.payment(held)
    assert (payment.status, payment.amount_captured) == ("succeeded", captured)
    assert balance(world, "processor_receivable") == captured
    assert [charge["amount_captured"] for charge in taken(world)] == [captured]
    with pytest.raises(Conflict, match="payment_not_capturable"):
        capture(world, held)


def test_a_void_lets_go_of_everything(world: World, held: str) -> None:
    void(world, held)
    assert world.payment(held).status == "canceled"
    assert taken(world) == []
    assert rows(world, LedgerTransfer) == []
    assert rows(world, Event)[-1].type == "payment_intent.canceled"


@pytest.mark.parametrize("amount", [0, 2001])
def test_no_more_than_what_is_held_can_be_captured(world: World, held: str, amount: int) -> None:
    with pytest.raises(InvalidRequest):
        capture(world, held, amount)
    assert world.payment(held).status == "requires_capture"


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate", "reset_before", "error_before"])
@pytest.mark.parametrize(("amount", "place"), [(None, 0), (700, 1)])
def test_a_capture_whose_answer_is_lost_is_one_capture(
    world: World, processor: str, held: str, kind: str, amount: int | None, place: int
) -> None:
    world.fault(processor=processor, kind=kind, operation=OPERATIONS[processor][place], count=1)
    capture(world, held, amount)
    assert world.payment(held).status == "processing"
    with pytest.raises(Conflict, match="payment_in_progress"):
        void(world, held)
    look(world)
    payment = world.payment(held)
    assert (payment.status, payment.amount_captured) == ("succeeded", amount or 2000)
    assert [charge["amount_captured"] for charge in taken(world)] == [amount or 2000]
    assert len(rows(world, LedgerTransfer)) == 1


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "reset_before"])
def test_a_void_whose_answer_is_lost_lets_go_in_the_end(world: World, processor: str, held: str, kind: str) -> None:
    world.fault(processor=processor, kind=kind, operation=OPERATIONS[processor][2], count=1)
    void(world, held)
    look(world)
    assert world.payment(held).status == "canceled"
    assert taken(world) == []


@pytest.mark.parametrize("line", ["announced and not sent", "marked and not sent", "sent and not recorded"])
def test_a_process_that_dies_leaves_one_capture(
    world: World, held: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at: dict[str, Any] = {"announced and not sent": "send", "marked and not sent": "_act"}
    with monkeypatch.context() as patch:
        patch.setattr(holds, at.get(line, "record"), die)
        with pytest.raises(Died):
            capture(world, held)
    look(world)
    assert world.payment(held).status == "succeeded"
    assert [charge["amount_captured"] for charge in taken(world)] == [2000]


def test_a_capture_and_a_void_at_the_same_moment_are_one_of_them(world: World, held: str) -> None:
    answers = at_once(world.app, lambda: capture(world, held), lambda: void(world, held))
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    status = world.payment(held).status
    assert [charge["amount_captured"] for charge in taken(world)] == ([2000] if status == "succeeded" else [])
    assert len(rows(world, HoldAction)) == 1


def test_a_capture_that_was_let_go_at_the_processor_ends_the_payment(world: World, held: str) -> None:
    with organization(world.acme.id), transaction():
        action = holds.request(world.acme.id, held, "capture")
        action_id = action.id
    (attempt,) = rows(world, payments.Attempt)
    with world.app.app_context(), organization(world.acme.id):
        (acting,) = holds._mark_submitted([(world.acme.id, action_id)])
        assert acting.attempt_id == attempt.id
        holds.processing.adapter_for(acting.account.credentials).void(acting.lookup, "behind our back")
        holds._act(acting)
    assert world.payment(held).status == "canceled"
    (failed,) = rows(world, HoldAction)
    assert failed.status == "failed"


# --- Over the API ------------------------------------------------------------------------------------------------------------


def test_the_api_captures_once_for_a_key(api: Api, world: World, held: str) -> None:
    key = "0b9d3c1e-2b64-4f0a-9d51-6e0c7f4b2a90"
    first = api.post(f"/payments/{held}/capture", {"amount_to_capture": 1500}, key)
    again = api.post(f"/payments/{held}/capture", {"amount_to_capture": 1500}, key)
    assert (first.status_code, first.get_json()["status"], first.get_json()["amount_captured"]) == (
        200,
        "succeeded",
        1500,
    )
    assert (again.get_data(), again.headers["Idempotent-Replayed"]) == (first.get_data(), "true")
    refused = api.post(f"/payments/{held}/capture")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "payment_not_capturable")


def test_the_api_cancels_what_is_held(api: Api, world: World, held: str) -> None:
    answer = api.post(f"/payments/{held}/cancel")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "canceled")
    again = api.post(f"/payments/{held}/cancel")
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "state_conflict")
    assert taken(world) == []


def test_the_api_cancels_an_unpaid_payment_and_one_that_waits_for_the_bank(api: Api, world: World) -> None:
    unpaid = api.pay(confirm=False).get_json()["id"]
    assert api.post(f"/payments/{unpaid}/cancel").get_json()["status"] == "canceled"
    waiting = api.pay(payment_method="pm_card_authenticationRequired").get_json()
    assert waiting["status"] == "requires_action"
    assert api.post(f"/payments/{waiting['id']}/cancel").get_json()["status"] == "canceled"
    assert api.post(f"/payments/{waiting['id']}/confirm").status_code == 409
    assert taken(world) == []


@pytest.mark.parametrize("body", [{"amount_to_capture": 0}, {"amount_to_capture": 1.5}, {"amount": 100}, []])
def test_a_capture_that_makes_no_sense_changes_nothing(api: Api, world: World, held: str, body: Any) -> None:
    assert api.post(f"/payments/{held}/capture", body).status_code == 400
    assert world.payment(held).status == "requires_capture"


# --- Not captured in time ----------------------------------------------------------------------------------------------------


def expire(world: World, as_of: datetime) -> int:
    with world.worker_app.app_context(), clock.at(as_of):
        set_organization(None)
        return authorizations.expire_due()


def days_later(world: World, held: str, days: float) -> datetime:
    made = world.payment(held).capture_before
    assert made is not None
    return made - timedelta(days=7) + timedelta(days=days)


def test_what_nobody_captures_in_time_is_let_go_of_once_and_says_why(world: World, held: str) -> None:
    assert expire(world, days_later(world, held, 6.9)) == 0
    assert world.payment(held).status == "requires_capture"
    assert [expire(world, days_later(world, held, 7.1)) for _ in range(2)] == [1, 0]
    payment = world.payment(held)
    assert (payment.status, payment.cancellation_reason, payment.amount_captured) == ("canceled", "expired", 0)
    assert taken(world) == []
    told = [event.data for event in rows(world, Event) if event.type == "payment_intent.canceled"]
    assert [(data["status"], data["cancellation_reason"]) for data in told] == [("canceled", "expired")]
    assert [(one.kind, one.status, one.reason) for one in rows(world, HoldAction)] == [("void", "succeeded", "expired")]


def test_a_lost_answer_to_it_is_looked_after(world: World, held: str, processor: str) -> None:
    world.fault(processor=processor, kind="reset_after", operation=OPERATIONS[processor][2], count=3)
    assert expire(world, days_later(world, held, 8)) == 1
    look(world)
    payment = world.payment(held)
    assert (payment.status, payment.cancellation_reason) == ("canceled", "expired")
    assert taken(world) == []


def test_what_the_processor_let_go_of_by_itself_ends_the_same_way(world: World, held: str, processor: str) -> None:
    charge = world.charges()[-1]["id"]
    requests.post(f"{world.sandbox_url}/_sandbox/charges/{processor}/{charge}/expire", timeout=5).raise_for_status()
    expire(world, days_later(world, held, 8))
    look(world)
    payment = world.payment(held)
    assert (payment.status, payment.cancellation_reason) == ("canceled", "expired")


def test_a_capture_and_the_end_of_the_hold_at_once_do_one_of_both(world: World, held: str) -> None:
    as_of = days_later(world, held, 8)
    at_once(world.app, lambda: capture(world, held), lambda: expire(world, as_of))
    look(world)
    payment = world.payment(held)
    assert payment.status in ("succeeded", "canceled")
    assert [charge["amount_captured"] for charge in taken(world)] == ([2000] if payment.status == "succeeded" else [])
