"""Disputes, events and the balance over the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from ballast.db import organization, transaction
from ballast.models import Dispute, Event
from tests.api.conftest import problem
from tests.api.test_changing import dispute_of
from tests.api.test_keys import key_with
from tests.api.test_lists import ids
from tests.billing.disputing import Desk, connect, serving
from tests.statements import counted
from tests.world import Api, World


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Acme at Stripe, which tells us what happens."""
    with serving(world.app) as address:
        monkeypatch.setattr(world.settings, "public_url", address)
        yield Desk(world, "stripe", connect(world, "stripe"))


def disputed(world: World, api: Api, status: str = "won") -> str:
    """A dispute of a payment of its own."""
    payment_id = api.pay().get_json()["id"]
    with organization(world.acme.id), transaction() as session:
        row = dispute_of(world, payment_id)
        row.status = status
        session.add(row)
        session.flush()
        return row.id


def test_disputes_are_listed_by_payment_and_status(api: Api, world: World) -> None:
    won, lost = disputed(world, api, "won"), disputed(world, api, "lost")
    assert ids(api.get("/disputes")) == [lost, won]
    assert ids(api.get("/disputes", status="won")) == [won]
    shown = api.get(f"/disputes/{won}").get_json()
    assert (shown["object"], shown["amount"], shown["reason"], shown["pending_action"]) == (
        "dispute",
        100,
        "fraudulent",
        None,
    )
    assert api.get("/disputes", payment=shown["payment"]).get_json()["data"] == [shown]
    assert problem(api.get("/disputes", payment="1"))["param"] == "payment"
    assert problem(api.get("/disputes", status="open"))["param"] == "status"


def test_evidence_goes_to_the_bank_once_and_wins(api: Api, world: World, desk: Desk) -> None:
    dispute = desk.disputed()
    key = str(uuid4())
    body = {"text": "winning_evidence"}
    first, second = (api.post(f"/disputes/{dispute.id}/evidence", body, key) for _ in range(2))
    assert first.status_code == 200
    assert first.get_data() == second.get_data()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.get_json()["status"] in ("under_review", "won")
    assert desk.await_status("won").evidence == "winning_evidence"
    late = api.post(f"/disputes/{dispute.id}/evidence", {"text": "Something else."})
    assert (late.status_code, problem(late)["code"]) == (409, "dispute_closed")


def test_accepting_gives_the_money_up(api: Api, desk: Desk) -> None:
    dispute = desk.disputed()
    answer = api.post(f"/disputes/{dispute.id}/accept")
    assert answer.status_code == 200
    assert desk.await_status("accepted" if answer.get_json()["status"] == "accepted" else "lost")
    assert problem(api.post(f"/disputes/{dispute.id}/accept"))["code"] == "dispute_closed"


def test_nothing_is_refunded_while_a_dispute_is_open(api: Api, desk: Desk) -> None:
    payment_id = desk.pay()
    desk.disputed(payment_id)
    answer = api.post("/refunds", {"payment": payment_id})
    assert (answer.status_code, problem(answer)["code"]) == (409, "payment_disputed")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "text"),
        ({"text": ""}, "parameter_invalid", "text"),
        ({"text": " \r\n "}, "evidence_required", "text"),
        ({"text": 5}, "parameter_invalid", "text"),
        ({"text": "e" * 20_001}, "parameter_invalid", "text"),
        ({"text": "The card was 4242 4242 4242 4242."}, "card_number_refused", "text"),
        ({"text": "They have it.", "file": "receipt.pdf"}, "parameter_unknown", "file"),
    ],
)
def test_evidence_that_cannot_be_is_refused(
    api: Api, world: World, body: dict[str, Any], code: str, param: str
) -> None:
    dispute_id = disputed(world, api, "needs_response")
    answer = api.post(f"/disputes/{dispute_id}/evidence", body)
    assert (answer.status_code, problem(answer)["code"], problem(answer)["param"]) == (400, code, param)
    assert world.all_of(Dispute)[0].evidence is None


def test_a_key_that_is_no_uuid_is_refused_before_anything_is_sent(api: Api, world: World) -> None:
    dispute_id = disputed(world, api, "needs_response")
    for act, body in (("evidence", {"text": "They have it."}), ("accept", {})):
        answer = api.post(f"/disputes/{dispute_id}/{act}", body, "once")
        assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_invalid")
    assert world.all_of(Dispute)[0].action is None


