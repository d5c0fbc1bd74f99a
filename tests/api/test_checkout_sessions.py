"""Checkout sessions over the API, and what becomes of them at the checkout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from ballast import clock
from ballast.billing import checkout_sessions
from ballast.clock import real_time, shifted
from ballast.db import organization, set_organization, transaction
from ballast.models import CheckoutSession, Claim, Customer, Event, Order, Organization, Payment, Product
from tests.api.conftest import problem
from tests.billing.acts import at_once, rows
from tests.shopper import Shopper
from tests.world import Api, World

SUCCESS = "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"
LINE = {"name": "Consultation", "amount": 12000, "quantity": 2}


def opened(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/checkout_sessions", {"lines": [LINE], **fields})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def path_of(session: dict[str, Any]) -> str:
    return urlsplit(session["url"]).path


def now_of(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/checkout_sessions/{session['id']}").get_json()
    return found


@pytest.fixture
def shopper(world: World) -> Shopper:
    return Shopper(world)


def sweep(world: World) -> int:
    with world.worker_app.app_context():
        set_organization(None)
        return checkout_sessions.expire_due()


# --- Opening -----------------------------------------------------------------------------------------------------------------


def test_a_session_of_the_catalog_and_of_lines_of_ones_own_adds_up(api: Api, world: World) -> None:
    made = opened(api, lines=[{"price": world.acme.price_id, "quantity": 3}, LINE], metadata={"booking": "7"})
    assert (made["amount"], made["currency"], made["status"]) == (27_000 + 24_000, "USD", "open")
    assert [(line["name"], line["amount"]) for line in made["lines"]] == [("Kettle", 27_000), ("Consultation", 24_000)]
    assert (made["payment"], made["payment_status"], made["metadata"]) == (None, "unpaid", {"booking": "7"})
    assert now_of(api, made) == made


def test_a_product_is_sold_at_its_present_price(api: Api, world: World) -> None:
    with organization(world.acme.id):
        product_id = rows(world, Product)[0].id
    assert opened(api, lines=[{"product": product_id}])["lines"][0]["price"] == world.acme.price_id


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"lines": [{"quantity": 1}]}, "lines_invalid", "lines"),
        ({"lines": [{"name": "Tea"}]}, "lines_invalid", "lines"),
        ({"lines": [{"name": "Tea", "amount": 3, "price": "price_1"}]}, "lines_invalid", "lines"),
        ({"lines": [{"price": "price_01m80e38gzehjrmd5vrkphn5cs"}]}, "price_unknown", "price"),
        ({"lines": [{"product": "prod_1"}]}, "product_unknown", "product"),
        ({"currency": "ABC"}, "currency_unknown", "currency"),
        ({"lines": [LINE | {"amount": 999_999_999_999}]}, "amount_invalid", "amount"),
        ({"customer": "cus_01m80e38gzehjrmd5vrkphn5cs"}, "customer_unknown", "customer"),
        ({"expires_at": "2020-01-01"}, "expires_at_invalid", "expires_at"),
        ({"success_url": "http://shop.example/thanks"}, "return_url_invalid", "success_url"),
        ({"success_url": "javascript:alert(1)"}, "return_url_invalid", "success_url"),
        ({"success_url": "https://me:secret@shop.example/"}, "return_url_invalid", "success_url"),
        ({"success_url": "https://{CHECKOUT_SESSION_ID}.example/"}, "return_url_invalid", "success_url"),
        ({"success_url": "https://shop.example/\nSet-Cookie:a"}, "return_url_invalid", "success_url"),
        ({"cancel_url": "//shop.example"}, "return_url_invalid", "cancel_url"),
    ],
)
def test_a_session_that_cannot_be_is_refused_and_leaves_no_order(
    api: Api, world: World, fields: dict[str, Any], code: str, param: str
) -> None:
    answer = api.post("/checkout_sessions", {"lines": [LINE], **fields})
    found = problem(answer)
    assert (answer.status_code, found["code"], found["param"]) == (400, code, param)
    assert world.all_of(Order) == []


def test_prices_in_two_currencies_and_a_currency_nobody_takes_are_refused(api: Api, world: World) -> None:
    priced = {"price": world.acme.price_id}
    assert (
        problem(api.post("/checkout_sessions", {"lines": [priced], "currency": "EUR"}))["code"] == "currency_mismatch"
    )
    world.use("square")
    assert (
        problem(api.post("/checkout_sessions", {"lines": [LINE], "currency": "EUR"}))["code"] == "processor_unavailable"
    )


def test_a_developers_own_server_may_be_returned_to_in_the_sandbox_alone(api: Api, world: World) -> None:
    assert opened(api, success_url="http://localhost:3000/thanks")["success_url"] == "http://localhost:3000/thanks"
    with organization(world.acme.id), transaction() as session:
        session.query(Organization).filter_by(id=world.acme.id).one().mode = "live"
    answer = api.post("/checkout_sessions", {"lines": [LINE], "success_url": "http://localhost:3000/thanks"})
    assert problem(answer)["code"] == "return_url_invalid"


def test_the_same_key_opens_one_session(api: Api, world: World) -> None:
    key = "0b9d2a3e-5b1c-4a53-9d6e-0d8f0a1b2c3d"
    first, second = (api.post("/checkout_sessions", {"lines": [LINE]}, key) for _ in range(2))
    assert first.get_data() == second.get_data()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(world.all_of(CheckoutSession)) == 1


# --- Paying ------------------------------------------------------------------------------------------------------------------


def test_a_shopper_who_has_paid_is_sent_on_and_the_merchant_is_told_once(
    api: Api, world: World, shopper: Shopper
) -> None:
    made = opened(api, success_url=SUCCESS, cancel_url="https://shop.example/cart")
    shown = shopper.client.get(path_of(made))
    assert "https://shop.example/cart" in shown.get_data(as_text=True)
    assert "form-action 'self' https://shop.example" in shown.headers["Content-Security-Policy"]
    answer = shopper.pay(path_of(made))
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        SUCCESS.replace("{CHECKOUT_SESSION_ID}", made["id"]),
    )
    paid = now_of(api, made)
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert paid["payment"] == rows(world, Payment)[0].id
    assert [(claim.obligation, claim.status, claim.amount) for claim in rows(world, Claim)] == [
        ("order", "paid", 24_000)
    ]
    assert [event.data for event in rows(world, Event) if event.type == "checkout_session.completed"] == [paid]
    assert "Already paid" in shopper.pay(path_of(made)).get_data(as_text=True)
    assert len(world.charges()) == 1


def test_pressing_pay_at_once_charges_a_session_once(api: Api, world: World) -> None:
    made = opened(api)
    shoppers = [Shopper(world) for _ in range(4)]
    at_once(world.app, *[lambda one=one: one.pay(path_of(made)).status_code for one in shoppers])
    assert len(world.charges()) == 1
    assert now_of(api, made)["status"] == "complete"


def test_without_a_page_of_the_merchants_the_receipt_comes(api: Api, shopper: Shopper) -> None:
    made = opened(api)
    assert shopper.pay(path_of(made)).headers["Location"] == f"{path_of(made)}/receipt"
    assert "Billed to" in shopper.client.get(f"{path_of(made)}/receipt").get_data(as_text=True)


def test_who_the_merchant_names_is_who_pays_whatever_is_typed(api: Api, world: World, shopper: Shopper) -> None:
    customer = api.post("/customers", {"email": "ada@example.com", "name": "Ada"}).get_json()["id"]
    made = opened(api, customer=customer)
    assert 'value="ada@example.com"' in shopper.client.get(path_of(made)).get_data(as_text=True)
    shopper.pay(path_of(made), email="mallory@example.com")
    assert (now_of(api, made)["customer"], now_of(api, made)["customer_email"]) == (customer, "ada@example.com")
    named = opened(api, customer_email="jun@example.com")
    Shopper(world).pay(path_of(named), email="mallory@example.com")
    assert now_of(api, named)["customer_email"] == "jun@example.com"
    assert {one.email for one in rows(world, Customer)} == {"ada@example.com", "jun@example.com"}


def test_a_declined_card_leaves_the_session_open(api: Api, shopper: Shopper) -> None:
    made = opened(api, success_url=SUCCESS)
    assert shopper.pay(path_of(made), payment_method="pm_card_visa_chargeDeclined").status_code == 422
    assert now_of(api, made)["status"] == "open"
    assert shopper.pay(path_of(made)).headers["Location"].startswith("https://shop.example/thanks")


# --- Expiring ----------------------------------------------------------------------------------------------------------------


def test_an_expired_session_takes_no_payment_even_before_the_job_has_come(
    api: Api, world: World, shopper: Shopper
) -> None:
    made = opened(api, expires_at=(real_time() + timedelta(minutes=30)).isoformat())
    shopper.pay(path_of(made), payment_method="pm_card_visa_chargeDeclined")
    with shifted(timedelta(minutes=31)):
        assert "This checkout has expired" in shopper.pay(path_of(made)).get_data(as_text=True)
        assert sweep(world) == 1
        assert sweep(world) == 0
    assert [charge for charge in world.charges() if charge["status"] == "succeeded"] == []
    assert now_of(api, made)["status"] == "expired"
    assert [payment.status for payment in rows(world, Payment)] == ["canceled"]
    assert [claim.status for claim in rows(world, Claim)] == ["released"]
    told = [event.data for event in rows(world, Event) if event.type == "checkout_session.expired"]
    assert told == [now_of(api, made)]


def test_who_is_at_the_bank_just_now_keeps_the_session_open(api: Api, world: World, shopper: Shopper) -> None:
    made = opened(api, expires_at=(real_time() + timedelta(minutes=30)).isoformat())
    shopper.pay(path_of(made), payment_method="pm_card_authenticationRequired")
    answer = api.post(f"/checkout_sessions/{made['id']}/expire")
    assert (answer.status_code, problem(answer)["code"]) == (409, "payment_in_progress")
    with shifted(timedelta(minutes=31)):
        assert sweep(world) == 0
        assert "Confirm with your bank" in shopper.client.get(path_of(made)).get_data(as_text=True)
    assert now_of(api, made)["status"] == "open"


def test_a_program_expires_a_session_once(api: Api, shopper: Shopper) -> None:
    made = opened(api, cancel_url="https://shop.example/cart")
    closed = api.post(f"/checkout_sessions/{made['id']}/expire")
    assert (closed.status_code, closed.get_json()["status"]) == (200, "expired")
    again = api.post(f"/checkout_sessions/{made['id']}/expire")
    assert (again.status_code, problem(again)["code"]) == (409, "session_not_open")
    page = shopper.client.get(path_of(made)).get_data(as_text=True)
    assert "This checkout has expired" in page
    assert "https://shop.example/cart" in page


def test_expiring_and_paying_at_once_does_one_of_both(api: Api, world: World) -> None:
    for _ in range(3):
        made, someone = opened(api), Shopper(world)
        at_once(
            world.app,
            lambda someone=someone, made=made: someone.pay(path_of(made)),
            lambda made=made: api.post(f"/checkout_sessions/{made['id']}/expire"),
        )
        found = now_of(api, made)
        paid = [one for one in rows(world, Payment) if one.id == found["payment"] and one.status == "succeeded"]
        assert (found["status"] == "complete") == bool(paid)
        assert found["status"] in ("complete", "expired")


def test_lists_are_filtered_and_paged(api: Api, shopper: Shopper) -> None:
    first, second, third = (opened(api, metadata={"n": str(n)}) for n in range(3))
    shopper.pay(path_of(second))
    ids = lambda **query: [one["id"] for one in api.get("/checkout_sessions", **query).get_json()["data"]]  # noqa: E731
    assert ids() == [third["id"], second["id"], first["id"]]
    assert ids(status="complete") == [second["id"]]
    assert ids(payment=now_of(api, second)["payment"]) == [second["id"]]
    assert ids(limit=1, starting_after=third["id"]) == [second["id"]]
    assert ids(to=(clock.now() - timedelta(days=1)).isoformat()) == []
