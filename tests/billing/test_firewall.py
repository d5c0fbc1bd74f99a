"""The double-charge firewall: whatever roads two tries take, and however close together, there is one charge."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from ballast.billing import carts, checkout, checkout_form, inbox, payments, resolver
from ballast.clock import now, shifted
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.models import Cart, Claim, Customer, Email, LedgerTransfer, Order, Organization, Payment
from ballast.processors.stripe import StripeAdapter
from tests.billing.acts import (
    TYPED,
    Shopper,
    as_worker,
    at_once,
    attempts,
    elsewhere,
    event_of,
    hook,
    rows,
    taken,
)
from tests.world import Api, World, csrf


def slow_confirm(world: World, seconds: float = 0.3) -> None:
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=seconds)


def assert_one_sale(world: World, amount: int = 9000) -> None:
    """One charge, one attempt that was approved, one posting, one paid order and one paid claim."""
    assert [charge["amount"] for charge in taken(world)] == [amount]
    assert [attempt.status for attempt in attempts(world)].count("approved") == 1
    assert [transfer.amount for transfer in rows(world, LedgerTransfer)] == [amount]
    assert Counter(order.status for order in rows(world, Order))["paid"] == 1
    assert Counter(claim.status for claim in rows(world, Claim))["paid"] == 1
    assert len(rows(world, Email)) == 1


def test_the_pay_button_pressed_twice_at_once_charges_once(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    found = csrf(shopper.look(token).get_data(as_text=True))
    slow_confirm(world)
    cookie = shopper.client.get_cookie("ballast")
    assert cookie is not None

    def press() -> int:
        client = world.app.test_client()
        client.set_cookie("ballast", cookie.value)
        data = TYPED | {"csrf_token": found, "payment_method": "pm_card_visa"}
        return client.post(f"/checkout/{token}", data=data).status_code

    assert set(at_once(world.app, *[press] * 6)) <= {200, 303}
    assert_one_sale(world)


def test_twenty_confirmations_at_once_charge_once(world: World, unpaid: str) -> None:
    slow_confirm(world)

    def confirm() -> int:
        return world.api(world.acme.api_key).post(f"/payments/{unpaid}/confirm").status_code

    assert Counter(at_once(world.app, *[confirm] * 20)) == {200: 1, 409: 19}
    assert len(taken(world)) == 1
    assert len(attempts(world)) == 1


def pay_order(world: World, token: str, card: str = "pm_card_visa") -> None:
    """What the checkout's POST does, without the page."""
    with organization(world.acme.id):
        checkout.pay(world.acme.id, token, checkout_form.read_details(TYPED | {"payment_method": card}))


def declined_order(world: World, shopper: Shopper) -> tuple[str, str]:
    """A checkout whose first card was declined: its token and its payment's id."""
    token = shopper.buy()
    assert shopper.pay(token, "pm_card_visa_chargeDeclined").status_code == 422
    (payment,) = rows(world, Payment)
    return token, payment.id


def test_checkout_and_api_on_one_payment_charge_once(world: World, shopper: Shopper) -> None:
    token, payment_id = declined_order(world, shopper)
    slow_confirm(world)

    def by_api() -> int:
        body = {"payment_method": "pm_card_visa"}
        return world.api(world.acme.api_key).post(f"/payments/{payment_id}/confirm", body).status_code

    def by_page() -> None:
        pay_order(world, token)

    at_once(world.app, by_page, by_api, by_page, by_api)
    assert world.payment(payment_id).status == "succeeded"
    assert_one_sale(world)


def test_a_payment_that_was_read_before_it_was_locked_is_read_again(world: World, unpaid: str) -> None:
    """Read, paid by another road, locked: what was read must not be believed."""
    api = world.api(world.acme.api_key)
    with organization(world.acme.id):
        looked = payments.find(world.acme.id, unpaid)  # kept, as a view would keep it
        assert looked.status == "requires_confirmation"
        assert elsewhere(world.app, lambda: api.post(f"/payments/{unpaid}/confirm").status_code) == 200
        with pytest.raises(Conflict, match="state_conflict"), transaction():
            payments.begin(payments.locked(world.acme.id, unpaid))
    assert len(taken(world)) == 1


def test_an_authorized_payment_is_not_authorized_again(world: World, api: Api) -> None:
    payment_id = api.pay(capture_method="manual").get_json()["id"]
    assert world.payment(payment_id).status == "requires_capture"
    again = api.post(f"/payments/{payment_id}/confirm", {"payment_method": "pm_card_mastercard"})
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "state_conflict")
    assert len(taken(world)) == 1