def test_disputes_have_scopes_of_their_own(api: Api, world: World) -> None:
    dispute_id = disputed(world, api)
    reader, writer = key_with(world, "disputes:read"), key_with(world, "disputes:write")
    assert reader.get(f"/disputes/{dispute_id}").status_code == 200
    refused = [reader.post(f"/disputes/{dispute_id}/accept"), writer.get("/disputes")]
    refused.append(key_with(world, "payments:read", "payments:write").get("/disputes"))
    assert [problem(answer)["code"] for answer in refused] == ["scope_missing"] * 3
    assert problem(writer.post(f"/disputes/{dispute_id}/accept"))["code"] == "dispute_closed"


def test_lists_cost_the_same_statements_for_one_as_for_several(api: Api, world: World) -> None:
    disputed(world, api)
    api.get("/events")
    counts = {}
    for path in ("/disputes", "/events"):
        with counted(world.app) as few:
            api.get(path)
        counts[path] = few
    for _ in range(4):
        disputed(world, api)
    for path, few in counts.items():
        with counted(world.app) as many:
            assert len(ids(api.get(path))) >= 5
        assert few == many
        assert len(many) <= 6


# --- Events ------------------------------------------------------------------------------------------------------------------


def test_events_are_what_was_published_by_type_family_and_resource(api: Api, world: World) -> None:
    payment_id = api.pay().get_json()["id"]
    api.post("/refunds", {"payment": payment_id, "amount": 100})
    customer = api.post("/customers").get_json()
    rows = world.all_of(Event)
    assert ids(api.get("/events")) == [row.id for row in rows][::-1]
    types = [row["type"] for row in api.get("/events", type="refund.*").get_json()["data"]]
    assert types == ["refund.succeeded", "refund.created"]
    (told,) = api.get("/events", type="customer.created").get_json()["data"]
    assert (told["data"], told["resource"], told["api_version"]) == (customer, customer["id"], "2026-11-01")
    assert api.get(f"/events/{told['id']}").get_json() == told
    assert len(ids(api.get("/events", resource=payment_id))) == len(rows) - 1
    assert ids(api.get("/events", type="refund")) == ids(api.get("/events", type="refund_.*")) == []


@pytest.mark.parametrize("pattern", ["*", "%", "Refund.*", "refund.", "refund.**", ".refund", "a" * 81])
def test_a_type_that_cannot_be_is_refused(api: Api, pattern: str) -> None:
    answer = api.get("/events", type=pattern)
    assert (answer.status_code, problem(answer)["param"]) == (400, "type")


def test_events_need_the_scope_of_webhooks(api: Api, world: World) -> None:
    assert key_with(world, "webhooks:read").get("/events").status_code == 200
    assert problem(key_with(world, "payments:read").get("/events"))["code"] == "scope_missing"


# --- The balance -------------------------------------------------------------------------------------------------------------


def test_without_money_there_is_no_balance(api: Api) -> None:
    assert api.get("/balance").get_json() == {"object": "balance", "currencies": []}


def test_the_balance_is_what_the_ledger_says_in_each_currency(api: Api, world: World) -> None:
    first = api.pay(amount=2000).get_json()["id"]
    api.pay(amount=500)
    api.pay(amount=700, currency="EUR")
    api.post("/refunds", {"payment": first, "amount": 300})
    world.fault(operation="refunds.create", kind="reset_after", count=1)
    api.post("/refunds", {"payment": first, "amount": 50})
    answer = api.get("/balance").get_json()
    nothing = {"fees": 0, "payouts": 0}
    assert answer["currencies"] == [
        {"currency": "EUR", "receivable": 700, "sales": 700, "refunds": 0, "disputes": 0}
        | nothing
        | {"pending_refunds": 0},
        {"currency": "USD", "receivable": 2200, "sales": 2500, "refunds": 300, "disputes": 0}
        | nothing
        | {"pending_refunds": 50},
    ]


def test_what_a_dispute_took_is_in_the_balance_and_what_the_processor_asks_for_it(api: Api, desk: Desk) -> None:
    desk.disputed(desk.pay(2000))
    desk.await_quiet()
    (line,) = api.get("/balance").get_json()["currencies"]
    assert (line["receivable"], line["sales"], line["disputes"], line["fees"]) == (-1500, 2000, 2000, 1500)


def test_the_balance_costs_the_same_statements_whatever_moved(api: Api, world: World) -> None:
    api.pay()
    api.get("/balance")
    with counted(world.app) as few:
        api.get("/balance")
    for currency in ("USD", "EUR", "GBP"):
        api.pay(currency=currency)
    with counted(world.app) as many:
        assert len(api.get("/balance").get_json()["currencies"]) == 3
    assert few == many
    assert len(many) <= 7
