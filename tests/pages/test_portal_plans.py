"""A customer's plans in their portal: shown, paid, paid off, moved, paused, and why a charge is what it is."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from ballast import clock
from ballast.billing import explaining, portal_links
from ballast.db import db, organization, transaction
from ballast.models import Email, Payment, PaymentMethod
from tests.billing.acts import answer_challenge
from tests.financing.acts import IN_FOUR, WITH_INTEREST
from tests.financing.servant import Servant
from tests.world import World, csrf


class Ada:
    """Who bought an espresso machine on a plan, in her browser; without scripts."""

    def __init__(self, world: World, days_ago: int = 0, price: int = 64000, terms: object = IN_FOUR) -> None:
        self.servant = Servant(world, clock.real_time().replace(microsecond=0) - timedelta(days=days_ago))
        self.agreement_id = self.servant.agree(price, terms)  # type: ignore[arg-type]
        self.servant.at = clock.real_time()
        self.servant.lateness(self.agreement_id)
        customer_id = self.servant.agreement(self.agreement_id).customer_id
        self.home = f"/portal/{portal_links.token(world.acme.id, customer_id)}"
        self.client = world.app.test_client()
        self.token = csrf(self.client.get("/sign-in").get_data(as_text=True))

    def page(self, path: str = "", status: int = 200) -> str:
        answer = self.client.get(self.home + path)
        assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
        return re.sub(r"<[^>]+>", "", unescape(answer.get_data(as_text=True)))

    def raw(self, path: str) -> str:
        return self.client.get(self.home + path).get_data(as_text=True)

    def asks_bank(self) -> None:
        """Her card's bank wants to know each time that it is she."""
        with organization(self.servant.world.acme.id), transaction() as session:
            session.execute(update(PaymentMethod).values(external_id="pm_card_authenticationRequired"))

    def plan(self, act: str = "", query: str = "") -> str:
        return f"/plans/{self.agreement_id}" + (f"/{act}" if act else "") + query

    def do(self, act: str, query: str = "") -> TestResponse:
        """Look at the preview, and press the button under it."""
        found = re.findall(
            r'name="(\w+)" value="([^"]+)"', self.raw(self.plan(act, query)).partition('id="preview"')[2]
        )
        form = dict(found) | {"csrf_token": self.token}
        return self.client.post(self.home + self.plan(act), data=form)


@pytest.fixture
def ada(world: World) -> Ada:
    return Ada(world)


def test_the_home_says_what_is_left_and_what_comes_next(ada: Ada) -> None:
    page = ada.page()
    for said in ("$480.00 left of $640.00", "$160.00 on", "4242", "Pay off", "1 of 4 payments"):
        assert said in page or said in ada.raw(""), said


def test_a_late_plan_says_until_when_it_costs_nothing_and_offers_time(world: World) -> None:
    ada = Ada(world, days_ago=35)
    page = ada.page()
    assert "Payment 1 of 3, $160.00, was due" in page
    assert "to avoid a $5.00 fee" in page
    assert "Need time? See options" in page


def test_paying_the_next_one_charges_what_the_preview_said_once(ada: Ada) -> None:
    page = ada.page(ada.plan("pay"))
    assert "$160.00 today" in page
    assert "$480.00" in page
    assert ada.do("pay").status_code == 303
    assert "Thank you. We received $160.00 and charged you once." in ada.page(ada.plan())
    assert ada.servant.charges_of(ada.agreement_id) == [16000]
    assert ada.servant.amendments(ada.agreement_id)[0].actor.startswith("customer:cus_")


def test_a_plan_is_paid_off_with_the_interest_saved(world: World) -> None:
    ada = Ada(world, price=60000, terms=WITH_INTEREST)
    assert "$600.00 today" in ada.page(ada.plan("payoff"))
    assert ada.do("payoff").status_code == 303
    assert "Nothing left to pay" in ada.page()


def test_an_amount_a_date_and_a_pause_are_asked_for_then_shown_then_done(ada: Ada) -> None:
    assert "Up to $480.00" in ada.page(ada.plan("amount"))
    assert ada.do("amount", "?amount=50").status_code == 303
    assert "$430.00 left of $640.00" in ada.page()
    first = ada.servant.installments(ada.agreement_id)[0].due_on
    to = (first + timedelta(days=5)).isoformat()
    assert ada.do("date", f"?installment=1&to={to}").status_code == 303
    assert ada.servant.installments(ada.agreement_id)[0].due_on.isoformat() == to
    assert ada.do("pause", "?months=1").status_code == 303
    assert ada.servant.agreement(ada.agreement_id).paused_until is not None
    assert "cannot be paused" in ada.page(ada.plan("pause", "?months=1"), 409)


