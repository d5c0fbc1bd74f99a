"""Buying on a plan: what is shown is what is agreed to, what is due today is charged once, and the plan runs when that has arrived."""

from __future__ import annotations

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from ballast import clock
from ballast.billing import checkout_form, financing_checkout, payments
from ballast.billing.financing import reading
from ballast.db import db, organization, transaction
from ballast.models import AgreementDocument, AuditEntry, FinancingOffer, Order, PaymentMethod, Product
from tests.api.selling import Seller
from tests.financing.acts import IN_FOUR, Lender
from tests.financing.buying import Buyer
from tests.pages.billed import DECLINED
from tests.shopper import TYPED
from tests.world import World

EVERYWHERE = pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
NOTHING_DOWN = replace(IN_FOUR, down_payment_bps=0)


@EVERYWHERE
def test_the_down_payment_is_charged_once_and_the_plan_runs_with_the_card_stored(world: World, processor: str) -> None:
    noor = Buyer(world, processor=processor)
    page = noor.choose()
    assert "Pay $22.50 and start the plan" in page
    assert "Annual percentage rate" in page
    declined = noor.agree(DECLINED[processor])
    assert declined.status_code == 422
    assert "approve this payment" in declined.get_data(as_text=True)
    assert noor.statuses() == ["draft"]
    assert noor.agree().headers["Location"].endswith("/receipt")
    assert noor.agree(page=page).status_code == 200, "a second click finds it paid"
    world.drain()
    (agreement,), (card,) = noor.agreements(), noor.lender.all(PaymentMethod)
    assert (agreement.status, agreement.payment_method_id, card.status) == ("active", card.id, "active")
    assert noor.charged() == [2250]
    assert [(one.amount, one.status) for one in noor.lender.all(Order)] == [(9000, "paid")]
    assert noor.lender.account("financing_receivable") == noor.lender.balance(agreement.id) == 6750
    assert noor.lender.account("sales") == -9000
    assert noor.mails() == ["agreement", "receipt"]
    assert noor.lender.events("financing") == ["financing.agreement.created", "financing.agreement.activated"]
    receipt = noor.client.get(f"{noor.checkout}/receipt").get_data(as_text=True)
    assert "We charged" in receipt
    assert f"/plans/{agreement.token}" in receipt


@EVERYWHERE
def test_where_nothing_is_due_today_the_card_is_stored_and_the_plan_runs(world: World, processor: str) -> None:
    noor = Buyer(world, NOTHING_DOWN, processor)
    assert "Start the plan" in noor.choose()
    assert noor.agree().headers["Location"].endswith("/receipt")
    (agreement,), (card,) = noor.agreements(), noor.lender.all(PaymentMethod)
    assert (agreement.status, agreement.payment_method_id, card.status) == ("active", card.id, "active")
    assert (noor.charged(), noor.payments(), noor.mails()) == ([], [], ["agreement"])
    assert [one.status for one in noor.lender.all(Order)] == ["paid"]
    assert "Your cart is empty" in noor.cart()
    assert "Your plan has begun." in noor.client.get(f"{noor.checkout}/receipt").get_data(as_text=True)


def test_the_document_kept_is_what_was_shown_and_both_solvers_agree_on_it(world: World) -> None:
    noor = Buyer(world)
    page = noor.choose()
    noor.agree(page=page)
    (agreement,), (document,) = noor.agreements(), noor.lender.all(AgreementDocument)
    box = document.html[document.html.index("<section") : document.html.index("</section>")]
    assert box in page
    assert document.sha256 == hashlib.sha256(document.html.encode()).hexdigest()
    assert document.pdf.startswith(b"%PDF")
    assert reading.read(document.html).payments[0][1] == 2250
    assert (agreement.consent_ip, agreement.terms["price"]) == ("127.0.0.1", 9000)
    assert agreement.consent_agent


