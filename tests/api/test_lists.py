"""Listing payments: by cursor, in both directions, at the same price for one as for fifty."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.billing import new_payments
from ballast.billing.new_payments import NewPayment
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Customer, Payment
from tests.api.conftest import problem
from tests.statements import counted
from tests.world import Api, World


def make(world: World, count: int, **fields: Any) -> list[str]:
    """Ids of new payments, newest first."""
    with organization(world.acme.id), transaction():
        asked = NewPayment(100, "USD", **fields)
        return [new_payments.create(world.acme.id, asked).id for _ in range(count)][::-1]


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.get_json()["data"]]


def test_an_empty_list_is_a_list(api: Api) -> None:
    assert api.get("/payments").get_json() == {"object": "list", "data": [], "has_more": False}


def test_the_newest_come_first_twenty_at_a_time(api: Api, world: World) -> None:
    made = make(world, 21)
    answer = api.get("/payments")
    assert ids(answer) == made[:20]
    assert answer.get_json()["has_more"] is True


def test_a_page_of_exactly_what_there_is_has_no_more(api: Api, world: World) -> None:
    made = make(world, 5)
    answer = api.get("/payments", limit=5)
    assert (ids(answer), answer.get_json()["has_more"]) == (made, False)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_walking_down_and_up_again_meets_every_payment_once(api: Api, world: World, limit: int) -> None:
    made = make(world, 7)
    down: list[str] = []
    answer = api.get("/payments", limit=limit)
    while True:
        down += ids(answer)
        if not answer.get_json()["has_more"]:
            break
        answer = api.get("/payments", limit=limit, starting_after=down[-1])
    assert down == made
    up = [made[-1]]
    while True:
        answer = api.get("/payments", limit=limit, ending_before=up[0])
        up = ids(answer) + up
        if not answer.get_json()["has_more"]:
            break
    assert up == made


def test_a_payment_made_meanwhile_shifts_no_page(api: Api, world: World) -> None:
    made = make(world, 4)
    first = ids(api.get("/payments", limit=2))
    newer = make(world, 1)
    assert ids(api.get("/payments", limit=2, starting_after=first[-1])) == made[2:]
    assert ids(api.get("/payments", limit=5, ending_before=first[0])) == newer


def test_beyond_the_ends_there_is_nothing(api: Api, world: World) -> None:
    made = make(world, 2)
    for query in ({"starting_after": made[-1]}, {"ending_before": made[0]}):
        answer = api.get("/payments", **query)
        assert (ids(answer), answer.get_json()["has_more"]) == ([], False)


def test_a_cursor_need_not_be_a_payment_that_exists(api: Api, world: World) -> None:
    made = make(world, 2)
    assert ids(api.get("/payments", starting_after=new_id("pay"))) == made
    assert ids(api.get("/payments", starting_after="pay_00000000000000000000000000")) == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"status": "paid"}, "status"),
        ({"starting_after": "cus_01jd8h2m4s6v8x0z2b4d6f8h0k"}, "starting_after"),
        ({"ending_before": "1"}, "ending_before"),
        ({"starting_after": "x" * 41}, "starting_after"),
        ({"customer": "somebody"}, "customer"),
        ({"offset": 20}, "offset"),
    ],
)
def test_a_query_that_cannot_be_is_refused_and_named(api: Api, query: dict[str, Any], param: str) -> None:
    answer = api.get("/payments", **query)
    assert (answer.status_code, problem(answer)["param"]) == (400, param)


def test_the_list_is_filtered_by_status_and_customer_and_pages_within_the_filter(api: Api, world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        customer = new_id("cus")
        session.add(Customer(id=customer, organization_id=world.acme.id, email="noor@example.com"))
    plain = make(world, 3)
    theirs = make(world, 3, customer_id=customer, payment_method="pm_card_visa")
    make(world, 1)
    assert ids(api.get("/payments", customer=customer)) == theirs
    assert ids(api.get("/payments", status="requires_confirmation")) == theirs
    assert ids(api.get("/payments", status="requires_confirmation", limit=1, starting_after=theirs[0])) == theirs[1:2]
    assert ids(api.get("/payments", status="requires_payment_method"))[1:] == plain
    assert ids(api.get("/payments", status="succeeded", customer=customer)) == []


def test_cancelled_is_understood_as_canceled(api: Api, world: World) -> None:
    payment_id = make(world, 1)[0]
    with organization(world.acme.id), transaction() as session:
        found = session.query(Payment).filter_by(id=payment_id).one()
        found.status = "canceled"
    assert ids(api.get("/payments", status="cancelled")) == ids(api.get("/payments", status="canceled")) == [payment_id]


def test_a_list_costs_the_same_statements_for_one_payment_as_for_fifty(api: Api, world: World) -> None:
    make(world, 1)
    api.get("/payments")
    with counted(world.app) as few:
        assert len(ids(api.get("/payments", limit=100))) == 1
    make(world, 49)
    with counted(world.app) as many:
        assert len(ids(api.get("/payments", limit=100))) == 50
    assert few == many
    assert len(many) <= 6


def test_one_payment_costs_few_statements(api: Api, world: World) -> None:
    payment_id = make(world, 1)[0]
    api.get("/payments")
    with counted(world.app) as seen:
        assert api.get(f"/payments/{payment_id}").get_json()["id"] == payment_id
    assert len(seen) <= 6


def test_no_list_counts_the_table(api: Api, world: World) -> None:
    make(world, 3)
    with counted(world.app) as seen:
        api.get("/payments", limit=1)
    assert not any("count(" in statement.lower() or "offset" in statement.lower() for statement in seen)