def test_a_payment_that_succeeded_is_final(world: World, api: Api, paid: str) -> None:
    assert api.post(f"/payments/{paid}/confirm", {"payment_method": "pm_card_visa"}).status_code == 409
    assert len(taken(world)) == 1


def test_a_held_customer_is_not_charged_by_confirming_an_earlier_payment(world: World, api: Api) -> None:
    customer_id = new_id("cus")
    with organization(world.acme.id), transaction() as session:
        session.add(Customer(id=customer_id, organization_id=world.acme.id, email="held@example.com", created_at=now()))
    payment_id = api.pay(confirm=False, customer=customer_id).get_json()["id"]
    with organization(world.acme.id), transaction() as session:
        session.query(Customer).filter_by(id=customer_id).update({"held_at": now()})
    with organization(world.acme.id), pytest.raises(Conflict, match="customer_held"):
        payments.confirm(world.acme.id, payment_id)
    assert taken(world) == []


def test_one_cart_in_two_tabs_is_sold_once(world: World, shopper: Shopper) -> None:
    shopper.add()
    first = shopper.checkout()
    shopper.add(quantity=2)
    second = shopper.checkout()
    assert first != second
    slow_confirm(world)
    at_once(world.app, lambda: pay_order(world, first), lambda: pay_order(world, second))
    assert "changed" in shopper.look(first).get_data(as_text=True).lower()
    assert_one_sale(world, 27_000)


def test_a_cart_cannot_be_ordered_anew_while_its_order_is_being_paid(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    shopper.pay(token)
    assert shopper.checkout() == token, "the same cart leads back to the same checkout"
    shopper.add()
    refused = shopper.try_checkout()
    assert refused.status_code == 409
    assert "under way" in refused.get_data(as_text=True)
    with shifted(timedelta(minutes=1)):
        world.drain()
    assert_one_sale(world)


def test_ordering_and_paying_the_order_before_at_once_sells_once(world: World, shopper: Shopper) -> None:
    token, _payment_id = declined_order(world, shopper)
    shopper.add()
    slow_confirm(world, 0.1)

    def reorder() -> str:
        with organization(world.acme.id):
            shop = db.session.query(Organization).filter_by(id=world.acme.id).one()
            (cart,) = db.session.query(Cart).all()
            cart_token = cart.token
            db.session.rollback()
            return carts.order(shop, cart_token).token

    paid, ordered = at_once(world.app, lambda: pay_order(world, token), reorder)
    assert paid is None
    if isinstance(ordered, str):
        pay_order(world, ordered)
        assert_one_sale(world, 18_000)
    else:
        assert isinstance(ordered, Conflict)
        assert_one_sale(world)


def test_request_resolver_and_event_all_at_once_record_once(
    world: World, unpaid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StripeAdapter.submit

    def crowded(self: StripeAdapter, charge: Any) -> Any:
        outcome = real(self, charge)
        assert hook(world, event_of(charge.external_id)).status_code == 204
        with shifted(timedelta(minutes=1)):
            at_once(
                world.app,
                as_worker(world, resolver.resolve_due),
                as_worker(world, inbox.apply_due),
                as_worker(world, resolver.resolve_due),
            )
        return outcome

    monkeypatch.setattr(StripeAdapter, "submit", crowded)
    answers = at_once(
        world.app, *[lambda: world.api(world.acme.api_key).post(f"/payments/{unpaid}/confirm").status_code] * 2
    )
    assert sorted(answers) == [200, 409]
    assert world.payment(unpaid).status == "succeeded"
    assert len(taken(world)) == 1
    assert len(rows(world, LedgerTransfer)) == 1
    assert [attempt.status for attempt in attempts(world)] == ["approved"]


@pytest.mark.parametrize("round_", range(3))
def test_shopper_and_recorder_do_not_wait_for_each_other_for_ever(world: World, shopper: Shopper, round_: int) -> None:
    """Checkout locks the order and then its payment; recording a success needs both too."""
    token = shopper.buy()
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    shopper.pay(token)

    def press() -> None:
        pay_order(world, token, "pm_card_mastercard")

    with shifted(timedelta(minutes=1)):
        answers = at_once(world.app, press, as_worker(world, resolver.resolve_due), press, press)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert_one_sale(world)
