"""PATCH of a payment, and what `expand[]` puts in place of ids."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.billing import refunds
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import AuditEntry, Customer, Dispute, Payment, PaymentMethod
from tests.api.conftest import problem
from tests.api.test_keys import key_with
from tests.statements import counted
from tests.world import Api, World


def patch(api: Api, path: str, body: Any) -> Any:
    return api.client.patch(f"/api/v1{path}", json=body, headers={"X-API-Key": api.key})


def audited(world: World, action: str) -> list[dict[str, Any]]:
    return [entry.changes for entry in world.all_of(AuditEntry) if entry.action == action]


def test_metadata_is_merged_and_a_null_takes_its_key_away(api: Api, world: World) -> None:
    payment_id = api.pay(metadata={"order": "1", "shop": "north"}, confirm=False).get_json()["id"]
    answer = patch(api, f"/payments/{payment_id}", {"metadata": {"order": "2", "shop": None, "floor": "3"}})
    assert answer.status_code == 200
    assert answer.get_json()["metadata"] == {"order": "2", "floor": "3"}
    assert api.get(f"/payments/{payment_id}").get_json() == answer.get_json()


def test_what_is_left_out_stays_and_a_null_description_goes(api: Api) -> None:
    payment_id = api.pay(metadata={"order": "1"}, description="One").get_json()["id"]
    changed = patch(api, f"/payments/{payment_id}", {"description": "Two"}).get_json()
    assert (changed["description"], changed["metadata"], changed["status"]) == ("Two", {"order": "1"}, "succeeded")
    assert patch(api, f"/payments/{payment_id}", {"description": None}).get_json()["description"] is None


def test_the_audit_log_says_what_it_was_and_what_it_became(api: Api, world: World) -> None:
    payment_id = api.pay(metadata={"order": "1"}, description="One", confirm=False).get_json()["id"]
    patch(api, f"/payments/{payment_id}", {"description": "Two", "metadata": {"order": "2"}})
    assert audited(world, "payment.updated") == [
        {
            "description": {"before": "One", "after": "Two"},
            "metadata": {"before": {"order": "1"}, "after": {"order": "2"}},
        }
    ]


def test_a_change_that_changes_nothing_is_not_in_the_audit_log(api: Api, world: World) -> None:
    payment_id = api.pay(description="One", confirm=False).get_json()["id"]
    for body in ({}, {"description": "One"}, {"metadata": {}}, {"metadata": {"gone": None}}):
        assert patch(api, f"/payments/{payment_id}", body).status_code == 200
    assert audited(world, "payment.updated") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"amount": 1}, "parameter_unknown"),
        ({"status": "succeeded"}, "parameter_unknown"),
        ({"metadata": None}, "parameter_invalid"),
        ({"metadata": {"a": 1}}, "parameter_invalid"),
        ({"description": 5}, "parameter_invalid"),
        ({"description": "a" * 501}, "parameter_invalid"),
        ({"description": "4242424242424242"}, "card_number_refused"),
        ({"metadata": {str(number): "v" for number in range(20)}}, "metadata_too_large"),
    ],
)
def test_a_change_that_cannot_be_is_refused(api: Api, world: World, body: dict[str, Any], code: str) -> None:
    payment_id = api.pay(metadata={"order": "1"}, confirm=False).get_json()["id"]
    answer = patch(api, f"/payments/{payment_id}", body)
    assert (answer.status_code, problem(answer)["code"]) == (400, code)
    assert world.payment(payment_id).metadata_ == {"order": "1"}
    assert audited(world, "payment.updated") == []


def test_changing_needs_the_scope_to_write(world: World, api: Api) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    assert patch(key_with(world, "payments:read"), f"/payments/{payment_id}", {}).status_code == 403
    assert patch(key_with(world, "payments:write"), f"/payments/{payment_id}", {}).status_code == 200


def related(world: World, count: int) -> list[str]:
    """Payments, each with a customer and a card of its own, two refunds and a dispute."""
    acme = world.acme
    made = []
    for number in range(count):
        api = world.api(acme.api_key)
        payment_id = api.pay().get_json()["id"]
        with organization(acme.id), transaction() as session:
            for _ in range(2):
                refunds.request(acme.id, payment_id, 100, "duplicate")
            payment = session.get_one(Payment, (acme.id, payment_id))
            customer = Customer(organization_id=acme.id, id=new_id("cus"), email=f"{number}@example.com")
            session.add(customer)
            session.flush()
            card = PaymentMethod(
                organization_id=acme.id,
                id=new_id("pm"),
                customer_id=customer.id,
                processor_account_id=acme.account_id,
                external_id=f"pm_{payment_id}",
            )
            session.add(card)
            session.flush()
            payment.customer_id, payment.payment_method_id = customer.id, card.id
            session.add(dispute_of(world, payment_id))
        made.append(payment_id)
    return made[::-1]


def dispute_of(world: World, payment_id: str) -> Dispute:
    from ballast.db import db
    from ballast.models.payments import attempts_of

    attempt = db.session.scalars(attempts_of(world.acme.id, payment_id)).one()
    return Dispute(
        organization_id=world.acme.id,
        payment_id=payment_id,
        attempt_id=attempt.id,
        processor_account_id=world.acme.account_id,
        external_id=f"dp_{payment_id}",
        amount=100,
        currency="USD",
        reason="fraudulent",
        status="won",
    )


EVERYTHING = ["customer", "payment_method", "refunds", "disputes"]


def test_expand_puts_objects_in_place_of_ids(api: Api, world: World) -> None:
    payment_id = related(world, 2)[1]
    bare = api.get(f"/payments/{payment_id}").get_json()
    full = api.get(f"/payments/{payment_id}", **{"expand[]": EVERYTHING}).get_json()
    assert full["customer"]["id"] == bare["customer"]
    assert full["customer"]["email"] == "0@example.com"
    assert (full["payment_method"]["id"], full["payment_method"]["processor"]) == (bare["payment_method"], "stripe")
    assert [(one["payment"], one["amount"], one["status"]) for one in full["refunds"]] == [
        (payment_id, 100, "pending")
    ] * 2
    assert [(one["payment"], one["status"]) for one in full["disputes"]] == [(payment_id, "won")]
    assert {name: full[name] for name in bare if name not in EVERYTHING} == {
        name: bare[name] for name in bare if name not in EVERYTHING
    }


def test_expand_leaves_what_there_is_not(api: Api) -> None:
    payment_id = api.pay(confirm=False).get_json()["id"]
    full = api.get(f"/payments/{payment_id}", **{"expand[]": EVERYTHING}).get_json()
    assert (full["customer"], full["payment_method"]) == (None, "pm_card_visa")
    assert (full["refunds"], full["disputes"]) == ([], [])


def test_a_list_with_everything_costs_the_same_statements_for_one_payment_as_for_ten(api: Api, world: World) -> None:
    related(world, 1)
    query: dict[str, Any] = {"expand[]": EVERYTHING}
    api.get("/payments", **query)
    with counted(world.app) as few:
        assert len(api.get("/payments", **query).get_json()["data"]) == 1
    with counted(world.app) as bare:
        api.get("/payments")
    related(world, 9)
    with counted(world.app) as many:
        rows = api.get("/payments", **query).get_json()["data"]
    assert len(rows) == 10
    assert len({row["customer"]["email"] for row in rows}) == 9, "one for each, the first of both rounds named alike"
    assert all(len(row["refunds"]) == 2 and len(row["disputes"]) == 1 for row in rows)
    assert few == many
    assert len(many) == len(bare) + 4
