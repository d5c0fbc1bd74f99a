"""What goes back of a payment for an order and a subscription together: each part no more than was paid for it, and it is said."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.billing import explaining, refunds
from ballast.billing.financing.servicing import returns
from ballast.clock import real_time
from ballast.db import organization
from ballast.models import FinancingAgreement, Invoice, Payment, Refund
from tests.financing.servant import Servant
from tests.pages.mixing import Mixer
from tests.world import World, csrf


class Desk:
    """Acme's owner, and Noor who has bought a kettle and a club for $110.00."""

    def __init__(self, world: World, with_plan: bool = False) -> None:
        self.world = world
        self.noor = Mixer(world)
        answer = self.noor.agree(self.noor.plan()) if with_plan else self.noor.buy_both()
        assert answer.status_code == 303
        world.drain()
        self.owner = world.sign_in("owner")
        self.api = world.api(world.acme.api_key)
        (self.payment_id,) = (one.id for one in world.all_of(Payment))
        (self.invoice_id,) = (one.id for one in world.all_of(Invoice))

    def refund(self, amount: str, part: str = "") -> Any:
        """Fill in the dashboard's form."""
        path = f"/admin/payments/{self.payment_id}/refund"
        form = {"csrf_token": csrf(self.owner.get(path).get_data(as_text=True)), "amount": amount, "part": part}
        return self.owner.post(path, data=form | {"reason": "requested_by_customer"})

    def credit_note(self, amount: int) -> Any:
        body = {"invoice": self.invoice_id, "amount": amount, "how": "refund", "reason": "other"}
        return self.api.post("/credit_notes", body)

    def refunds(self) -> list[tuple[int, int, str]]:
        self.world.drain()
        return [(one.amount, one.of_invoice, one.status) for one in self.world.all_of(Refund)]

    def left(self) -> tuple[int, int, int]:
        """What may still go back of all, of the order, of the invoice."""
        payment = self.world.payment(self.payment_id)
        with organization(self.world.acme.id):
            return (
                refunds.refundable(payment),
                refunds.refundable(payment, "order"),
                refunds.refundable(payment, "invoice"),
            )


def test_either_part_goes_back_alone_and_never_more_than_was_paid_for_it(world: World) -> None:
    desk = Desk(world)
    assert desk.left() == (11000, 9000, 2000)
    too_much = desk.refund("20.01", "invoice")
    assert too_much.status_code == 422
    assert "At most $20.00" in too_much.get_data(as_text=True)
    assert desk.credit_note(2001).get_json()["error"]["code"] == "credit_too_large"
    assert desk.credit_note(1500).status_code == 201
    assert desk.left() == (9500, 9000, 500)
    assert desk.refund("90.00", "order").status_code == 303
    assert desk.refunds() == [(1500, 1500, "succeeded"), (9000, 0, "succeeded")]
    assert desk.noor.orders() == [("refunded", 11000, 2000)], "what was bought is back, though not all that was paid"
    assert desk.left() == (500, 0, 500)
    mails = [mail["text"] for mail in world.mails() if "is on its way back" in mail["text"]]
    assert "$0.00 for what you bought, $15.00 for your subscription" in "".join(mails)
    receipt = desk.noor.receipt()
    assert "We refunded $15.00 for your subscription" in receipt
    assert "We refunded $90.00 for your order" in receipt


def test_where_no_part_is_named_the_goods_go_back_first(world: World) -> None:
    desk = Desk(world)
    assert desk.refund("95.00").status_code == 303
    assert desk.refunds() == [(9500, 500, "succeeded")]
    assert "We refunded $95.00: $90.00 for your order and $5.00 for your subscription" in desk.noor.receipt()
    assert desk.api.post("/refunds", {"payment": desk.payment_id}).status_code == 201
    assert desk.refunds()[1] == (1500, 1500, "succeeded")
    assert desk.left() == (0, 0, 0)


def test_with_a_plan_the_goods_go_back_through_it_and_the_invoice_by_a_credit_note(world: World) -> None:
    desk = Desk(world, with_plan=True)
    refused = desk.api.post("/refunds", {"payment": desk.payment_id})
    assert refused.get_json()["error"]["code"] == "payment_on_plan"
    servant = Servant(world, real_time())
    (agreement,) = servant.all(FinancingAgreement)
    servant.do(agreement.id, returns.decide)
    assert desk.refunds() == [(2250, 0, "succeeded")]
    assert servant.agreement(agreement.id).status == "refunded"
    assert desk.noor.subscriptions() == ["active"]
    assert desk.left() == (2000, 0, 2000)
    assert desk.credit_note(2000).status_code == 201
    assert desk.refunds()[1] == (2000, 2000, "succeeded")


@pytest.mark.parametrize("status", ["lost", "won"])
def test_a_disputed_payment_brings_back_of_the_plan_what_it_paid_of_it(world: World, status: Any) -> None:
    desk = Desk(world, with_plan=True)
    servant = Servant(world, real_time())
    (agreement,) = servant.all(FinancingAgreement)
    servant.dispute(desk.payment_id, "needs_response")
    servant.dispute(desk.payment_id, status)
    assert servant.balance(agreement.id) == (9000 if status == "lost" else 6750)


def test_the_charge_is_explained_part_by_part(world: World) -> None:
    desk = Desk(world, with_plan=True)
    with organization(world.acme.id):
        said = explaining.explain(world.payment(desk.payment_id))
    assert [(part.label, part.amount) for part in said.parts] == [("Down payment", 2250), ("Club", 2000)]
    assert "invoice" in said.heading
    assert "of the invoice" not in desk.owner.get(f"/admin/payments/{desk.payment_id}").get_data(as_text=True)


def test_the_api_names_the_part_that_goes_back_and_one_thing_has_no_parts(world: World) -> None:
    desk = Desk(world)
    too_much = desk.api.post("/refunds", {"payment": desk.payment_id, "amount": 2001, "part": "invoice"})
    assert (too_much.status_code, too_much.get_json()["error"]["code"]) == (400, "refund_too_large")
    assert desk.api.post("/refunds", {"payment": desk.payment_id, "part": "invoice"}).get_json()["amount"] == 2000
    assert desk.api.post("/refunds", {"payment": desk.payment_id, "part": "order"}).get_json()["amount"] == 9000
    assert desk.refunds() == [(2000, 2000, "succeeded"), (9000, 0, "succeeded")]
    plain = desk.api.pay().get_json()["id"]
    refused = desk.api.post("/refunds", {"payment": plain, "part": "order"}).get_json()["error"]
    assert (refused["code"], refused["param"]) == ("refund_part_unknown", "part")
