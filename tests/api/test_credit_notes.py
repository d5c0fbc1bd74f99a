"""Credit notes: never more than was paid, by whatever road it went back, and the ledger right in every order."""

from __future__ import annotations

from uuid import uuid4

import pytest

from ballast.billing import refund_outcomes
from ballast.db import organization
from ballast.models import CreditEntry, CreditNote, Refund
from ballast.processors.base import RefundOutcome
from tests.api.conftest import problem
from tests.api.ledgers import balances
from tests.api.selling import Seller
from tests.world import Api, World


@pytest.fixture
def seller(api: Api) -> Seller:
    return Seller(api)


@pytest.fixture
def paid(api: Api, seller: Seller) -> str:
    """An invoice of $30.00 and 10 % tax, paid by card: $33.00."""
    api.post("/tax_rates", {"name": "Tax", "country": "US", "bps": 1000})
    made = seller.start(price=seller.price(amount=3000), customer=seller.customer(country="US"))
    invoice_id: str = made["latest_invoice"]["id"]
    return invoice_id


def test_refund_and_credit_share_what_was_paid_and_the_last_takes_the_rest_of_the_tax(
    api: Api, world: World, seller: Seller, paid: str
) -> None:
    first = seller.made("/credit_notes", {"invoice": paid, "how": "refund", "amount": 1001, "reason": "duplicate"})
    assert (first["number"], first["status"], first["tax"]) == ("ACME-CN000001", "issued", 91)
    assert world.charges()[0]["amount_refunded"] == 1001
    after_refund = balances(world)
    assert (after_refund["refunds"], after_refund["processor_receivable"]) == (0, 2299)
    second = seller.made("/credit_notes", {"invoice": paid, "how": "credit", "amount": 1000, "memo": "Sorry."})
    assert problem(api.post("/credit_notes", {"invoice": paid, "how": "refund", "amount": 1300}))["code"] == (
        "credit_too_large"
    )
    rest = seller.made("/credit_notes", {"invoice": paid, "how": "refund"})
    assert (rest["amount"], first["tax"] + second["tax"] + rest["tax"]) == (1299, 300)
    assert api.get(f"/invoices/{paid}").get_json()["amount_credited"] == 3300
    assert problem(api.post("/credit_notes", {"invoice": paid, "how": "credit"}))["code"] == "invoice_credited"
    assert balances(world) == {
        "processor_receivable": 1000,
        "receivables": 0,
        "refunds": 0,
        "subscription_revenue": 0,
        "tax_payable": 0,
        "customer_credit": -1000,
    }
    assert [row.amount for row in world.all_of(CreditEntry)] == [1000]
    shown = api.get("/balance").get_json()["currencies"][0]
    assert (shown["receivable"], shown["sales"], shown["refunds"]) == (1000, 3300, 2300)


def test_money_that_went_back_without_a_note_does_not_go_back_again(api: Api, seller: Seller, paid: str) -> None:
    payment = api.get(f"/invoices/{paid}").get_json()["payment"]
    api.post("/refunds", {"payment": payment, "amount": 3000})
    assert problem(api.post("/credit_notes", {"invoice": paid, "how": "credit", "amount": 301}))["code"] == (
        "credit_too_large"
    )
    assert seller.made("/credit_notes", {"invoice": paid, "how": "credit"})["amount"] == 300


def test_credit_that_an_invoice_took_comes_back_as_credit_and_never_as_money(
    api: Api, seller: Seller, paid: str
) -> None:
    credit = seller.made("/credit_notes", {"invoice": paid, "how": "credit", "amount": 2000})
    customer = credit["customer"]
    next_one = seller.made(
        "/invoices",
        {"customer": customer, "currency": "USD", "lines": [{"description": "Beans", "amount": 1000}]},
    )
    assert (next_one["status"], next_one["credit_applied"], next_one["amount_due"]) == ("paid", 1100, 0)
    assert problem(api.post("/credit_notes", {"invoice": next_one["id"], "how": "refund"}))["code"] == (
        "invoice_credited"
    )
    back = seller.made("/credit_notes", {"invoice": next_one["id"], "how": "credit"})
    assert (back["amount"], back["tax"]) == (1100, 100)


def test_one_key_makes_one_and_what_is_not_paid_takes_none(api: Api, world: World, seller: Seller, paid: str) -> None:
    key, body = str(uuid4()), {"invoice": paid, "how": "credit", "amount": 500}
    first, again = api.post("/credit_notes", body, key), api.post("/credit_notes", body, key)
    assert (first.status_code, again.get_data()) == (201, first.get_data())
    assert len(world.all_of(CreditNote)) == 1
    refused = api.post("/credit_notes", {"invoice": seller.bill()["id"], "how": "credit"})
    assert (refused.status_code, problem(refused)["code"]) == (409, "invoice_not_creditable")


def test_a_refund_that_comes_back_makes_its_note_void_and_undoes_it(
    api: Api, world: World, seller: Seller, paid: str
) -> None:
    before = balances(world)
    note = seller.made("/credit_notes", {"invoice": paid, "how": "refund"})
    (refund,) = world.all_of(Refund)
    with world.app.app_context(), organization(world.acme.id):
        refund_outcomes.record(world.acme.id, refund.id, RefundOutcome("failed", message="The account is closed."))
    assert api.get(f"/credit_notes/{note['id']}").get_json()["status"] == "void"
    after = balances(world)
    assert {code: amount for code, amount in after.items() if amount} == {
        code: amount for code, amount in before.items() if amount
    }
    assert api.get(f"/invoices/{paid}").get_json()["amount_credited"] == 0
    again = seller.made("/credit_notes", {"invoice": paid, "how": "credit"})
    assert (again["number"], again["amount"]) == ("ACME-CN000002", 3300)
    told = [event["type"] for event in api.get("/events", type="credit_note.*").get_json()["data"]]
    assert told == ["credit_note.created", "credit_note.voided", "credit_note.created"]
