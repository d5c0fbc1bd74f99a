"""Invoices over the API: by hand, paid, taken back, given up; and what becomes of a subscription that waits for one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from ballast.models import Subscription
from tests.api.conftest import problem
from tests.api.ledgers import balances
from tests.api.selling import Seller
from tests.world import Api, World


@pytest.fixture
def seller(api: Api) -> Seller:
    return Seller(api)


def test_an_invoice_by_hand_is_numbered_taxed_and_paid_with_a_token(api: Api, world: World, seller: Seller) -> None:
    api.post("/tax_rates", {"name": "VAT", "country": "DE", "bps": 1900, "inclusive": True})
    beans = seller.price(amount=1190, interval=None)
    made = seller.bill(
        {"price": beans, "quantity": 2}, {"description": "Grinding", "amount": 500}, country="DE", region=""
    )
    assert [(line["description"], line["amount"], line["tax"]) for line in made["lines"]] == [
        ("Coffee club", 2380, 380),
        ("Grinding", 500, 80),
    ]
    assert (made["number"], made["status"], made["total"], made["tax"]) == ("ACME-000001", "open", 2880, 460)
    path = f"/invoices/{made['id']}"
    assert problem(api.post(f"{path}/pay"))["code"] == "payment_method_required"
    key = str(uuid4())
    paid = [api.post(f"{path}/pay", {"payment_method": "pm_card_visa"}, key) for _ in range(2)]
    assert [one.get_json()["status"] for one in paid] == ["paid", "paid"]
    assert problem(api.post(f"{path}/pay", {"payment_method": "pm_card_visa"}))["code"] == "invoice_not_payable"
    assert problem(api.post(f"{path}/void"))["code"] == "state_conflict"
    assert [charge["amount"] for charge in world.charges()] == [2880]
    assert balances(world) == {
        "processor_receivable": 2880,
        "receivables": 0,
        "subscription_revenue": -2420,
        "tax_payable": -460,
    }
    assert api.get("/balance").get_json()["currencies"][0]["sales"] == 2880


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"description": "Both", "amount": 1, "price": "price_1"}, "parameter_conflict"),
        ({"quantity": 2}, "parameter_conflict"),
        ({"price": "price_1"}, "price_unknown"),
        ({"price": "recurring"}, "price_recurring"),
        ({"price": "euro"}, "currency_mismatch"),
        ({"description": "Much", "amount": 999_999_999_999, "quantity": 2}, "amount_invalid"),
    ],
)
def test_a_line_that_cannot_be_billed_is_refused(api: Api, seller: Seller, line: dict[str, Any], code: str) -> None:
    if line.get("price") == "recurring":
        line = {"price": seller.price()}
    if line.get("price") == "euro":
        line = {"price": seller.price(interval=None, currency="EUR")}
    body = {"customer": seller.customer(), "currency": "USD", "lines": [line]}
    assert problem(api.post("/invoices", body))["code"] == code
    assert api.get("/invoices").get_json()["data"] == []


def test_one_taken_back_or_given_up_leaves_nothing_owed(api: Api, world: World, seller: Seller) -> None:
    void, bad = seller.bill(), seller.bill()
    assert api.post(f"/invoices/{void['id']}/void").get_json()["status"] == "void"
    assert api.post(f"/invoices/{bad['id']}/mark_uncollectible").get_json()["status"] == "uncollectible"
    assert balances(world) == {"receivables": 0, "bad_debt": 5000, "subscription_revenue": -5000}
    paid = api.post(f"/invoices/{bad['id']}/pay", {"payment_method": "pm_card_visa"})
    assert paid.get_json()["status"] == "paid"
    assert balances(world)["bad_debt"] == 0
    assert problem(api.post(f"/invoices/{void['id']}/mark_uncollectible"))["code"] == "state_conflict"


def test_a_first_invoice_taken_back_ends_what_never_began(api: Api, world: World, seller: Seller) -> None:
    waiting = seller.start(payment_method=None)
    path = f"/invoices/{waiting['latest_invoice']['id']}"
    assert problem(api.post(f"{path}/mark_uncollectible"))["code"] == "state_conflict"
    assert api.post(f"{path}/void").status_code == 200
    assert [one.status for one in world.all_of(Subscription)] == ["incomplete_expired"]
    asked = seller.start(payment_method="pm_card_authenticationRequired")
    assert problem(api.post(f"/invoices/{asked['latest_invoice']['id']}/void"))["code"] == "payment_in_progress"
