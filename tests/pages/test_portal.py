"""The customer's own page: behind a signed link, everything they may do to their subscriptions, each thing once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from ballast import clock
from ballast.billing import portal_links
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import Customer as Payer
from ballast.models import Email, PaymentMethod, Price, TaxRate
from tests.pages.billed import DECLINED, OTHER, Customer
from tests.world import World


@pytest.fixture
def ada(world: World) -> Customer:
    found = Customer(world)
    found.subscribe()
    return found


def home_of(ada: Customer) -> str:
    return f"/portal/{portal_links.token(ada.world.acme.id, ada.customer_id)}"


def address_of(ada: Customer, act: str) -> str:
    return f"{home_of(ada)}/subscriptions/{ada.subscription_id}/{act}"


def renewed(ada: Customer) -> None:
    ada.desk.at = clock.real_time()
    assert ada.desk.run()


def yearly(ada: Customer, amount: int = 18000) -> str:
    """Another price of the same product."""
    with ada.desk.clocked(), transaction() as session:
        own = session.get_one(Price, (ada.world.acme.id, ada.price_id))
        made = Price(
            id=new_id("price"),
            organization_id=own.organization_id,
            product_id=own.product_id,
            kind="recurring",
            amount=amount,
            currency="USD",
            interval="month",
            nickname="Large",
        )
        session.add(made)
        return made.id


def test_the_home_says_what_comes_next_and_what_was_billed(ada: Customer) -> None:
    renewed(ada)
    page = ada.page(home_of(ada))
    for said in (
        "Club",
        "$20.00</span> per month",
        "Next payment",
        "4242",
        "ACME-000001",
        "ACME-000002",
        "Change card",
    ):
        assert said in page, said


def test_a_link_that_is_over_opens_nothing_and_a_new_one_goes_to_its_owner_alone(ada: Customer) -> None:
    with clock.shifted(-timedelta(days=31)):
        home = home_of(ada)
    for path in (home, f"{home}/subscriptions/{ada.subscription_id}/cancel"):
        answer = ada.get(path)
        assert answer.status_code == 410
        assert "This link has expired." in answer.get_data(as_text=True)
        assert "Ada" not in answer.get_data(as_text=True)
        assert "ada@" not in answer.get_data(as_text=True)
    assert ada.post(f"{home}/subscriptions/{ada.subscription_id}/cancel").status_code == 410
    assert ada.desk.subscription(ada.subscription_id).cancel_at_period_end is False
    sent = ada.post(f"{home}/link")
    assert "on its way" in sent.get_data(as_text=True)
    mail = next(mail for mail in ada.desk.all(Email) if mail.kind == "portal_link")
    assert mail.recipient == "ada@example.com"
    link = re.search(r"http://127\.0\.0\.1:9(/portal/\S+)", mail.text)
    assert link
    assert "Your subscriptions" in ada.page(link[1])
    answers = [ada.post(f"{home}/link").status_code for _ in range(6)]
    assert answers[-1] == 429


@pytest.mark.parametrize("spoiled", ["x", "", "WyJvcmciLCJjdXMiXQ.aaa.bbb"])
def test_a_link_we_did_not_sign_is_nothing(ada: Customer, spoiled: str) -> None:
    good = home_of(ada)
    assert ada.get(f"{good[:-4]}{spoiled}abcd").status_code == 404


def test_a_link_opens_nobody_elses_subscription(ada: Customer) -> None:
    other = ada.desk.customer(email="eve@example.com", name="Eve")
    home = f"/portal/{portal_links.token(ada.world.acme.id, other)}"
    assert "No subscription yet" in ada.page(home)
    for act in ("cancel", "pause", "plan", "card", "return"):
        assert ada.get(f"{home}/subscriptions/{ada.subscription_id}/{act}").status_code == 404
    for act in ("cancel", "pause", "plan", "card", "keep", "resume", "keep-plan"):
        form = {"payment_method": "pm_card_visa"} if act == "card" else {}
        assert ada.post(f"{home}/subscriptions/{ada.subscription_id}/{act}", **form).status_code == 404
    found = ada.desk.subscription(ada.subscription_id)
    assert (found.status, found.cancel_at_period_end) == ("active", False)


def test_an_erased_customer_has_no_page(ada: Customer) -> None:
    with organization(ada.world.acme.id), transaction() as session:
        session.execute(update(Payer).values(erased_at=clock.real_time()))
    assert ada.get(home_of(ada)).status_code == 404


def test_canceling_takes_two_clicks_and_one_to_undo(ada: Customer) -> None:
    renewed(ada)
    assert "Cancel Club?" in ada.page(address_of(ada, "cancel"))
    assert ada.post(address_of(ada, "cancel")).status_code == 303
    assert "Nothing more is charged." in ada.page(home_of(ada))
    assert ada.desk.subscription(ada.subscription_id).cancel_at_period_end is True
    assert ada.post(address_of(ada, "keep")).status_code == 303
    assert ada.desk.subscription(ada.subscription_id).cancel_at_period_end is False


def test_a_pause_with_a_date_and_a_resume(ada: Customer) -> None:
    renewed(ada)
    assert "goes on" in ada.page(address_of(ada, "pause"))
    assert ada.post(address_of(ada, "pause"), months="2").status_code == 303
    found = ada.desk.subscription(ada.subscription_id)
    assert found.status == "paused"
    assert found.resumes_at is not None
    assert 58 <= (found.resumes_at - clock.real_time()).days <= 62
    assert "Resume" in ada.page(home_of(ada))
    assert ada.post(address_of(ada, "pause"), months="2").status_code == 303
    assert ada.post(address_of(ada, "resume")).status_code == 303
    assert ada.desk.subscription(ada.subscription_id).status == "active"
    assert ada.post(address_of(ada, "pause"), months="forever").status_code == 303
    assert ada.desk.subscription(ada.subscription_id).resumes_at is None
    assert ada.post(address_of(ada, "cancel")).status_code == 303
    assert ada.desk.subscription(ada.subscription_id).status == "canceled"
    assert ada.post(address_of(ada, "resume")).status_code == 303, "it says so, and nothing happens"


def shown_instant(page: str) -> str:
    found = re.search(r'name="at" value="([^"]+)"', page)
    assert found
    return found[1].replace("&#43;", "+")


def test_a_change_costs_to_the_cent_what_was_shown(ada: Customer) -> None:
    with organization(ada.world.acme.id), transaction() as session:
        session.execute(update(Payer).values(country="US"))
        session.add(TaxRate(organization_id=ada.world.acme.id, name="Sales tax", country="US", bps=888))
    renewed(ada)
    large = yearly(ada, 6000)
    asked = ada.page(f"{address_of(ada, 'plan')}?price={large}&quantity=2&when=now")
    shown = re.search(r"Pay (\$[\d,.]+) and change", asked)
    assert shown
    form = {"price": large, "quantity": "2", "when": "now", "at": shown_instant(asked)}
    assert ada.post(address_of(ada, "plan"), **form).status_code == 303
    found, invoice = ada.desk.subscription(ada.subscription_id), ada.invoice()
    assert (found.price_id, found.quantity, invoice.status) == (large, 2, "paid")
    assert f"${invoice.total / 100:,.2f}" == shown[1]
    again = ada.post(address_of(ada, "plan"), **form)
    assert again.status_code == 422
    assert "This is the plan it is on." in again.get_data(as_text=True)


def test_a_change_at_renewal_is_shown_and_can_be_undone(ada: Customer) -> None:
    renewed(ada)
    large = yearly(ada)
    page = ada.page(f"{address_of(ada, 'plan')}?price={large}&quantity=1&when=renewal")
    assert "$180.00" in page
    assert ada.post(address_of(ada, "plan"), price=large, quantity="1", when="renewal").status_code == 303
    assert ada.desk.subscription(ada.subscription_id).pending_price_id == large
    assert "Keep the plan as it is" in ada.page(home_of(ada))
    assert ada.post(address_of(ada, "keep-plan")).status_code == 303
    assert ada.desk.subscription(ada.subscription_id).pending_price_id is None


@pytest.mark.parametrize(
    "typed", [{"quantity": "0"}, {"quantity": "many"}, {"price": "price_nobody"}, {"at": "yesterday"}]
)
def test_a_change_that_makes_no_sense_is_refused_in_words(ada: Customer, typed: dict[str, str]) -> None:
    renewed(ada)
    form = {"price": ada.price_id, "quantity": "1", "when": "now", **typed}
    answer = ada.post(address_of(ada, "plan"), **form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.get_data(as_text=True)


def test_a_change_whose_payment_is_declined_leaves_the_plan_and_leads_to_its_invoice(ada: Customer) -> None:
    renewed(ada)
    large = yearly(ada, 6000)
    ada.world.fault(kind="decline", count=1)
    answer = ada.post(address_of(ada, "plan"), price=large, quantity="1", when="now")
    invoice = ada.invoice()
    assert answer.headers["Location"] == f"/invoices/{invoice.token}"
    assert ada.desk.subscription(ada.subscription_id).price_id == ada.price_id
    assert ada.post(f"/invoices/{invoice.token}", payment_method="pm_card_mastercard").status_code == 303
    assert ada.desk.subscription(ada.subscription_id).price_id == large


@pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
def test_a_new_card_is_stored_without_a_charge_and_what_is_owed_is_charged_at_once(
    world: World, processor: str
) -> None:
    ada = Customer(world, processor)
    ada.subscribe()
    ada.fall_behind()
    before = ada.desk.subscription(ada.subscription_id).payment_method_id
    assert "is charged" in ada.page(address_of(ada, "card"))
    form = {"account": ada.account_id, "payment_method": DECLINED[processor]}
    if processor != "square":  # whose test token is declined when it is charged
        refused = ada.post(address_of(ada, "card"), **form)
        assert refused.status_code == 422, refused.get_data(as_text=True)
        assert ada.desk.subscription(ada.subscription_id).payment_method_id == before
    form["payment_method"] = OTHER[processor]
    assert ada.post(address_of(ada, "card"), **form).status_code == 303
    found = ada.desk.subscription(ada.subscription_id)
    assert (found.status, ada.charged()) == ("active", [2000, 2000])
    assert found.payment_method_id != before
    (payer,) = [one for one in ada.desk.all(Payer) if one.id == ada.customer_id]
    assert payer.default_payment_method_id == found.payment_method_id
    assert "Your new card is in use." in ada.page(home_of(ada))


def test_a_bank_that_asks_before_a_card_is_stored_is_answered_on_the_page(ada: Customer) -> None:
    form = {"account": ada.account_id, "payment_method": "pm_card_authenticationRequired"}
    asked = ada.post(address_of(ada, "card"), **form)
    page = asked.get_data(as_text=True)
    assert "Confirm with your bank." in page
    back = re.search(r'data-return-url="([^"]+)"', page)
    assert back
    assert "seti_" in page
    assert "Confirm with your bank." in ada.page(back[1]), "nobody has answered yet"
    assert len(ada.desk.all(PaymentMethod)) == 2


def test_a_lost_answer_stores_one_card_and_the_worker_puts_it_to_use(ada: Customer) -> None:
    ada.world.fault(kind="reset_before", operation="setup_intents.create", count=3)
    form = {"account": ada.account_id, "payment_method": "pm_card_mastercard"}
    page = ada.post(address_of(ada, "card"), **form).get_data(as_text=True)
    assert "storing your card" in page
    ada.world.forget_faults()
    with clock.shifted(timedelta(hours=1)):
        ada.world.drain()
    card = ada.desk.card()
    assert (card.status, ada.desk.subscription(ada.subscription_id).payment_method_id) == ("active", card.id)
    assert ada.get(f"{address_of(ada, 'card')}/{card.id}").status_code == 303
    assert ada.get(f"{address_of(ada, 'card')}/{new_id('pm')}").status_code == 404


def test_mails_lead_to_the_page(ada: Customer) -> None:
    ada.fall_behind()
    mail = next(mail for mail in ada.desk.all(Email) if mail.kind == "charge_failed")
    link = re.search(r"http://127\.0\.0\.1:9(/portal/\S+)", mail.text)
    assert link
    assert "could not be charged" in ada.page(link[1])
    paid = re.search(r"http://127\.0\.0\.1:9(/invoices/\S+)", mail.text)
    assert paid
    assert "Pay this invoice" in ada.page(paid[1])


def test_a_shopper_asks_for_their_page_by_address_and_only_its_mailbox_learns_whether_there_is_one(
    ada: Customer,
) -> None:
    shop = f"/shop/{ada.world.acme.slug}/account"
    before = len(ada.desk.all(Email))
    answers = [ada.post(shop, email=email) for email in ("nobody@example.com", " ADA@example.com ")]
    assert all("If you have bought here" in answer.get_data(as_text=True) for answer in answers)
    mails = ada.desk.all(Email)[before:]
    assert [(mail.kind, mail.recipient) for mail in mails] == [("portal_link", "ada@example.com")]
    link = re.search(r"http://127\.0\.0\.1:9(/portal/\S+)", mails[0].text)
    assert link
    assert "Your subscriptions" in ada.page(link[1])
    assert ada.post(shop, email="no address").status_code == 422
