"""Confirming: one try at a time, and no try after the last."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.billing import accounts, payments
from ballast.db import organization, transaction
from ballast.models import Attempt
from tests.api.conftest import VALID, problem
from tests.world import Api, World

DECLINED = "pm_card_visa_chargeDeclined"
CHALLENGED = "pm_card_authenticationRequired"


def confirm(api: Api, payment_id: str, **fields: Any) -> Any:
    return api.post(f"/payments/{payment_id}/confirm", fields)


def test_an_unconfirmed_payment_charges_nothing_until_it_is_confirmed(api: Api, world: World) -> None:
    created = api.pay(confirm=False).get_json()
    assert created["status"] == "requires_confirmation"
    assert world.charges() == []
    answer = confirm(api, created["id"])
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")
    assert len(world.charges()) == 1


def test_a_confirm_needs_neither_a_body_nor_a_content_type_nor_a_key(api: Api, world: World) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    answer = api.client.post(f"/api/v1/payments/{payment_id}/confirm", headers={"X-API-Key": api.key})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")


def test_a_payment_without_a_card_asks_for_one(api: Api, world: World) -> None:
    created = api.post("/payments", VALID).get_json()
    assert (created["status"], created["payment_method"]) == ("requires_payment_method", None)
    error = problem(confirm(api, created["id"]))
    assert (error["code"], error["param"]) == ("payment_method_required", "payment_method")
    assert confirm(api, created["id"], payment_method="pm_card_visa").status_code == 200


def test_after_a_decline_another_card_succeeds_on_the_same_payment(api: Api, world: World) -> None:
    declined = api.pay(payment_method=DECLINED)
    payment_id = declined.get_json()["error"]["payment"]["id"]
    answer = confirm(api, payment_id, payment_method="pm_card_mastercard")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")
    assert answer.get_json()["last_error"] is None
    assert answer.get_json()["card"]["brand"] == "mastercard"
    assert [row.status for row in world.all_of(Attempt)] == ["declined", "approved"]
    assert len(world.charges()) == 1


def test_a_second_decline_is_402_again_and_counts_as_a_second_attempt(api: Api, world: World) -> None:
    payment_id = api.pay(payment_method=DECLINED).get_json()["error"]["payment"]["id"]
    answer = confirm(api, payment_id)
    assert (answer.status_code, problem(answer)["code"]) == (402, "card_declined")
    assert [row.number for row in world.all_of(Attempt)] == [1, 2]
    assert world.charges() == []


def test_a_payment_that_names_no_account_goes_nowhere_while_the_default_one_is_stopped(api: Api, world: World) -> None:
    other = world.use("square")
    with organization(world.acme.id), transaction():
        accounts.make_default(world.acme.id, world.acme.account_id)
        accounts.enable(world.acme.id, world.acme.account_id, False)
    answer = api.pay(payment_method="cnon:card-nonce-ok")
    assert (answer.status_code, problem(answer)["code"]) == (400, "processor_unavailable")
    assert world.charges() == []
    named = api.pay(payment_method="cnon:card-nonce-ok", processor="square")
    assert named.status_code == 201, named.get_json()
    assert [one.processor_account_id for one in world.all_of(Attempt)] == [other]


def test_a_payment_that_succeeded_is_not_charged_again(api: Api, world: World) -> None:
    payment_id = api.pay().get_json()["id"]
    answer = confirm(api, payment_id, payment_method="pm_card_mastercard")
    assert (answer.status_code, problem(answer)["code"]) == (409, "state_conflict")
    assert len(world.charges()) == 1


def test_a_payment_that_waits_for_the_bank_takes_no_second_try(api: Api, world: World) -> None:
    created = api.pay(payment_method=CHALLENGED, return_url="https://shop.example/back").get_json()
    assert created["status"] == "requires_action"
    assert created["next_action"]["type"] in ("redirect_to_url", "use_processor_sdk")
    answer = confirm(api, created["id"], payment_method="pm_card_visa")
    assert (answer.status_code, problem(answer)["code"]) == (409, "payment_in_progress")
    assert world.charges() == []


def test_a_payment_whose_outcome_is_unknown_takes_no_second_try(api: Api, world: World) -> None:
    world.fault(kind="error_after", operation="payment_intents.confirm", count=1)
    created = api.pay()
    assert (created.status_code, created.get_json()["status"]) == (201, "processing")
    answer = confirm(api, created.get_json()["id"], payment_method="pm_card_mastercard")
    assert (answer.status_code, problem(answer)["code"]) == (409, "payment_in_progress")
    assert len(world.charges()) == 1


def test_a_payment_whose_first_try_is_under_way_takes_no_second_try(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]

    def meanwhile(begun: payments.Begun) -> None:
        inner = confirm(world.api(world.acme.api_key), payment_id)
        assert (inner.status_code, problem(inner)["code"]) == (409, "payment_in_progress")
        real(begun)

    real = payments.run
    monkeypatch.setattr(payments, "run", meanwhile)
    assert confirm(api, payment_id).status_code == 200
    assert len(world.charges()) == 1


def test_manual_capture_holds_the_amount_and_takes_nothing(api: Api, world: World) -> None:
    body = api.pay(capture_method="manual").get_json()
    assert (body["status"], body["amount_captured"]) == ("requires_capture", 0)
    assert [(charge["status"], charge["amount_captured"]) for charge in world.charges()] == [("authorized", 0)]
    answer = confirm(api, body["id"])
    assert answer.status_code == 409


@pytest.mark.parametrize("field", ["amount", "currency", "confirm", "metadata"])
def test_a_confirm_changes_nothing_but_the_card(api: Api, world: World, field: str) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    answer = confirm(api, payment_id, **{field: 1})
    assert (answer.status_code, problem(answer)["code"]) == (400, "parameter_unknown")
    assert world.charges() == []


def test_a_refusal_by_the_processor_is_told_with_its_code_and_leaves_the_payment_open(api: Api, world: World) -> None:
    answer = api.pay(payment_method="pm_nobody_has")
    error = problem(answer)
    assert (answer.status_code, error["type"]) == (400, "processor_error")
    assert error["payment"]["status"] == "requires_payment_method"
    assert confirm(api, error["payment"]["id"], payment_method="pm_card_visa").status_code == 200


@pytest.mark.parametrize(
    ("currency", "amount"), [("USD", 2000), ("INR", 49_900), ("EUR", 1999), ("JPY", 500), ("KWD", 12_340)]
)
def test_the_processor_is_asked_for_exactly_the_amount(api: Api, world: World, currency: str, amount: int) -> None:
    assert api.pay(currency=currency, amount=amount).status_code == 201
    assert [(charge["amount"], charge["currency"].upper()) for charge in world.charges()] == [(amount, currency)]
