"""Payments over the API."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from ballast.billing import resolver
from ballast.db import organization
from ballast.models import Attempt
from tests.world import Api, World


def test_a_payment_is_created_and_charged_once(api: Api, world: World) -> None:
    answer = api.pay(amount=49900, currency="INR", description="Order 1042", metadata={"order": "1042"})
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["status"] == "succeeded"
    assert body["amount_captured"] == 49900
    assert body["card"] == {"brand": "visa", "last4": "4242"}
    assert [(charge["amount"], charge["currency"].upper()) for charge in world.charges()] == [(49900, "INR")]


def test_a_declined_card_answers_402_with_the_payment(api: Api, world: World) -> None:
    answer = api.pay(payment_method="pm_card_visa_chargeDeclined")
    assert answer.status_code == 402
    error = answer.get_json()["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "generic_decline")
    assert error["payment"]["status"] == "requires_payment_method"
    assert world.charges() == []


def test_the_first_answer_comes_again_byte_for_byte(api: Api, world: World) -> None:
    key = str(uuid4())
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    first = api.post("/payments", body, key)
    second = api.post("/payments", body, f'"{key}"')
    assert (first.status_code, first.get_data()) == (second.status_code, second.get_data())
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(world.charges()) == 1


def test_fifty_at_once_with_one_key_make_one_payment(world: World) -> None:
    key, answers = str(uuid4()), []
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=0.5)

    def send() -> None:
        answers.append(world.api(world.acme.api_key).post("/payments", body, key))

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(409) >= 1
    assert set(statuses) <= {201, 409}
    assert {answer.get_json()["error"]["code"] for answer in answers if answer.status_code == 409} == {
        "idempotency_in_progress"
    }
    created = {answer.get_data() for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    assert len(world.charges()) == 1
    replay = world.api(world.acme.api_key).post("/payments", body, key)
    assert {replay.get_data()} == created


@pytest.mark.parametrize(("method", "is_whole"), [("automatic", True), ("manual", False)])
def test_only_of_what_was_held_a_part_may_have_been_captured_when_it_is_asked_after(
    api: Api, world: World, method: str, is_whole: bool
) -> None:
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    assert api.post("/payments", body | {"capture_method": method}).status_code == 201
    with organization(world.acme.id):
        attempt_id = world.all_of(Attempt)[-1].id
        (found,) = resolver._read([(world.acme.id, attempt_id)], ("approved",))
    assert found.lookup.is_whole is is_whole
