"""Customers in the dashboard, and charging a stored card when its holder is away."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.models import Customer, Payment, PaymentMethod, ProcessorCustomer
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import Merchant, World, csrf

CARD = "4242 4242 4242 4242"
HTMX = {"HX-Request": "true"}


def stripe(world: World, path: str, **form: str) -> dict[str, Any]:
    """Speak to Stripe as Acme."""
    headers = {"Authorization": f"Bearer {world.settings.stripe_secret_key}_{world.acme.slug}"}
    answer = requests.post(f"{world.sandbox_url}/v1/{path}", data=form, headers=headers, timeout=5)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def store(world: World, card: str = "pm_card_visa", email: str = "noor@example.com") -> tuple[str, str]:
    """A customer with a card stored at Stripe; their ids."""
    known = stripe(world, "customers", email=email)["id"]
    kept = stripe(world, f"payment_methods/{card}/attach", customer=known)
    customer_id, card_id = new_id("cus"), new_id("pm")
    own = {"organization_id": world.acme.id, "customer_id": customer_id}
    at_stripe = own | {"processor_account_id": world.acme.account_id}
    with organization(world.acme.id), transaction() as session:
        session.add(Customer(organization_id=world.acme.id, id=customer_id, email=email, name="Noor Haddad"))
        session.flush()
        session.add(ProcessorCustomer(**at_stripe, external_id=known))
        session.add(
            PaymentMethod(
                **at_stripe,
                id=card_id,
                external_id=kept["id"],
                customer_external_id=known,
                brand=kept["card"]["brand"],
                last4=kept["card"]["last4"],
                exp_month=4,
                exp_year=2031,
            )
        )
    return customer_id, card_id


def send(client: FlaskClient, customer_id: str, card_id: str, **more: str) -> TestResponse:
    """The last of the two forms, filled in well unless told otherwise."""
    token = csrf(client.get("/admin/").get_data(as_text=True))
    form = {"amount": "20.00", "description": "Beans", "card": card_id, "form_key": str(uuid4()), "confirmed": "yes"}
    return client.post(f"/admin/customers/{customer_id}/charge", data={"csrf_token": token, **form, **more})


def read(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def toast(client: FlaskClient, answer: TestResponse) -> str:
    """What the page one is sent to says of what was done."""
    assert answer.status_code == 303, answer.get_data(as_text=True)
    page = read(client, answer.headers["Location"])
    return page[page.index('id="toasts"') : page.index("toast-template")]


# --- Who they are -------------------------------------------------------------------------------------------------------------


def test_a_shopper_becomes_a_customer_with_their_payments_and_no_card_unless_asked_for(world: World) -> None:
    Shopper(world).buy()
    owner = world.sign_in("owner")
    listed = read(owner, "/admin/customers")
    assert "noor@example.com" in listed
    path = re.search(r'href="(/admin/customers/cus_\w+)"', listed)
    assert path
    page = read(owner, path[1])
    assert "Noor Haddad" in page
    assert "$90.00" in page
    assert "None is stored." in page
    assert "/charge" not in page


def test_a_card_saved_at_checkout_stands_on_the_customers_page_and_on_the_payments(world: World) -> None:
    shopper = Shopper(world)
    shopper.add()
    checkout = shopper.check_out()
    assert shopper.pay(checkout, save_card="yes").status_code == 303
    assert 'Visa ending <span class="num">4242</span> is saved' in read(shopper.client, f"{checkout}/receipt")
    (card,) = world.all_of(PaymentMethod)
    owner = world.sign_in("owner")
    page = read(owner, f"/admin/customers/{card.customer_id}")
    assert "Stripe" in page
    assert f"/admin/customers/{card.customer_id}/charge?card={card.id}" in page
    paid = read(owner, f"/admin/payments/{card.payment_id}")
    assert "Stored at Stripe for later charges" in paid
    assert f'href="/admin/customers/{card.customer_id}"' in paid


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("noor", {"noor@", "noor.b@"}),
        ("NOOR@", {"noor@"}),
        ("oor", set()),
        ("%", set()),
        ("n_", set()),
        ("zoe ", {"zoe@"}),
    ],
)
def test_an_address_is_found_by_its_beginning(world: World, asked: str, found: set[str]) -> None:
    for name in ("noor", "noor.b", "zoe"):
        store(world, email=f"{name}@example.com")
    page = world.sign_in("viewer").get("/admin/customers", query_string={"q": asked}).get_data(as_text=True)
    assert {f"{name}@" for name in ("noor", "noor.b", "zoe") if f">{name}@example.com<" in page} == found
    assert ("Nobody with this address" in page) is (not found)


def test_the_list_pages_by_key_and_costs_the_same_for_one_customer_as_for_many(world: World) -> None:
    def add(count: int) -> None:
        with organization(world.acme.id), transaction() as session:
            for number in range(count):
                session.add(Customer(organization_id=world.acme.id, email=f"c{number:03}@example.com"))

    add(1)
    owner = world.sign_in("owner")
    with counted(world.app) as few:
        read(owner, "/admin/customers")
    add(30)
    with counted(world.app) as many:
        page = read(owner, "/admin/customers")
    assert len(many) == len(few)
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    assert len(re.findall(r"<tr data-href", page)) == 25
    assert len(re.findall(r"<tr data-href", read(owner, older[1]))) == 6


def test_htmx_gets_the_list_alone(world: World) -> None:
    store(world)
    part = world.sign_in("owner").get("/admin/customers?q=noor", headers=HTMX).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="customers"')
    assert "<html" not in part


@pytest.mark.parametrize("customer_id", ["nobody", "cus_01jd8h2m4s6v8x0z2b4d6f8h0k", "pay_01jd8h2m4s6v8x0z2b4d6f8h0k"])
def test_a_customer_nobody_is_is_404(world: World, customer_id: str) -> None:
    owner = world.sign_in("owner")
    assert owner.get(f"/admin/customers/{customer_id}").status_code == 404
    assert owner.get(f"/admin/customers/{customer_id}/charge").status_code == 404


# --- Charging a stored card ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_the_consequence_is_stated_before_anything_is_charged(world: World, role: str) -> None:
    customer_id, card_id = store(world)
    client = world.sign_in(role)
    assert "Review the charge" in read(client, f"/admin/customers/{customer_id}/charge")
    page = send(client, customer_id, card_id, confirmed="").get_data(as_text=True)
    assert re.search(r'Charge <span class="money ">\$20.00</span> to Visa ending <span class="num">4242</span>', page)
    assert "Noor will not be asked." in page
    assert world.charges() == world.all_of(Payment) == []
    answer = send(client, customer_id, card_id)
    assert "Charged $20.00." in toast(client, answer)
    (payment,) = world.all_of(Payment)
    assert answer.headers["Location"] == f"/admin/payments/{payment.id}"
    assert (payment.off_session, payment.payment_method_id, payment.description) == (True, card_id, "Beans")
    assert [charge["amount"] for charge in world.charges()] == [2000]
    world.drain()
    assert [mail["to"] for mail in world.mails()] == [["noor@example.com"]]


@pytest.mark.parametrize(
    ("card", "said", "truth"),
    [
        ("pm_card_chargeCustomerFail", "Declined (", "Nothing was charged, and the customer was not asked."),
        ("pm_card_authenticationRequired", "wants the customer to confirm", "The bank wants its customer to confirm"),
    ],
)
def test_a_bank_that_says_no_or_wants_its_customer_is_told_so(world: World, card: str, said: str, truth: str) -> None:
    customer_id, card_id = store(world, card)
    client = world.sign_in("owner")
    answer = send(client, customer_id, card_id)
    assert said in toast(client, answer)
    assert truth in read(client, answer.headers["Location"])
    assert world.charges() == []


def test_an_outcome_nobody_knows_is_told_as_such(world: World) -> None:
    customer_id, card_id = store(world)
    world.fault(kind="error_after", operation="payment_intents.confirm", count=1)
    client = world.sign_in("owner")
    assert "may have been charged: don&#39;t charge again" in toast(client, send(client, customer_id, card_id))


def test_a_processor_that_cannot_be_reached_has_charged_nothing(world: World) -> None:
    customer_id, card_id = store(world)
    world.fault(kind="reset_before", operation="payment_intents.create", count=9)
    client = world.sign_in("owner")
    assert "could not be reached" in toast(client, send(client, customer_id, card_id))
    assert world.charges() == []


def test_a_form_sent_twice_is_one_charge(world: World) -> None:
    customer_id, card_id = store(world)
    client = world.sign_in("owner")
    sent = [send(client, customer_id, card_id, form_key="5f0c2f6e") for _ in range(2)]
    assert len({answer.headers["Location"] for answer in sent}) == 1
    assert len(world.charges()) == len(world.all_of(Payment)) == 1
    other = send(client, customer_id, card_id, form_key="5f0c2f6e", amount="21.00")
    assert other.status_code == 422
    assert "This form was sent before" in other.get_data(as_text=True)
    assert len(world.charges()) == 1


def test_a_form_sent_twice_at_once_is_one_charge(world: World) -> None:
    customer_id, card_id = store(world)
    clients = [world.sign_in("owner") for _ in range(2)]
    world.fault(kind="slow", operation="payment_intents.confirm", seconds=1, count=1)
    with ThreadPoolExecutor(2) as pool:
        sent = list(pool.map(lambda client: send(client, customer_id, card_id, form_key="5f0c2f6e"), clients))
    assert [answer.status_code for answer in sent] == [303, 303]
    assert len(world.charges()) == len(world.all_of(Payment)) == 1


def test_a_viewer_sees_no_button_and_charges_nothing(world: World) -> None:
    customer_id, card_id = store(world)
    viewer = world.sign_in("viewer")
    assert "/charge" not in read(viewer, f"/admin/customers/{customer_id}")
    assert viewer.get(f"/admin/customers/{customer_id}/charge").status_code == 403
    assert send(viewer, customer_id, card_id).status_code == 403
    assert world.all_of(Payment) == []


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("amount", "", "Enter an amount such as 20.00."),
        ("amount", "0", "Enter an amount above zero."),
        ("amount", "-5", "Enter an amount above zero."),
        ("amount", "1.001", "Enter an amount with at most 2 decimals."),
        ("amount", "99999999999999", "Enter an amount of at most"),
        ("description", " ", "Say what it is for."),
        ("description", "x" * 201, "Use at most 200 characters."),
        ("description", "4242 4242 4242 4242", "This looks like a card number"),
        ("card", "", "Choose a card."),
        ("card", "pm_01jd8h2m4s6v8x0z2b4d6f8h0k", "Choose a card."),
        ("card", "pm_card_visa", "Choose a card."),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_charged(world: World, field: str, value: str, sentence: str) -> None:
    customer_id, card_id = store(world)
    for confirmed in ("", "yes"):
        answer = send(world.sign_in("owner"), customer_id, card_id, **{field: value, "confirmed": confirmed})
        assert answer.status_code == 422
        assert sentence in answer.get_data(as_text=True)
    assert world.charges() == world.all_of(Payment) == []


@pytest.mark.parametrize("field", ["amount", "description", "card", "form_key"])
def test_a_card_number_in_the_form_is_never_shown_again(world: World, field: str) -> None:
    customer_id, card_id = store(world)
    owner = world.sign_in("owner")
    path = f"/admin/customers/{customer_id}/charge"
    typed = {"amount": "20", "description": "Consulting", "card": card_id, "form_key": "k"} | {field: CARD}
    answer = owner.post(path, data=typed | {"csrf_token": csrf(owner.get("/admin/").get_data(as_text=True))})
    assert answer.status_code == (200 if field == "form_key" else 422)
    assert CARD not in answer.get_data(as_text=True)
    assert CARD not in owner.get(path, query_string={"card": CARD}).get_data(as_text=True)
    found = owner.get("/admin/customers", query_string={"q": CARD})
    assert found.status_code == 200
    assert CARD not in found.get_data(as_text=True)
    assert world.all_of(Payment) == []


def test_the_card_of_another_customer_is_not_charged(world: World) -> None:
    customer_id, _ = store(world)
    _, other_card = store(world, email="zoe@example.com")
    assert send(world.sign_in("owner"), customer_id, other_card).status_code == 422
    assert world.all_of(Payment) == []


def test_a_held_customer_is_not_charged(world: World) -> None:
    customer_id, card_id = store(world)
    with organization(world.acme.id), transaction() as session:
        session.get_one(Customer, _key(world.acme, customer_id)).held_at = real_time()
    client = world.sign_in("owner")
    page = read(client, f"/admin/customers/{customer_id}")
    assert "Charges are on hold" in page
    assert "/charge" not in page
    answer = send(client, customer_id, card_id)
    assert answer.status_code == 422
    assert "on hold" in answer.get_data(as_text=True)
    db.session.rollback()
    assert world.charges() == world.all_of(Payment) == []


def _key(merchant: Merchant, customer_id: str) -> dict[str, str]:
    return {"organization_id": merchant.id, "id": customer_id}