def test_what_was_not_shown_is_not_agreed_to(world: World) -> None:
    noor = Buyer(world)
    page = noor.choose()
    unread = noor.agree(page=page, agree="")
    assert unread.status_code == 422
    assert "tick the box" in unread.get_data(as_text=True)
    with clock.at(clock.real_time() + timedelta(days=1)):
        tomorrow = noor.agree(page=page)
    assert tomorrow.status_code == 409
    assert "Please read it again" in tomorrow.get_data(as_text=True)
    _edit(world, noor.offer_id, late_fee_amount=900)
    edited = noor.agree(page=page)
    assert edited.status_code == 409
    assert "$9.00" in edited.get_data(as_text=True), "the new disclosure is there to be looked at"
    another_way = noor.agree(page=noor.page().replace('value="full" checked', ""), shown_with="full")
    assert another_way.status_code == 409
    assert noor.charged() == noor.agreements() == noor.payments() == []
    assert noor.agree().status_code == 303


def _edit(world: World, offer_id: str, **values: object) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(FinancingOffer).where(FinancingOffer.id == offer_id).values(**values))


def test_an_offer_edited_after_consent_changes_nothing_and_cannot_be_taken_up_unpublished(world: World) -> None:
    noor = Buyer(world)
    noor.agree()
    before = noor.agreements()[0].terms_hash
    _edit(world, noor.offer_id, status="draft", installments=6)
    assert noor.agreements()[0].terms_hash == before
    omar = Buyer(world)
    _edit(world, omar.offer_id, status="draft")
    page = omar.page()
    assert omar.offer_id not in page
    refused = omar.post(omar.checkout, {**TYPED, "pay_with": omar.offer_id, "agree": "yes", "account": omar.account_id})
    assert refused.status_code == 409
    assert "not offered" in refused.get_data(as_text=True)


def test_whoever_changes_how_they_pay_is_charged_once(world: World) -> None:
    noor = Buyer(world)
    assert noor.agree(DECLINED["stripe"]).status_code == 422
    assert noor.pay_in_full(DECLINED["stripe"]).status_code == 422
    assert (noor.statuses(), noor.payments()) == (
        ["canceled"],
        [(2250, "canceled"), (9000, "requires_payment_method")],
    )
    assert noor.agree(DECLINED["stripe"]).status_code == 422
    assert noor.pay_in_full().status_code == 303
    assert noor.statuses() == ["canceled", "canceled"]
    assert [status for _amount, status in noor.payments()] == ["canceled", "canceled", "canceled", "succeeded"]
    assert noor.charged() == [9000]


def test_two_tabs_one_in_full_and_one_with_a_plan_are_one_charge(world: World, app: Flask) -> None:
    noor = Buyer(world)
    page = noor.choose()
    start = threading.Barrier(4)

    def press(ways: int) -> int:
        with app.app_context():
            start.wait()
            return (noor.agree(page=page) if ways % 2 else noor.pay_in_full()).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, range(4))) <= {200, 303, 409}
    world.drain()
    (charged,) = noor.charged()
    assert [one.status for one in noor.lender.all(Order)] == ["paid"]
    assert "active" in noor.statuses() if charged == 2250 else "active" not in noor.statuses()


def test_a_challenge_holds_everything_until_the_bank_has_answered(world: World) -> None:
    noor = Buyer(world)
    asked = noor.agree("pm_card_authenticationRequired")
    assert "Confirm with your bank" in asked.get_data(as_text=True)
    assert "$22.50" in asked.get_data(as_text=True)
    assert (noor.statuses(), noor.payments()) == (["draft"], [(2250, "requires_action")])
    noor.post(f"{noor.checkout}/another-card")
    assert noor.agree().status_code == 303
    assert (noor.statuses(), noor.charged()) == (["active"], [2250])


def test_money_that_is_known_of_later_makes_the_plan_run_once(world: World) -> None:
    noor = Buyer(world)
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=3)
    assert "checking with your bank" in noor.agree().get_data(as_text=True)
    assert noor.statuses() == ["draft"]
    assert noor.pay_in_full().status_code == 200, "nothing else is tried meanwhile"
    world.forget_faults()
    with clock.shifted(timedelta(hours=30)):
        world.drain()
        world.drain()
    assert (noor.statuses(), noor.charged(), noor.mails()) == (["active"], [2250], ["agreement", "receipt"])


