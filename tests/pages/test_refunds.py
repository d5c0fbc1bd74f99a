"""Giving money back from the dashboard."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ballast.models import Refund
from tests.world import Api, World, csrf

HTMX = {"HX-Request": "true"}


@pytest.fixture
def paid(api: Api) -> str:
    """A payment of $20.00."""
    payment_id: str = api.pay().get_json()["id"]
    return payment_id


def send(client: FlaskClient, payment_id: str, amount: str = "20.00", **more: Any) -> TestResponse:
    headers = more.pop("headers", None)
    token = csrf(client.get("/admin/").get_data(as_text=True))
    form = {"amount": amount, "reason": "requested_by_customer", "form_key": str(uuid4()), "csrf_token": token, **more}
    return client.post(f"/admin/payments/{payment_id}/refund", data=form, headers=headers)


def refunded(world: World) -> list[int]:
    return [charge["amount_refunded"] for charge in world.charges()]


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owner_and_admin_refund_in_full(world: World, paid: str, role: str) -> None:
    client = world.sign_in(role)
    form = client.get(f"/admin/payments/{paid}/refund")
    assert form.status_code == 200
    assert 'value="20.00"' in form.get_data(as_text=True)
    answer = send(client, paid)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/payments/{paid}")
    assert "Refund of $20.00 sent." in client.get(f"/admin/payments/{paid}").get_data(as_text=True)
    assert refunded(world) == [2000]
    assert world.payment(paid).amount_refunded == 2000


def test_a_viewer_sees_no_button_no_form_and_refunds_nothing(world: World, paid: str) -> None:
    client = world.sign_in("viewer")
    assert f"/admin/payments/{paid}/refund" not in client.get(f"/admin/payments/{paid}").get_data(as_text=True)
    assert client.get(f"/admin/payments/{paid}/refund").status_code == 403
    assert send(client, paid).status_code == 403
    assert world.all_of(Refund) == []
    assert refunded(world) == [0]


def test_partial_refunds_add_up_to_the_whole_and_no_further(world: World, paid: str) -> None:
    client = world.sign_in("owner")
    for amount in ("5.00", "10.50", "4.50"):
        assert send(client, paid, amount).status_code == 303
    assert refunded(world) == [2000]
    assert [row.amount for row in world.all_of(Refund)] == [500, 1050, 450]
    answer = send(client, paid, "0.01")
    assert answer.status_code == 422
    assert "Nothing left to refund" in answer.get_data(as_text=True)
    assert refunded(world) == [2000]


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("20.01", "At most $20.00 can be refunded."),
        ("9999999999.99", "At most $20.00 can be refunded."),
        ("10000000000", "Enter an amount of at most"),
        ("0", "Enter an amount above zero."),
        ("0.00", "Enter an amount above zero."),
        ("-5", "Enter an amount above zero."),
        ("", "Enter an amount such as 20.00."),
        ("all", "Enter an amount such as 20.00."),
        ("1e1", "Enter an amount such as 20.00."),
        ("1e999999999", "Enter an amount such as 20.00."),
        ("NaN", "Enter an amount such as 20.00."),
        ("10,50", "Enter an amount such as 20.00."),
        ("$5", "Enter an amount such as 20.00."),
        ("1.001", "Enter an amount with at most 2 decimals."),
        ("<b>5</b>", "Enter an amount such as 20.00."),
    ],
)
def test_an_amount_that_cannot_be_refunded_is_told_in_words_beside_what_was_typed(
    world: World, paid: str, amount: str, sentence: str
) -> None:
    answer = send(world.sign_in("owner"), paid, amount)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert f'value="{amount}"' in page or "<" in amount
    assert world.all_of(Refund) == []
    assert refunded(world) == [0]


def test_a_form_sent_twice_is_one_refund(world: World, paid: str) -> None:
    client, key = world.sign_in("owner"), str(uuid4())
    answers = [send(client, paid, "5.00", form_key=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert [row.amount for row in world.all_of(Refund)] == [500]
    assert refunded(world) == [500]


def test_a_form_sent_again_with_another_amount_is_refused_and_not_said_to_be_done(world: World, paid: str) -> None:
    client, key = world.sign_in("owner"), str(uuid4())
    send(client, paid, "5.00", form_key=key)
    client.get(f"/admin/payments/{paid}")
    answer = send(client, paid, "7.00", form_key=key)
    assert answer.status_code == 422
    assert "sent" not in client.get(f"/admin/payments/{paid}").get_data(as_text=True).partition('id="toasts"')[2][:400]
    assert refunded(world) == [500]


def test_a_form_key_of_one_payment_refunds_no_other(world: World, api: Api, paid: str) -> None:
    client, key = world.sign_in("owner"), str(uuid4())
    send(client, paid, "5.00", form_key=key)
    other = api.pay().get_json()["id"]
    assert send(client, other, "5.00", form_key=key).status_code == 422
    assert world.payment(other).amount_refunded == 0


def test_two_forms_are_two_refunds(world: World, paid: str) -> None:
    client = world.sign_in("owner")
    send(client, paid, "5.00")
    send(client, paid, "5.00")
    assert refunded(world) == [1000]


def test_a_form_without_its_key_still_refunds(world: World, paid: str) -> None:
    assert send(world.sign_in("owner"), paid, "5.00", form_key="").status_code == 303
    assert refunded(world) == [500]


@pytest.mark.parametrize("reason", ["", "because", "other\0"])
def test_a_reason_must_be_one_of_the_list(world: World, paid: str, reason: str) -> None:
    answer = send(world.sign_in("owner"), paid, "5.00", reason=reason)
    assert answer.status_code == (400 if "\0" in reason else 422)
    assert refunded(world) == [0]


@pytest.mark.parametrize("method", ["pm_card_visa_chargeDeclined", "pm_card_authenticationRequired"])
def test_a_payment_that_took_no_money_gives_none_back(world: World, api: Api, method: str) -> None:
    body = api.pay(payment_method=method).get_json()
    payment_id = body.get("id") or body["error"]["payment"]["id"]
    client = world.sign_in("owner")
    assert send(client, payment_id, "1.00").status_code == 422
    assert world.all_of(Refund) == []


@pytest.mark.parametrize(("currency", "amount", "shown"), [("JPY", 500, "500"), ("KWD", 12_340, "12.340")])
def test_a_refund_is_typed_in_the_payments_own_currency(
    world: World, api: Api, currency: str, amount: int, shown: str
) -> None:
    payment_id = api.pay(currency=currency, amount=amount).get_json()["id"]
    client = world.sign_in("owner")
    assert f'value="{shown}"' in client.get(f"/admin/payments/{payment_id}/refund").get_data(as_text=True)
    assert send(client, payment_id, shown).status_code == 303
    assert refunded(world) == [amount]


def test_htmx_gets_the_form_alone_and_is_sent_on_by_header(world: World, paid: str) -> None:
    client = world.sign_in("owner")
    wrong = send(client, paid, "0", headers=HTMX)
    assert wrong.status_code == 422
    assert wrong.get_data(as_text=True).lstrip().startswith("<form")
    right = send(client, paid, "1.00", headers=HTMX)
    assert right.headers["HX-Redirect"] == f"/admin/payments/{paid}"


def test_a_refund_the_processor_refuses_is_not_said_to_be_sent(world: World, paid: str) -> None:
    from tests.pages.elsewhere import refund_at_the_processor

    refund_at_the_processor(world, paid)
    client = world.sign_in("owner")
    answer = send(client, paid, "20.00")
    page = (
        client.get(f"/admin/payments/{paid}").get_data(as_text=True)
        if answer.status_code == 303
        else answer.get_data(as_text=True)
    )
    assert "Refund of $20.00 sent." not in page
    assert world.payment(paid).amount_refunded == 0


def test_who_asked_for_a_refund_is_in_the_audit_log(world: World, paid: str) -> None:
    from ballast.models import AuditEntry

    send(world.sign_in("admin"), paid, "5.00")
    entry = next(row for row in world.all_of(AuditEntry) if row.action == "refund.requested")
    assert (entry.actor_kind, entry.resource_id, entry.changes["amount"]) == ("user", paid, 500)
    assert entry.actor_id.startswith("usr_")
