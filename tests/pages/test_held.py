"""Held money in the dashboard: who may take it, and what the page says before and after."""

from __future__ import annotations

import pytest

from tests.world import Api, World, csrf


@pytest.fixture
def held(api: Api) -> str:
    """The id of a payment of $20.00 whose money is held."""
    return str(api.pay(capture_method="manual").get_json()["id"])


def send(world: World, payment_id: str, act: str, role: str = "owner", **form: str) -> tuple[int, str]:
    """Send the form; the answer's status and what the payment's page says then."""
    client = world.sign_in(role)
    token = csrf(client.get("/admin/").get_data(as_text=True))
    answer = client.post(f"/admin/payments/{payment_id}/{act}", data={"csrf_token": token, **form})
    page = client.get(f"/admin/payments/{payment_id}") if answer.status_code == 303 else answer
    return answer.status_code, page.get_data(as_text=True)


def test_the_payment_offers_both_while_money_is_held_and_neither_afterwards(world: World, held: str) -> None:
    page = world.sign_in("owner").get(f"/admin/payments/{held}").get_data(as_text=True)
    assert f"/admin/payments/{held}/capture" in page
    assert f"/admin/payments/{held}/release" in page
    status, page = send(world, held, "capture", amount="20.00")
    assert (status, "$20.00 captured." in page) == (303, True)
    assert f"/admin/payments/{held}/capture" not in page


def test_a_part_is_captured_and_the_rest_let_go(world: World, held: str) -> None:
    assert send(world, held, "capture", role="admin", amount="7.50")[0] == 303
    payment = world.payment(held)
    assert (payment.status, payment.amount_captured) == ("succeeded", 750)
    assert [charge["amount_captured"] for charge in world.charges()] == [750]


def test_a_release_charges_nothing(world: World, held: str) -> None:
    status, page = send(world, held, "release")
    assert (status, "released. Nothing was charged." in page) == (303, True)
    assert world.payment(held).status == "canceled"


@pytest.mark.parametrize("amount", ["0", "20.01", "many", ""])
def test_an_amount_that_cannot_be_is_told_beside_its_field(world: World, held: str, amount: str) -> None:
    status, page = send(world, held, "capture", amount=amount)
    assert status == 422
    assert "Please check the amount. Nothing was captured." in page
    assert world.payment(held).status == "requires_capture"


def test_a_form_sent_twice_captures_once(world: World, held: str) -> None:
    send(world, held, "capture", amount="20.00")
    status, page = send(world, held, "capture", amount="20.00")
    assert (status, "Nothing is held" in page) == (422, True)
    assert [charge["amount_captured"] for charge in world.charges()] == [2000]


def test_an_answer_that_is_lost_is_said_to_be_open(world: World, held: str) -> None:
    world.fault(kind="reset_after", operation="payment_intents.capture", count=1)
    status, page = send(world, held, "capture", amount="20.00")
    assert (status, "hasn&#39;t answered yet" in page) == (303, True)


@pytest.mark.parametrize("role", ["viewer", "staff", "stranger"])
def test_who_may_only_look_changes_nothing(world: World, held: str, role: str) -> None:
    for act in ("capture", "release"):
        client = world.sign_in(role)
        token = csrf(client.get("/admin/").get_data(as_text=True))
        answer = client.post(f"/admin/payments/{held}/{act}", data={"csrf_token": token, "amount": "1.00"})
        assert answer.status_code == (404 if role == "stranger" else 403)
    assert world.payment(held).status == "requires_capture"
