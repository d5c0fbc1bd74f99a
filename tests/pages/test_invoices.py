"""An invoice on its page: shown, paid once whatever its customer does, kept as paper."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from ballast.billing import credit_notes
from ballast.db import organization, transaction
from ballast.models import BillingSettings, PaymentMethod
from ballast.models import Customer as Payer
from tests.pages.billed import DECLINED, OTHER, VISA, Customer
from tests.world import World

SOFT = "Your bank didn&#39;t approve this payment. Nothing was charged."


@pytest.fixture(params=["stripe", "braintree", "square"])
def ada(request: pytest.FixtureRequest, world: World) -> Customer:
    found = Customer(world, request.param)
    found.subscribe()
    return found


@pytest.fixture
def at_stripe(world: World) -> Customer:
    found = Customer(world)
    found.subscribe()
    return found


def test_an_open_invoice_is_paid_once_with_a_new_card_that_is_kept(ada: Customer) -> None:
    invoice = ada.fall_behind()
    address = f"/invoices/{invoice.token}"
    page = ada.page(address)
    assert invoice.number in page
    assert "Pay $20.00 with Visa" in page
    form = {"account": ada.account_id, "payment_method": DECLINED[ada.processor]}
    answer = ada.post(address, **form)
    assert answer.status_code == 422
    assert SOFT in answer.get_data(as_text=True)
    form["payment_method"] = OTHER[ada.processor]
    assert ada.post(address, **form, keep_card="yes").status_code == 303
    assert ada.post(address, **form, keep_card="yes").status_code == 303
    assert ada.post(f"{address}/stored-card").status_code == 303
    assert "Paid. Thank you." in ada.page(address)
    ada.world.drain()
    assert ada.charged() == [2000, 2000]
    found = ada.desk.subscription(ada.subscription_id)
    newest = ada.desk.card()
    assert (found.status, found.payment_method_id, newest.status) == ("active", newest.id, "active")
    assert len(ada.desk.all(PaymentMethod)) == 2


def test_the_stored_card_pays_without_scripts(ada: Customer) -> None:
    invoice = ada.fall_behind()
    assert ada.post(f"/invoices/{invoice.token}/stored-card").headers["Location"] == f"/invoices/{invoice.token}"
    assert (ada.invoice().status, ada.charged()) == ("paid", [2000, 2000])


def test_another_card_pays_this_one_invoice_and_is_not_kept(at_stripe: Customer) -> None:
    invoice = at_stripe.fall_behind()
    before = at_stripe.desk.subscription(at_stripe.subscription_id).payment_method_id
    assert at_stripe.post(f"/invoices/{invoice.token}", payment_method="pm_card_mastercard").status_code == 303
    assert at_stripe.desk.subscription(at_stripe.subscription_id).payment_method_id == before
    assert len(at_stripe.desk.all(PaymentMethod)) == 1


def test_a_bank_that_asks_is_answered_on_the_page_or_another_card_pays(at_stripe: Customer) -> None:
    invoice = at_stripe.fall_behind()
    address = f"/invoices/{invoice.token}"
    asked = at_stripe.post(address, payment_method="pm_card_authenticationRequired").get_data(as_text=True)
    assert "Confirm with your bank." in asked
    assert "Confirm with your bank." in at_stripe.page(address)
    assert at_stripe.post(f"{address}/another-card").status_code == 303
    assert "Pay this invoice" in at_stripe.page(address)
    assert at_stripe.post(address, payment_method="pm_card_mastercard").status_code == 303
    assert at_stripe.get(f"{address}/return").status_code == 303
    assert (at_stripe.invoice().status, at_stripe.charged()) == ("paid", [2000, 2000])


def test_an_answer_that_is_lost_is_waited_for_and_nothing_more_is_charged(at_stripe: Customer) -> None:
    invoice = at_stripe.fall_behind()
    address = f"/invoices/{invoice.token}"
    at_stripe.world.fault(kind="reset_after", operation="payment_intents.confirm")
    assert "re checking with your bank" in at_stripe.post(address, payment_method="pm_card_visa").get_data(as_text=True)
    assert "please don&#39;t pay again" in at_stripe.page(address)
    assert at_stripe.get(f"{address}/status").status_code == 200
    assert "re checking with your bank" in at_stripe.post(f"{address}/stored-card").get_data(as_text=True)
    at_stripe.world.forget_faults()
    at_stripe.desk.settle()
    assert at_stripe.get(f"{address}/status").status_code == 303
    assert (at_stripe.invoice().status, at_stripe.charged()) == ("paid", [2000, 2000])


def test_a_card_field_left_empty_or_of_another_shop_is_said_so(at_stripe: Customer) -> None:
    invoice = at_stripe.fall_behind()
    for form, status, said in (
        ({"payment_method": ""}, 422, "Enter your card details."),
        ({"payment_method": "4242424242424242"}, 422, "Enter your card details."),
        ({"payment_method": "pm_card_visa", "account": "pac_nobody"}, 409, "has just changed"),
        ({"payment_method": at_stripe.desk.card().id}, 422, "card"),
    ):
        answer = at_stripe.post(f"/invoices/{invoice.token}", **form)
        assert (answer.status_code, said in answer.get_data(as_text=True)) == (status, True), form
    assert at_stripe.charged() == [2000]


def test_the_paper_says_what_is_billed_and_is_the_same_each_time(at_stripe: Customer) -> None:
    at_stripe.fall_behind()
    with organization(at_stripe.world.acme.id), transaction() as session:
        letterhead = {"address": "1 Harbor St\nPortland", "tax_number": "US-1", "color": "#aa3355"}
        session.execute(update(BillingSettings).values(**letterhead))
        session.execute(update(Payer).values(name="#eval(1) $x$ *Ada*"))
    first, second = at_stripe.desk.invoices()
    drawn = at_stripe.get(f"/invoices/{first.token}.pdf")
    assert (drawn.status_code, drawn.mimetype, drawn.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert at_stripe.get(f"/invoices/{first.token}.pdf").data == drawn.data
    again = at_stripe.client.get(f"/invoices/{first.token}.pdf", headers={"If-None-Match": drawn.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert at_stripe.get(f"/invoices/{second.token}.pdf").data != drawn.data
    with organization(at_stripe.world.acme.id), transaction():
        note = credit_notes.create(at_stripe.world.acme.id, credit_notes.NewNote(first.id, "credit", 500)).note
        number = note.number
    assert f"credit note {number}" in at_stripe.page(f"/invoices/{first.token}")
    sheet = at_stripe.get(f"/invoices/{first.token}/credit-notes/{number}.pdf")
    assert (sheet.status_code, sheet.data[:5]) == (200, b"%PDF-")
    assert at_stripe.get(f"/invoices/{second.token}/credit-notes/{number}.pdf").status_code == 404
    assert at_stripe.get(f"/invoices/{first.token}.pdf").data != drawn.data


def test_a_void_invoice_asks_for_nothing(at_stripe: Customer) -> None:
    invoice = at_stripe.fall_behind()
    api = at_stripe.world.api(at_stripe.world.acme.api_key)
    assert api.post(f"/invoices/{invoice.id}/void").status_code == 200
    assert "This invoice is void." in at_stripe.page(f"/invoices/{invoice.token}")
    assert at_stripe.post(f"/invoices/{invoice.token}", payment_method="pm_card_visa").status_code == 303
    assert at_stripe.post(f"/invoices/{invoice.token}/stored-card").status_code == 303
    assert at_stripe.charged() == [2000]


def test_a_first_payment_declined_is_made_on_the_page_and_its_card_is_kept(world: World) -> None:
    ada = Customer(world)
    sub = ada.desk.start(ada.desk.price(2000), ada.desk.customer(), card=DECLINED["stripe"])
    invoice = ada.invoice()
    assert "stores your card" in ada.page(f"/invoices/{invoice.token}")
    assert ada.post(f"/invoices/{invoice.token}", payment_method=VISA["stripe"]).status_code == 303
    found = ada.desk.subscription(sub)
    assert (found.status, found.payment_method_id) == ("active", ada.desk.card().id)


def test_a_merchants_color_reaches_the_page_as_a_sheet_that_can_be_read(at_stripe: Customer) -> None:
    with organization(at_stripe.world.acme.id), transaction() as session:
        session.execute(update(BillingSettings).values(color="#ffee00"))
    page = at_stripe.page(f"/invoices/{at_stripe.invoice().token}")
    sheet = page.split('href="/brand/')[1].split('"')[0]
    answer = at_stripe.get(f"/brand/{sheet}")
    assert (answer.status_code, answer.mimetype) == (200, "text/css")
    assert "#ffee00" not in answer.get_data(as_text=True).split(",")[0], "yellow on white is darkened"
    assert at_stripe.get("/brand/nothing.css").status_code == 404