def test_a_lost_answer_about_the_card_starts_one_plan_all_the_same(world: World) -> None:
    noor = Buyer(world, NOTHING_DOWN)
    world.fault(kind="reset_before", operation="setup_intents.create", count=99)
    assert "checking with your bank" in noor.agree().get_data(as_text=True)
    assert noor.pay_in_full().status_code == 200, "nothing else is tried meanwhile"
    world.forget_faults()
    with clock.shifted(timedelta(hours=1)):
        world.drain()
    assert (noor.statuses(), noor.charged()) == (["active"], [])


def test_a_card_that_cannot_be_stored_is_alarmed_and_asked_for_by_mail(world: World) -> None:
    noor = Buyer(world, processor="square")
    world.fault(kind="decline", processor="square", operation="cards.create", count=9)
    assert noor.agree().status_code == 303
    assert noor.agreements()[0].payment_method_id is not None
    world.drain()
    (agreement,) = noor.agreements()
    assert (agreement.status, agreement.payment_method_id) == ("active", None)
    assert noor.mails() == ["agreement", "plan_card_needed", "receipt"]
    assert "financing_agreement.card_missing" in [one.action for one in noor.lender.all(AuditEntry)]
    page = noor.client.get(f"/plans/{agreement.token}").get_data(as_text=True)
    assert "No card is stored for this plan." in page


def test_a_draft_nobody_came_back_to_is_canceled_after_a_day_and_one_under_way_is_not(world: World) -> None:
    noor, omar = Buyer(world), Buyer(world)
    noor.agree(DECLINED["stripe"])
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=3)
    world.fault(kind="reset_before", operation="payment_intents.retrieve", count=99)
    omar.agree()
    with clock.shifted(timedelta(hours=23)):
        world.drain()
    assert noor.statuses() == ["draft", "draft"]
    with clock.shifted(timedelta(hours=25)):
        world.drain()
    assert sorted(noor.statuses()) == ["canceled", "draft"]
    world.forget_faults()
    with clock.shifted(timedelta(hours=30)):
        assert noor.agree().status_code == 303, "they may still come back, and agree anew"


def test_the_room_under_a_cap_is_not_taken_up_by_the_same_order_twice(world: World) -> None:
    noor = Buyer(world, exposure_cap=6750)
    assert noor.agree(DECLINED["stripe"]).status_code == 422
    omar = Buyer(world)
    assert noor.offer_id not in omar.page()
    assert noor.agree().status_code == 303
    assert noor.statuses() == ["active"]


def test_a_plan_for_some_products_is_not_for_a_cart_with_another(world: World) -> None:
    noor = Buyer(world)
    (kettle,) = noor.lender.all(Product)
    _edit(world, noor.offer_id, product_ids=[kettle.id])
    assert noor.offer_id in noor.page()
    price = Seller(world.api(world.acme.api_key)).price(1000, None)
    noor.add(price_id=price)
    noor.checkout = noor.check_out()
    assert "How to pay" not in noor.page()
    _edit(world, noor.offer_id, product_ids=[], countries=["DE"])
    assert noor.offer_id not in noor.page()
    assert noor.offer_id in noor.choose("full", country="DE")
    assert "start the plan" in noor.choose(country="DE")


def test_a_held_customer_agrees_to_nothing(world: World) -> None:
    noor = Buyer(world)
    noor.lender.customer(email=TYPED["email"], held_at=clock.real_time())
    refused = noor.agree()
    assert refused.status_code == 409
    assert noor.agreements() == noor.payments() == []


