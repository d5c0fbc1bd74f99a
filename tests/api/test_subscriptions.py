"""Subscriptions over the API: started, shown beforehand to the cent, changed, ended; what the bank refuses is 402."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from ballast.models import CreditEntry, Subscription
from tests.api.conftest import problem
from tests.api.selling import Seller
from tests.api.test_keys import key_with
from tests.api.test_lists import ids
from tests.statements import counted
from tests.world import Api, World


@pytest.fixture
def seller(api: Api) -> Seller:
    return Seller(api)


# --- Started -----------------------------------------------------------------------------------------------------------------


def test_a_subscription_is_paid_at_its_start_and_keeps_the_card(api: Api, world: World, seller: Seller) -> None:
    made = seller.start(quantity=2)
    assert (made["status"], made["quantity"]) == ("active", 2)
    invoice = made["latest_invoice"]
    assert (invoice["status"], invoice["total"], invoice["payment"]["status"]) == ("paid", 4800, "succeeded")
    assert made["payment_method"] == ids(api.get("/payment_methods", customer=made["customer"]))[0]
    found = api.get(f"/subscriptions/{made['id']}").get_json()
    assert (found["latest_invoice"], found["customer"]) == (invoice["id"], made["customer"])
    whole = api.get(f"/subscriptions/{made['id']}", **{"expand[]": ["latest_invoice", "customer"]}).get_json()
    assert (whole["latest_invoice"]["number"], whole["customer"]["object"]) == (invoice["number"], "customer")
    assert [charge["amount"] for charge in world.charges()] == [4800]


def test_one_key_starts_one_subscription(api: Api, world: World, seller: Seller) -> None:
    body, key = seller.wanted(), str(uuid4())
    first, again = api.post("/subscriptions", body, key), api.post("/subscriptions", body, key)
    assert (first.status_code, again.get_data()) == (201, first.get_data())
    assert problem(api.post("/subscriptions", body | {"quantity": 2}, key))["code"] == "idempotency_key_reused"
    assert len(world.all_of(Subscription)) == len(world.charges()) == 1


def test_a_decline_is_402_and_the_subscription_waits_for_another_card(api: Api, seller: Seller) -> None:
    answer = api.post("/subscriptions", seller.wanted(payment_method="pm_card_visa_chargeDeclined"))
    error = problem(answer)
    assert (answer.status_code, error["code"], error["payment"]["status"]) == (
        402,
        "card_declined",
        "requires_payment_method",
    )
    waiting = error["subscription"]
    assert waiting["status"] == "incomplete"
    refused = api.post(
        f"/invoices/{waiting['latest_invoice']['id']}/pay", {"payment_method": "pm_card_visa_chargeDeclined"}
    )
    assert (refused.status_code, problem(refused)["invoice"]["status"]) == (402, "open")
    paid = api.post(f"/invoices/{waiting['latest_invoice']['id']}/pay", {"payment_method": "pm_card_visa"})
    assert (paid.status_code, paid.get_json()["status"]) == (200, "paid")
    now = api.get(f"/subscriptions/{waiting['id']}").get_json()
    assert (now["status"], now["payment_method"][:3]) == ("active", "pm_")


def test_without_a_card_and_with_3d_secure_it_is_incomplete_and_says_what_to_do(api: Api, seller: Seller) -> None:
    bare = seller.start(payment_method=None)
    assert (bare["status"], bare["latest_invoice"]["payment"]) == ("incomplete", None)
    asked = seller.start(payment_method="pm_card_authenticationRequired", return_url="https://shop.example/back")
    assert asked["status"] == "incomplete"
    assert asked["latest_invoice"]["payment"]["next_action"]["type"] == "redirect_to_url"
    second = api.post(f"/invoices/{asked['latest_invoice']['id']}/pay", {"payment_method": "pm_card_visa"})
    assert problem(second)["code"] == "payment_in_progress"


def test_a_trial_bills_nothing_and_takes_no_token_that_could_not_be_stored(api: Api, seller: Seller) -> None:
    refused = api.post("/subscriptions", seller.wanted(trial_days=14))
    assert problem(refused)["code"] == "payment_method_not_stored"
    made = seller.start(trial_days=14, payment_method=None)
    assert (made["status"], made["latest_invoice"]) == ("trialing", None)
    coming = api.get("/invoices/upcoming", subscription=made["id"]).get_json()
    assert (coming["at"], coming["amount_due"]) == (made["trial_end_at"], 2400)


@pytest.mark.parametrize(
    ("wanted", "status", "code", "param"),
    [
        ({"customer": "cus_1"}, 400, "customer_unknown", "customer"),
        ({"price": "price_1"}, 400, "price_unknown", "price"),
        ({"quantity": 0}, 400, "parameter_invalid", "quantity"),
        ({"quantity": 1.5}, 400, "parameter_invalid", "quantity"),
        ({"coupon": "cpn_1"}, 400, "coupon_invalid", "coupon"),
        ({"promotion_code": "NOTHING"}, 400, "promotion_code_invalid", "promotion_code"),
        ({"promotion_code": "NOTHING", "coupon": "cpn_1"}, 400, "parameter_conflict", "coupon"),
        ({"processor": "square"}, 400, "processor_unavailable", "processor"),
        ({"payment_method": "pm_01jd8h2m4s6v8x0z2b4d6f8h0k"}, 400, "payment_method_unknown", "payment_method"),
        ({"payment_method": "4242424242424242"}, 400, "card_number_refused", "payment_method"),
        ({"seats": 2}, 400, "parameter_unknown", "seats"),
    ],
)
def test_one_that_cannot_be_is_refused_and_leaves_nothing(
    api: Api, world: World, seller: Seller, wanted: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = api.post("/subscriptions", seller.wanted(**wanted))
    error = problem(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert world.all_of(Subscription) == world.charges() == []


# --- Shown beforehand --------------------------------------------------------------------------------------------------------


def test_what_a_preview_of_the_start_says_is_billed_to_the_cent(api: Api, seller: Seller) -> None:
    api.post("/tax_rates", {"name": "Sales tax", "country": "US", "region": "NY", "bps": 888})
    coupon = api.post("/coupons", {"name": "Spring", "percent_bps": 3333, "duration": "once"}).get_json()["id"]
    api.post("/promotion_codes", {"coupon": coupon, "code": "spring"})
    price = seller.price(amount=1999, setup_fee=501)
    common = {"price": price, "quantity": 3, "promotion_code": "Spring"}
    stranger = api.post("/subscriptions/preview", common | {"country": "US", "region": "NY"}).get_json()
    customer = seller.customer(country="US", region="NY")
    shown = api.post("/subscriptions/preview", common | {"customer": customer}).get_json()
    made = seller.start(customer=customer, **common)
    billed = api.get(f"/invoices/{made['latest_invoice']['id']}").get_json()
    figures = ("subtotal", "discount", "tax", "tax_rate", "total", "credit_applied", "amount_due")
    assert [billed[name] for name in figures] == [shown["invoice"][name] for name in figures]
    assert [stranger["invoice"][name] for name in figures] == [billed[name] for name in figures]
    assert (billed["subtotal"], billed["discount"], billed["tax"]) == (6498, 2166, 385)
    lines = [{name: line[name] for name in shown["invoice"]["lines"][0]} for line in billed["lines"]]
    assert [line["amount"] for line in lines] == [line["amount"] for line in shown["invoice"]["lines"]] == [5997, 501]
    coming = api.get("/invoices/upcoming", subscription=made["id"]).get_json()
    assert coming["total"] == shown["next"]["total"] == 5997 + 533
    assert (coming["discount"], coming["at"]) == (0, made["current_period_end"])


def test_a_change_bills_what_its_preview_said(api: Api, seller: Seller) -> None:
    made = seller.start()
    larger = seller.price(amount=9900)
    path = f"/subscriptions/{made['id']}"
    shown = api.post(f"{path}/preview_change", {"price": larger, "quantity": 2}).get_json()
    changed = api.post(f"{path}/change", {"price": larger, "quantity": 2, "at": shown["at"]})
    invoice = changed.get_json()["latest_invoice"]
    assert changed.status_code == 200
    assert (invoice["status"], invoice["total"]) == ("paid", shown["invoice"]["total"])
    lines = api.get(f"/invoices/{invoice['id']}").get_json()["lines"]
    assert [line["amount"] for line in lines] == [line["amount"] for line in shown["invoice"]["lines"]]
    assert (changed.get_json()["price"], changed.get_json()["quantity"]) == (larger, 2)


def test_a_change_at_the_renewal_costs_nothing_now_and_is_what_comes_next(api: Api, seller: Seller) -> None:
    made = seller.start()
    path, yearly = f"/subscriptions/{made['id']}", seller.price(amount=20_000, interval="year")
    wanted = {"price": yearly, "when": "renewal"}
    shown = api.post(f"{path}/preview_change", wanted).get_json()
    put_off = api.post(f"{path}/change", wanted).get_json()
    assert (put_off["price"], put_off["pending_change"]["price"]) == (made["price"], yearly)
    coming = api.get("/invoices/upcoming", subscription=made["id"]).get_json()
    assert (coming["at"], coming["total"], coming["period_end"]) == (
        shown["at"],
        shown["amount_due"],
        shown["period_end"],
    )


def test_a_change_that_the_bank_refuses_leaves_the_subscription_as_it_was(api: Api, seller: Seller) -> None:
    made = seller.start()
    path, body = f"/subscriptions/{made['id']}", {"quantity": 5, "payment_method": "pm_card_visa_chargeDeclined"}
    answer = api.post(f"{path}/change", body)
    assert (answer.status_code, problem(answer)["subscription"]["quantity"]) == (402, 1)
    assert api.post(f"{path}/change", {"quantity": 4}).get_json()["quantity"] == 4
    assert [one["status"] for one in api.get("/invoices").get_json()["data"]] == ["paid", "void", "paid"]
    assert problem(api.post(f"{path}/change", {"quantity": 4}))["code"] == "nothing_to_change"


# --- Card, pause, end --------------------------------------------------------------------------------------------------------


def test_it_is_paused_resumed_ended_and_kept(api: Api, world: World, seller: Seller) -> None:
    made = seller.start()

    def act(verb: str, body: Any = None) -> Any:
        return api.post(f"/subscriptions/{made['id']}/{verb}", body).get_json()

    assert act("pause", {"resumes_at": "2999-01-01"})["status"] == "paused"
    assert act("pause")["error"]["code"] == "state_conflict"
    assert act("resume")["status"] == "active"
    assert act("cancel", {"reason": "Moving"})["cancel_at_period_end"] is True
    assert api.get("/invoices/upcoming", subscription=made["id"]).status_code == 404
    assert act("change", {"quantity": 2, "when": "renewal"})["error"]["code"] == "state_conflict"
    assert act("keep")["cancel_at_period_end"] is False
    assert act("cancel", {"prorate": True})["error"]["code"] == "parameter_conflict"
    assert act("cancel", {"at_period_end": False, "prorate": True})["status"] == "canceled"
    assert [entry.amount for entry in world.all_of(CreditEntry)] == [2400]
    assert act("keep")["error"]["code"] == "state_conflict"


def test_its_card_and_notes_change_and_every_change_is_told(api: Api, seller: Seller) -> None:
    made = seller.start()
    other = seller.start(customer=made["customer"], payment_method="pm_card_mastercard")
    path = f"/subscriptions/{made['id']}"
    changed = api.patch(path, {"payment_method": other["payment_method"], "metadata": {"a": "1"}}).get_json()
    assert (changed["payment_method"], changed["metadata"]) == (other["payment_method"], {"a": "1"})
    strange = seller.start()
    assert problem(api.patch(path, {"payment_method": strange["payment_method"]}))["code"] == "payment_method_unknown"
    told = api.get("/events", resource=made["id"]).get_json()["data"]
    assert [event["type"] for event in told] == ["subscription.updated"] * 2 + [
        "subscription.activated",
        "subscription.created",
    ]


# --- Lists and scopes --------------------------------------------------------------------------------------------------------


def test_they_are_listed_by_status_customer_and_price_at_the_same_cost_for_ten(
    api: Api, world: World, seller: Seller
) -> None:
    first = seller.start()
    waiting = seller.start(payment_method=None)
    assert ids(api.get("/subscriptions")) == [waiting["id"], first["id"]]
    assert ids(api.get("/subscriptions", status="incomplete")) == [waiting["id"]]
    assert ids(api.get("/subscriptions", customer=first["customer"])) == [first["id"]]
    assert ids(api.get("/subscriptions", price=waiting["price"])) == [waiting["id"]]
    assert ids(api.get("/invoices", subscription=first["id"])) == [first["latest_invoice"]["id"]]
    assert ids(api.get("/invoices", status="open", customer=waiting["customer"])) == [waiting["latest_invoice"]["id"]]
    whole = {"expand[]": ["latest_invoice", "customer"]}
    with counted(world.app) as few:
        assert len(ids(api.get("/subscriptions", limit=1, **whole))) == 1
    for _ in range(3):
        seller.start(payment_method=None)
    with counted(world.app) as many:
        assert len(ids(api.get("/subscriptions", **whole))) == 5
    assert few == many


def test_reading_writing_and_refunding_have_scopes_of_their_own(world: World, api: Api, seller: Seller) -> None:
    made = seller.start()
    reader, writer = key_with(world, "subscriptions:read"), key_with(world, "subscriptions:write")
    assert reader.get("/subscriptions").status_code == 200
    assert problem(reader.post("/subscriptions", seller.wanted()))["code"] == "scope_missing"
    assert problem(writer.get("/invoices"))["code"] == "scope_missing"
    note = {"invoice": made["latest_invoice"]["id"], "how": "refund", "amount": 100}
    assert problem(writer.post("/credit_notes", note))["code"] == "scope_missing"
    assert writer.post("/credit_notes", note | {"how": "credit"}).status_code == 201
    assert problem(world.as_user("viewer").post("/products", {"name": "Tea"}))["code"] == "role_insufficient"
