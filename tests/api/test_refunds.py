"""Refunds over the API: once for a key, never more than was taken, and each under its payment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ballast import clock
from ballast.billing import idempotency, refunds
from ballast.models import Refund
from tests.api.conftest import problem
from tests.api.test_idempotency import die
from tests.api.test_keys import key_with
from tests.api.test_lists import ids
from tests.statements import counted
from tests.world import Api, World


@pytest.fixture
def paid(api: Api) -> str:
    """A payment of $20.00 that succeeded."""
    payment_id: str = api.pay().get_json()["id"]
    return payment_id


def test_a_refund_goes_to_the_processor_and_the_payment_says_so(api: Api, world: World, paid: str) -> None:
    answer = api.post("/refunds", {"payment": paid, "amount": 500, "reason": "duplicate"})
    made = answer.get_json()
    assert answer.status_code == 201
    assert {name: made[name] for name in ("object", "payment", "amount", "currency", "status", "reason")} == {
        "object": "refund",
        "payment": paid,
        "amount": 500,
        "currency": "USD",
        "status": "succeeded",
        "reason": "duplicate",
    }
    assert api.get(f"/refunds/{made['id']}").get_json() == made
    assert api.get(f"/payments/{paid}").get_json()["amount_refunded"] == 500
    assert world.charges()[0]["amount_refunded"] == 500


def test_without_an_amount_all_that_is_left_goes_back(api: Api, paid: str) -> None:
    api.post("/refunds", {"payment": paid, "amount": 1})
    assert api.post("/refunds", {"payment": paid}).get_json()["amount"] == 1999


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "parameter_missing", "payment"),
        ({"payment": None}, 400, "parameter_invalid", "payment"),
        ({"payment": "1"}, 404, "resource_missing", None),
        ({"payment": "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"}, 404, "resource_missing", None),
        ({"payment": "4242424242424242"}, 400, "card_number_refused", "payment"),
        ({"amount": 0}, 400, "parameter_invalid", "amount"),
        ({"amount": "500"}, 400, "parameter_invalid", "amount"),
        ({"amount": 5.0}, 400, "parameter_invalid", "amount"),
        ({"amount": 2001}, 400, "refund_too_large", "amount"),
        ({"reason": "because"}, 400, "parameter_invalid", "reason"),
        ({"metadata": {}}, 400, "parameter_unknown", "metadata"),
    ],
)
def test_a_refund_that_cannot_be_is_refused_and_leaves_nothing(
    api: Api, world: World, paid: str, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = api.post("/refunds", body if body == {} else {"payment": paid, **body})
    error = problem(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert world.all_of(Refund) == []


def test_what_was_not_taken_or_is_all_back_is_not_refunded(api: Api, paid: str) -> None:
    unpaid = api.pay(confirm=False).get_json()["id"]
    api.post("/refunds", {"payment": paid})
    codes = {"unpaid": unpaid, "refunded": paid}
    got = {name: problem(api.post("/refunds", {"payment": payment}))["code"] for name, payment in codes.items()}
    assert got == {"unpaid": "payment_not_refundable", "refunded": "payment_refunded"}


# --- Once --------------------------------------------------------------------------------------------------------------------


def test_a_refund_needs_a_key(api: Api, world: World, paid: str) -> None:
    for headers in ({}, {"Idempotency-Key": "order-1"}):
        answer = api.client.post("/api/v1/refunds", json={"payment": paid}, headers={"X-API-Key": api.key, **headers})
        assert (answer.status_code, problem(answer)["param"]) == (400, "Idempotency-Key")
    assert world.all_of(Refund) == []


def test_one_key_gives_money_back_once_and_answers_the_same(api: Api, world: World, paid: str) -> None:
    key = uuid4()
    first, *again = [
        api.post("/refunds", {"payment": paid, "amount": 500}, spelling)
        for spelling in (str(key), str(key).upper(), f'"{key}"')
    ]
    assert {answer.get_data() for answer in again} == {first.get_data()}
    assert [answer.headers.get("Idempotent-Replayed") for answer in (first, *again)] == [None, "true", "true"]
    assert [row.amount for row in world.all_of(Refund)] == [500]
    other = api.post("/refunds", {"payment": paid, "amount": 501}, str(key))
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_key_reused")


def test_a_key_that_made_a_payment_makes_no_refund(api: Api, world: World) -> None:
    key = str(uuid4())
    body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
    payment_id = api.post("/payments", body, key).get_json()["id"]
    assert problem(api.post("/refunds", {"payment": payment_id}, key))["code"] == "idempotency_key_reused"


def test_a_key_whose_answer_has_expired_never_makes_a_second_refund(api: Api, world: World, paid: str) -> None:
    key = str(uuid4())
    api.post("/refunds", {"payment": paid, "amount": 500}, key)
    with clock.shifted(idempotency.KEPT + timedelta(hours=1)):
        with world.worker_app.app_context():
            idempotency.forget_expired()
        for body in ({"payment": paid, "amount": 500}, {"payment": paid, "amount": 7}):
            answer = api.post("/refunds", body, key)
            assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_key_expired")
    assert [row.amount for row in world.all_of(Refund)] == [500]


def test_a_request_that_died_is_answered_with_what_became_of_its_refund(
    api: Api, world: World, paid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, body = str(uuid4()), {"payment": paid, "amount": 500}
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "send", die)
        with pytest.raises(KeyboardInterrupt):
            api.post("/refunds", body, key)
    assert problem(api.post("/refunds", body, key))["code"] == "idempotency_in_progress"
    with clock.shifted(timedelta(minutes=5)):
        world.drain()
        answer = api.post("/refunds", body, key)
    assert (answer.status_code, answer.get_json()["status"]) == (201, "succeeded")
    assert len(world.all_of(Refund)) == 1
    assert world.charges()[0]["amount_refunded"] == 500


def test_a_refund_whose_answer_is_lost_is_pending_and_not_sent_twice(api: Api, world: World, paid: str) -> None:
    world.fault(operation="refunds.create", kind="reset_after", count=1)
    made = api.post("/refunds", {"payment": paid, "amount": 500}).get_json()
    assert made["status"] == "pending"
    assert ids(api.get("/refunds", status="pending")) == [made["id"]]
    assert ids(api.get("/refunds", status="succeeded")) == []
    with clock.shifted(timedelta(minutes=5)):
        world.drain()
    assert api.get(f"/refunds/{made['id']}").get_json()["status"] == "succeeded"
    assert world.charges()[0]["amount_refunded"] == 500


# --- Lists and scopes --------------------------------------------------------------------------------------------------------


def test_refunds_are_listed_newest_first_and_by_payment(api: Api, paid: str) -> None:
    other = api.pay().get_json()["id"]
    made = [api.post("/refunds", {"payment": one, "amount": 100}).get_json()["id"] for one in (paid, other, paid)]
    assert ids(api.get("/refunds")) == made[::-1]
    assert ids(api.get("/refunds", payment=paid)) == [made[2], made[0]]
    assert ids(api.get("/refunds", limit=1, starting_after=made[2])) == [made[1]]
    assert ids(api.get("/refunds", page=2, pageSize=2)) == [made[0]]
    assert problem(api.get("/refunds", payment="cus_1"))["param"] == "payment"
    assert problem(api.get("/refunds", status="unknown"))["param"] == "status"


def test_a_list_costs_the_same_statements_for_one_refund_as_for_ten(api: Api, world: World, paid: str) -> None:
    api.post("/refunds", {"payment": paid, "amount": 1})
    api.get("/refunds")
    with counted(world.app) as few:
        assert len(ids(api.get("/refunds"))) == 1
    for _ in range(9):
        api.post("/refunds", {"payment": paid, "amount": 1})
    with counted(world.app) as many:
        assert len(ids(api.get("/refunds"))) == 10
    assert few == many
    assert len(many) <= 6


def test_refunding_needs_its_own_scope(world: World, paid: str) -> None:
    payer, refunder = key_with(world, "payments:read", "payments:write"), key_with(world, "refunds:write")
    assert problem(payer.post("/refunds", {"payment": paid}))["code"] == "scope_missing"
    assert payer.get("/refunds").status_code == 200
    assert refunder.post("/refunds", {"payment": paid}).status_code == 201
    assert problem(refunder.get("/refunds"))["code"] == "scope_missing"
