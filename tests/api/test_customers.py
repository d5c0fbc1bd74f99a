"""Customers and their stored cards over the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import AuditEntry, Customer, Event, PaymentMethod
from tests.api.conftest import problem
from tests.api.test_changing import audited, patch
from tests.api.test_keys import key_with
from tests.api.test_lists import ids
from tests.statements import counted
from tests.world import Api, World

ADA = {"email": "Ada@Example.com", "name": "Ada Byron", "metadata": {"account": "17"}}


@pytest.fixture
def ada(api: Api) -> str:
    """A customer."""
    made: str = api.post("/customers", ADA).get_json()["id"]
    return made


@pytest.fixture
def card(api: Api, ada: str) -> str:
    """A card of hers, stored by a payment."""
    assert api.pay(customer=ada, save_payment_method=True).status_code == 201
    (stored,) = ids(api.get("/payment_methods", customer=ada))
    return str(stored)


def test_a_customer_is_made_and_found(api: Api, world: World) -> None:
    answer = api.post("/customers", ADA)
    made = answer.get_json()
    assert answer.status_code == 201
    assert made | {"id": "", "created_at": ""} == {
        "id": "",
        "object": "customer",
        "email": "ada@example.com",
        "name": "Ada Byron",
        "country": None,
        "region": None,
        "metadata": {"account": "17"},
        "created_at": "",
    }
    assert api.get(f"/customers/{made['id']}").get_json() == made
    assert [event.type for event in world.all_of(Event)] == ["customer.created"]
    assert [entry.action for entry in world.all_of(AuditEntry) if entry.resource_id == made["id"]] == [
        "customer.created"
    ]


def test_a_customer_may_be_nobody_in_particular(api: Api) -> None:
    made = api.post("/customers").get_json()
    assert (made["email"], made["name"], made["metadata"]) == (None, "", {})


def test_one_key_makes_one_customer(api: Api, world: World) -> None:
    key = str(uuid4())
    first, second = (api.post("/customers", ADA, key) for _ in range(2))
    assert first.get_data() == second.get_data()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert problem(api.post("/customers", {"name": "Bob"}, key))["code"] == "idempotency_key_reused"
    assert len(world.all_of(Customer)) == 1


def test_without_a_key_two_posts_make_two_and_a_key_that_is_none_is_refused(api: Api, world: World) -> None:
    for _ in range(2):
        api.client.post("/api/v1/customers", json=ADA, headers={"X-API-Key": api.key})
    assert len(world.all_of(Customer)) == 2
    assert problem(api.post("/customers", ADA, "order-1"))["code"] == "idempotency_key_invalid"
    assert len(world.all_of(Customer)) == 2


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"email": "ada"}, "parameter_invalid", "email"),
        ({"email": ""}, "parameter_invalid", "email"),
        ({"email": "ada@example.com\nBcc: x@example.com"}, "parameter_invalid", "email"),
        ({"email": "a" * 250 + "@example.com"}, "parameter_invalid", "email"),
        ({"email": 5}, "parameter_invalid", "email"),
        ({"name": None}, "parameter_invalid", "name"),
        ({"name": "n" * 201}, "parameter_invalid", "name"),
        ({"name": "4242 4242 4242 4242"}, "card_number_refused", "name"),
        ({"metadata": {"a": {}}}, "parameter_invalid", "metadata.a"),
        ({"metadata": {str(number): "" for number in range(21)}}, "parameter_invalid", "metadata"),
        ({"held_at": None}, "parameter_unknown", "held_at"),
        ({"id": "cus_1"}, "parameter_unknown", "id"),
    ],
)
def test_a_customer_that_cannot_be_is_refused(
    api: Api, world: World, ada: str, body: dict[str, Any], code: str, param: str
) -> None:
    for answer in (api.post("/customers", body), patch(api, f"/customers/{ada}", body)):
        assert (answer.status_code, problem(answer)["code"], problem(answer)["param"]) == (400, code, param)
    assert [row.name for row in world.all_of(Customer)] == ["Ada Byron"]


def test_a_change_is_merged_audited_and_told_of(api: Api, world: World, ada: str) -> None:
    changed = patch(api, f"/customers/{ada}", {"name": "Ada Lovelace", "metadata": {"account": None, "tier": "1"}})
    assert changed.get_json()["email"] == "ada@example.com"
    assert (changed.get_json()["name"], changed.get_json()["metadata"]) == ("Ada Lovelace", {"tier": "1"})
    patch(api, f"/customers/{ada}", {"name": "Ada Lovelace"})
    assert audited(world, "customer.updated") == [
        {
            "name": {"before": "Ada Byron", "after": "Ada Lovelace"},
            "metadata": {"before": {"account": "17"}, "after": {"tier": "1"}},
        }
    ]
    assert [event.type for event in world.all_of(Event)] == ["customer.created", "customer.updated"]


def test_customers_are_found_by_their_whole_address(api: Api, ada: str) -> None:
    other = api.post("/customers", {"email": "ada@example.org"}).get_json()["id"]
    assert ids(api.get("/customers")) == [other, ada]
    assert ids(api.get("/customers", email="ADA@example.com")) == [ada]
    assert ids(api.get("/customers", email="ada")) == ids(api.get("/customers", email="%")) == []
    assert ids(api.get("/customers", limit=1, starting_after=other)) == [ada]


def test_an_erased_customer_is_not_there(api: Api, world: World, ada: str) -> None:
    with organization(world.acme.id), transaction() as session:
        session.get_one(Customer, (world.acme.id, ada)).erased_at = real_time()
    assert api.get(f"/customers/{ada}").status_code == patch(api, f"/customers/{ada}", {}).status_code == 404
    assert ids(api.get("/customers")) == []


def test_customers_have_scopes_of_their_own(world: World, ada: str) -> None:
    reader, writer = key_with(world, "customers:read"), key_with(world, "customers:write")
    assert reader.get(f"/customers/{ada}").status_code == reader.get("/customers").status_code == 200
    assert reader.get("/payment_methods", customer=ada).status_code == 200
    assert writer.post("/customers").status_code == 201
    refused = [writer.get("/customers"), reader.post("/customers"), key_with(world, "payments:read").get("/customers")]
    assert [problem(answer)["code"] for answer in refused] == ["scope_missing"] * 3


# --- Stored cards ------------------------------------------------------------------------------------------------------------


def test_a_stored_card_is_listed_and_shown_without_a_token(api: Api, ada: str, card: str) -> None:
    shown = api.get(f"/payment_methods/{card}").get_json()
    assert (shown["customer"], shown["processor"], shown["status"], shown["type"]) == (ada, "stripe", "active", "card")
    assert (shown["card"]["brand"], shown["card"]["last4"]) == ("visa", "4242")
    assert api.get("/payment_methods", customer=ada).get_json()["data"] == [shown]
    assert ids(api.get("/payment_methods", customer=ada, status="detached")) == []


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ({}, "parameter_missing", "customer"),
        ({"customer": "somebody"}, "parameter_invalid", "customer"),
        ({"customer": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k", "status": "gone"}, "parameter_invalid", "status"),
    ],
)
def test_a_list_of_cards_is_somebodys(api: Api, query: dict[str, str], code: str, param: str) -> None:
    error = problem(api.get("/payment_methods", **query))
    assert (error["code"], error["param"]) == (code, param)


def test_nothing_charges_a_card_that_is_detached(api: Api, world: World, ada: str, card: str) -> None:
    waiting = api.pay(customer=ada, payment_method=card, confirm=False).get_json()["id"]
    detached = api.post(f"/payment_methods/{card}/detach")
    assert (detached.status_code, detached.get_json()["status"]) == (200, "detached")
    assert detached.get_json()["detached_at"] is not None
    charged = len(world.charges())
    refused = [
        api.pay(customer=ada, payment_method=card),
        api.pay(customer=ada, payment_method=card, off_session=True),
        api.post(f"/payments/{waiting}/confirm"),
        api.post(f"/payments/{waiting}/confirm", {"payment_method": card}),
    ]
    assert [problem(answer)["code"] for answer in refused] == ["payment_method_unknown"] * 4
    assert len(world.charges()) == charged
    assert api.post(f"/payments/{waiting}/confirm", {"payment_method": "pm_card_visa"}).status_code == 200


def test_detaching_twice_changes_nothing_and_is_in_the_audit_log_once(api: Api, world: World, card: str) -> None:
    first, second = (api.post(f"/payment_methods/{card}/detach") for _ in range(2))
    assert first.get_json() == second.get_json()
    assert len(audited(world, "payment_method.detached")) == 1
    assert [event.type for event in world.all_of(Event)].count("payment_method.detached") == 1


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_card_that_is_not_stored_cannot_be_detached(api: Api, world: World, card: str, status: str) -> None:
    with organization(world.acme.id), transaction() as session:
        session.get_one(PaymentMethod, (world.acme.id, card)).status = status
    answer = api.post(f"/payment_methods/{card}/detach")
    assert (answer.status_code, problem(answer)["code"]) == (409, "state_conflict")


def test_lists_cost_the_same_statements_for_one_as_for_ten(api: Api, world: World, ada: str, card: str) -> None:
    for path, query in (("/customers", {}), ("/payment_methods", {"customer": ada})):
        api.get(path, **query)
        with counted(world.app) as few:
            assert len(ids(api.get(path, **query, limit=1))) == 1
        with organization(world.acme.id), transaction() as session:
            for number in range(9):
                session.add(Customer(organization_id=world.acme.id))
                session.add(
                    PaymentMethod(
                        organization_id=world.acme.id,
                        customer_id=ada,
                        processor_account_id=world.acme.account_id,
                        external_id=f"pm_{path}_{number}",
                    )
                )
        with counted(world.app) as many:
            assert len(ids(api.get(path, **query))) >= 10
        assert few == many
        assert len(many) <= 6