def test_what_is_wrong_is_said_on_the_form_and_nothing_happens(ada: Ada) -> None:
    for query, status, said in (
        ("amount?amount=x", 422, "amount"),
        ("amount?amount=9999", 422, "$480.00 pays everything"),
        ("date?installment=1&to=never", 422, "Enter a day"),
        ("card?payment_method=pm_nobodys", 422, "not stored for this customer"),
    ):
        assert said in ada.page(ada.plan() + "/" + query, status)
    old = ada.client.post(ada.home + ada.plan("payoff"), data={"csrf_token": ada.token, "preview_hash": "0" * 64})
    assert old.status_code == 409
    assert "Look at it again" in old.get_data(as_text=True)
    assert ada.client.get(ada.home + ada.plan("elsewhere")).status_code == 404
    assert ada.servant.charges_of(ada.agreement_id) == []


def test_the_bank_asks_on_a_page_of_the_portal_and_what_it_says_is_shown_there(ada: Ada) -> None:
    ada.asks_bank()
    asked = ada.do("pay").headers["Location"]
    path = asked.removeprefix(ada.home)
    page = ada.raw(path)
    assert "Confirm with your bank." in page
    assert "You'll pay $160.00 only after you approve." in unescape(page)
    assert "/stripe/3ds/" in page, "the way to the bank works without scripts"
    assert f'href="{asked}"' in ada.raw(""), "whoever leaves the page finds it again"
    assert "/js/checkout/stripe.js" in page
    assert ada.client.get(f"{asked}/status").headers["Location"] == asked
    other = ada.client.post(f"{asked}/another-card", data={"csrf_token": ada.token})
    assert other.headers["Location"] == f"{ada.home}{ada.plan()}/card/new"
    assert ada.client.get(asked).headers["Location"] == ada.home + ada.plan()
    assert ada.servant.charges_of(ada.agreement_id) == []
    again = ada.do("pay").headers["Location"]
    assert again != asked
    answer_challenge(ada.raw(again.removeprefix(ada.home)), "approve")
    back = ada.client.get(ada.home + ada.plan() + "/return")
    assert back.headers["Location"] == ada.home + ada.plan()
    assert "Thank you. We received $160.00 and charged you once." in ada.page(ada.plan())
    assert ada.servant.charges_of(ada.agreement_id) == [16000]
    stranger = portal_links.token(ada.servant.world.acme.id, ada.servant.customer())
    assert ada.client.get(again.replace(ada.home, f"/portal/{stranger}")).status_code == 404


def test_while_nobody_knows_the_page_asks_until_somebody_does(ada: Ada) -> None:
    ada.servant.world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    where = ada.do("pay").headers["Location"]
    assert "Your $160.00 payment may have gone through" in ada.page(where.removeprefix(ada.home))
    assert ada.client.get(f"{where}/status").status_code == 200
    assert ada.client.get(ada.home + ada.plan() + "/return").headers["Location"] == ada.home + ada.plan()
    assert ada.client.get(f"{where}/status", headers={"HX-Request": "true"}).headers["HX-Redirect"] == where
    assert ada.client.get(where).headers["Location"] == ada.home + ada.plan()
    assert ada.servant.charges_of(ada.agreement_id) == [16000]


def test_a_plan_is_its_customers_alone(ada: Ada) -> None:
    stranger = portal_links.token(ada.servant.world.acme.id, ada.servant.customer())
    for act in ("", "/pay"):
        path = f"/portal/{stranger}/plans/{ada.agreement_id}{act}"
        assert ada.client.get(path).status_code == 404
    assert ada.client.post(path, data={"csrf_token": ada.token}).status_code == 404


def test_a_receipt_leads_to_why_the_amount_is_what_it_is_and_staff_see_the_formula(world: World) -> None:
    ada = Ada(world, price=60000, terms=WITH_INTEREST)
    ada.do("pay")
    payment_id = ada.servant.payments_of(ada.agreement_id)[0]
    mail = next(one for one in world.all_of(Email) if one.resource_id == payment_id and one.kind == "receipt")
    address = re.search(r"/charges/\S+", mail.text)
    assert address is not None
    page = unescape(ada.client.get(address[0]).get_data(as_text=True))
    assert "$600.00 still owed × 12% a year × one period" in page
    assert "The bank approved it, once." in page
    staff = unescape(world.sign_in("viewer").get(f"/admin/payments/{payment_id}/why").get_data(as_text=True))
    assert "Why this amount" in staff
    assert "oldest_due_first" in staff
    assert ada.client.get("/charges/forged").status_code == 404
    with ada.servant.clocked():
        why = explaining.explain(db.session.get_one(Payment, (world.acme.id, payment_id)))
        assert sum(part.amount for part in why.parts) == why.payment.amount
