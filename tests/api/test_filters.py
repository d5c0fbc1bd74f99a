"""Filtering the list of payments, and paging through it by number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, update

from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Payment
from tests.api.conftest import problem
from tests.api.test_lists import ids, make
from tests.statements import counted
from tests.world import Api, World

CREATED = ("2026-03-01T00:00:00+00:00", "2026-03-01T23:59:59.999999+00:00", "2026-03-02T00:00:00+00:00")


@pytest.fixture
def three(world: World) -> list[str]:
    """A payment at the start of a day, one at its end and one right after; 100, 200 and 300 dollars."""
    made = make(world, 3)[::-1]
    with organization(world.acme.id), transaction() as session:
        for number, (payment_id, created) in enumerate(zip(made, CREATED, strict=True), 1):
            fields = {"created_at": datetime.fromisoformat(created), "amount": number * 100}
            fields |= {"metadata_": {"order": str(number), "shop": "north"}}
            session.execute(update(Payment).where(Payment.id == payment_id).values(**fields))
    return made


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"from": "2026-03-02"}, [3]),
        ({"from": "2026-03-01T23:59:59.999999Z"}, [3, 2]),
        ({"from": "2026-03-02T05:30:00+05:30"}, [3]),
        ({"from": "2026-03-02T00:00:00"}, [3]),
        ({"to": "2026-03-01"}, [2, 1]),
        ({"to": "2026-03-01T00:00:00Z"}, [1]),
        ({"from": "2026-03-01", "to": "2026-03-01"}, [2, 1]),
        ({"from": "2026-03-03", "to": "2026-03-01"}, []),
        ({"amount": 200}, [2]),
        ({"amount_gte": 200}, [3, 2]),
        ({"amount_lte": 200}, [2, 1]),
        ({"amount_gte": 101, "amount_lte": 299}, [2]),
        ({"metadata[order]": "2"}, [2]),
        ({"metadata[shop]": "north"}, [3, 2, 1]),
        ({"metadata[shop]": "north", "metadata[order]": "3"}, [3]),
        ({"metadata[shop]": "south"}, []),
        ({"metadata[order]": "%"}, []),
        ({"metadata[]": "north"}, None),
        ({"processor": "stripe"}, [3, 2, 1]),
        ({"processor": "square"}, []),
        ({"status": "requires_payment_method", "amount": 300, "from": "2026-01-01"}, [3]),
    ],
)
def test_a_filter_finds_what_fits_it(
    api: Api, three: list[str], query: dict[str, Any], found: list[int] | None
) -> None:
    answer = api.get("/payments", **query)
    if found is None:
        assert (answer.status_code, problem(answer)["code"]) == (400, "parameter_invalid")
    else:
        assert ids(answer) == [three[number - 1] for number in found]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": ""}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "2026-03-01T00:00:00 02:00"}, "to"),
        ({"amount": "20.5"}, "amount"),
        ({"amount_gte": 0}, "amount_gte"),
        ({"amount_lte": 10**30}, "amount_lte"),
        ({"processor": "paypal"}, "processor"),
        ({"metadata": "north"}, "metadata"),
        ({f"metadata[{'k' * 41}]": "v"}, f"metadata.{'k' * 41}.[key]"),
        ({"metadata[a]": "v" * 501}, "metadata.a"),
        ({"expand[]": "everything"}, "expand[].0"),
        ({"expand": "customer"}, "expand"),
        ({"page": 0}, "page"),
        ({"page": "first"}, "page"),
        ({"page": 1, "pageSize": 101}, "pageSize"),
        ({"page": 1, "page_size": 5}, "page_size"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_and_named(api: Api, query: dict[str, Any], param: str) -> None:
    answer = api.get("/payments", **query)
    assert (answer.status_code, problem(answer)["param"]) == (400, param)


def test_pages_by_number_show_every_payment_once(api: Api, world: World) -> None:
    made = make(world, 5)
    pages = [api.get("/payments", page=page, pageSize=2) for page in (1, 2, 3, 4)]
    assert [ids(page) for page in pages] == [made[:2], made[2:4], made[4:], []]
    assert [page.get_json()["has_more"] for page in pages] == [True, True, False, False]


def test_a_page_without_a_size_has_twenty(api: Api, world: World) -> None:
    made = make(world, 21)
    assert ids(api.get("/payments", page=1)) == made[:20]


@pytest.mark.parametrize(
    ("page", "size", "status"), [(100, 100, 200), (101, 100, 400), (10_000, 1, 200), (10_001, 1, 400)]
)
def test_pages_go_ten_thousand_rows_deep_and_then_point_to_cursors(api: Api, page: int, size: int, status: int) -> None:
    answer = api.get("/payments", page=page, pageSize=size)
    assert answer.status_code == status
    if status == 400:
        assert (problem(answer)["code"], problem(answer)["param"]) == ("page_too_deep", "page")
        assert "starting_after" in problem(answer)["message"]


def test_the_last_page_by_number_is_reached_and_the_cursor_goes_on_from_it(api: Api, world: World) -> None:
    with organization(world.acme.id), transaction() as session:
        rows = [
            {
                "id": new_id("pay"),
                "organization_id": world.acme.id,
                "amount": 100,
                "currency": "USD",
                "processor": "stripe",
                "processor_account_id": world.acme.account_id,
                "created_at": datetime.now(UTC),
            }
            for _ in range(10_001)
        ]
        session.execute(insert(Payment), rows)
    oldest_first = [row["id"] for row in rows]
    last = api.get("/payments", page=100, pageSize=100)
    assert ids(last) == oldest_first[100:0:-1]
    assert last.get_json()["has_more"] is True
    assert ids(api.get("/payments", starting_after=ids(last)[-1])) == oldest_first[:1]


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
def test_a_page_number_and_a_cursor_do_not_go_together(api: Api, cursor: str) -> None:
    answer = api.get("/payments", page=1, **{cursor: new_id("pay")})
    assert (answer.status_code, problem(answer)["code"]) == (400, "parameter_conflict")


def test_every_filter_at_once_costs_no_statement_more_than_none(api: Api, three: list[str], world: World) -> None:
    api.get("/payments")
    with counted(world.app) as bare:
        api.get("/payments")
    query = {"status": "canceled", "processor": "stripe", "from": "2026-01-01", "to": "2026-12-31"}
    with counted(world.app) as filtered:
        api.get("/payments", **query, amount=1, amount_gte=1, amount_lte=1, **{"metadata[a]": "b"})
    assert len(filtered) == len(bare)