def test_a_program_opens_a_checkout_with_a_plan_and_learns_which_agreement_it_led_to(world: World) -> None:
    lender, api = Lender(world, clock.real_time()), world.api(world.acme.api_key)
    line = {"name": "Repair", "amount": 20000}
    none = api.post("/checkout_sessions", {"mode": "financing", "lines": [line]})
    assert (none.status_code, none.get_json()["error"]["code"]) == (400, "financing_not_offered")
    noor = Buyer(world)
    other = lender.offer(replace(IN_FOUR, installments=2), name="Pay in 3")
    for body, code in (
        ({"mode": "payment", "financing_offer": other}, "parameter_conflict"),
        ({"mode": "financing", "financing_offer": "offer_nothing"}, "resource_missing"),
    ):
        assert api.post("/checkout_sessions", {**body, "lines": [line]}).get_json()["error"]["code"] == code
    made = api.post("/checkout_sessions", {"mode": "financing", "lines": [line], "financing_offer": other}).get_json()
    assert (made["amount"], made["financing_offer"], made["financing_agreement"]) == (20000, other, None)
    noor.checkout, offered = "/checkout/" + made["url"].rpartition("/")[2], noor.offer_id
    page = noor.page()
    assert "In full" not in page
    assert offered not in page
    assert noor.pay_in_full().status_code == 409
    noor.offer_id = other
    assert noor.agree(page=page).status_code == 303
    shown = api.get(f"/checkout_sessions/{made['id']}").get_json()
    assert (shown["status"], shown["financing_agreement"]) == ("complete", noor.agreements()[0].id)
    assert noor.charged() == [5000]


def test_a_session_that_expires_takes_its_draft_with_it(world: World) -> None:
    noor, api = Buyer(world), world.api(world.acme.api_key)
    body = {"mode": "financing", "lines": [{"name": "Repair", "amount": 20000}]}
    made = api.post("/checkout_sessions", body).get_json()
    noor.checkout = "/checkout/" + made["url"].rpartition("/")[2]
    noor.agree(DECLINED["stripe"])
    assert api.post(f"/checkout_sessions/{made['id']}/expire").status_code == 200
    assert (noor.statuses(), noor.payments()) == (["canceled"], [(5000, "canceled")])


def test_the_plans_own_page_shows_what_was_agreed_and_gives_the_paper(world: World) -> None:
    noor = Buyer(world)
    noor.agree()
    (agreement,), (document,) = noor.agreements(), noor.lender.all(AgreementDocument)
    path = f"/plans/{agreement.token}"
    page = noor.client.get(path).get_data(as_text=True)
    assert '$67.50</span> <span class="of-total">left of' in page
    assert document.sha256 in page
    assert "/portal/" not in page, "whoever holds this address is not let in there"
    assert noor.client.get(f"{path}/disclosure.html").get_data(as_text=True) == document.html
    assert noor.client.get(f"{path}/disclosure.pdf").get_data() == document.pdf
    assert "We have mailed the link" in noor.post(f"{path}/link").get_data(as_text=True)
    assert "portal_link" in noor.mails()
    assert noor.client.get("/plans/nothing").status_code == 404
    omar = Buyer(world)
    omar.agree(DECLINED["stripe"])
    draft = next(one for one in omar.agreements() if one.status == "draft")
    assert omar.client.get(f"/plans/{draft.token}").status_code == 404


def test_the_first_charge_stores_its_card_and_says_that_it_begins_a_series_of_installments(world: World) -> None:
    noor = Buyer(world)
    shown = re.search(r'name="shown_terms" value="(\w+)"', noor.choose())
    assert shown
    agreed = financing_checkout.Agreed(noor.offer_id, shown[1], "tests")
    details = checkout_form.read_details({**TYPED, "account": noor.account_id})
    customer_id = noor.lender.customer()
    with organization(world.acme.id), transaction():
        order = db.session.scalars(select(Order)).one()
        order.customer_id = customer_id
        begun = financing_checkout.begin(order, details, None, agreed, "https://shop.example")
    assert isinstance(begun, payments.Begun)
    charge = begun.charge
    assert (charge.amount, charge.series, charge.first_of_series) == (2250, "installment", True)
    assert (charge.save, charge.one_time, charge.off_session) == (True, True, False)
