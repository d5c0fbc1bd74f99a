"""A shopper's journeys through the checkout, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.models import Cart, Claim, Event, Order, Payment, Price, Product
from tests.billing.acts import Shopper, answer_challenge, attempts, event_of, hook, rows, taken, wire
from tests.world import World, csrf


def status_of(world: World) -> str:
    (payment,) = rows(world, Payment)
    return str(payment.status)


def test_a_kettle_is_bought(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    answer = shopper.pay(token)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/checkout/{token}/receipt")
    receipt = shopper.client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "$90.00" in receipt
    assert "4242" in receipt
    assert [charge["amount"] for charge in taken(world)] == [9000]


def test_a_declined_card_says_why_keeps_what_was_typed_and_another_card_pays(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    refused = shopper.pay(token, "pm_card_visa_chargeDeclinedInsufficientFunds")
    page = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert "Nothing was charged" in page
    assert "Ada Lovelace" in page
    assert "Analytical Way" in page
    assert shopper.pay(token, "pm_card_mastercard").status_code == 303
    assert [attempt.status for attempt in attempts(world)] == ["declined", "approved"]
    assert len(taken(world)) == 1


def test_a_stolen_card_is_told_nothing_of_theft(world: World, shopper: Shopper) -> None:
    page = shopper.pay(shopper.buy(), "pm_card_visa_chargeDeclinedStolenCard").get_data(as_text=True).lower()
    assert "stolen" not in page
    assert "fraud" not in page
    (attempt,) = attempts(world)
    assert attempt.decline_code == "stolen_card"


def test_the_processors_own_words_about_our_mistakes_are_not_for_shoppers(world: World, shopper: Shopper) -> None:
    answer = shopper.pay(shopper.buy(), "pm_nobody_knows")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "No such" not in page
    assert "pm_nobody_knows" not in page
    assert "problem on our side" in page


def test_the_bank_asks_and_the_shopper_approves(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    asked = shopper.pay(token, "pm_card_authenticationRequired")
    assert asked.status_code == 200
    page = asked.get_data(as_text=True)
    assert "Confirm with your bank." in page
    assert taken(world) == []
    answer_challenge(page, "approve")
    assert shopper.back_from_bank(token).headers["Location"].endswith("/receipt")
    assert status_of(world) == "succeeded"
    assert len(taken(world)) == 1


@pytest.mark.parametrize("decision", ["fail", "cancel"])
def test_the_bank_asks_and_the_shopper_does_not(world: World, shopper: Shopper, decision: str) -> None:
    token = shopper.buy()
    answer_challenge(shopper.pay(token, "pm_card_authenticationRequired").get_data(as_text=True), decision)
    back = shopper.back_from_bank(token)
    assert back.headers["Location"].endswith(f"/checkout/{token}")
    page = shopper.look(token).get_data(as_text=True)
    assert "Nothing was charged" in page
    assert status_of(world) == "requires_payment_method"
    assert taken(world) == []
    assert shopper.pay(token).status_code == 303
    assert len(taken(world)) == 1


def test_coming_back_without_an_answer_shows_the_challenge_again(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    shopper.pay(token, "pm_card_authenticationRequired")
    shopper.back_from_bank(token)
    assert "Confirm with your bank." in shopper.look(token).get_data(as_text=True)
    assert status_of(world) == "requires_action"


def test_another_card_while_the_bank_still_asks_cancels_the_first_at_the_processor(
    world: World, shopper: Shopper
) -> None:
    token = shopper.buy()
    page = shopper.pay(token, "pm_card_authenticationRequired").get_data(as_text=True)
    assert shopper.pay(token, "pm_card_visa").status_code == 303
    assert len(wire(world, "/cancel")) == 1
    assert [attempt.status for attempt in attempts(world)] == ["not_sent", "approved"]
    answer_challenge(page, "approve")
    assert len(taken(world)) == 1


def test_another_card_just_after_the_bank_said_yes_does_not_charge_twice(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    answer_challenge(shopper.pay(token, "pm_card_authenticationRequired").get_data(as_text=True), "approve")
    shopper.pay(token, "pm_card_visa")
    assert status_of(world) == "succeeded"
    assert [attempt.status for attempt in attempts(world)] == ["approved"]
    assert len(taken(world)) == 1


def test_another_card_while_the_cancel_is_lost_tries_nothing_new(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    shopper.pay(token, "pm_card_authenticationRequired")
    world.fault(kind="error_before", operation="payment_intents.cancel", count=3)
    answer = shopper.pay(token, "pm_card_visa")
    assert answer.status_code == 200
    assert len(attempts(world)) == 1
    assert taken(world) == []
    assert shopper.pay(token, "pm_card_visa").status_code == 303
    assert len(taken(world)) == 1


def test_who_would_rather_use_another_card_gets_the_form_and_the_challenge_is_closed_at_the_processor(
    world: World, shopper: Shopper
) -> None:
    token = shopper.buy()
    page = shopper.pay(token, "pm_card_authenticationRequired").get_data(as_text=True)
    answer = shopper.client.post(f"/checkout/{token}/another-card", data={"csrf_token": csrf(page)})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/checkout/{token}")
    assert 'name="payment_method"' in shopper.look(token).get_data(as_text=True)
    (attempt,) = attempts(world)
    assert attempt.status == "not_sent"
    answer_challenge(page, "approve")
    assert world.charges() == []
    assert shopper.pay(token).status_code == 303
    assert len(world.charges()) == 1


def test_a_challenge_nobody_answers_is_taken_back_after_an_hour(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    shopper.pay(token, "pm_card_authenticationRequired")
    for minutes in (5, 30):
        with shifted(timedelta(minutes=minutes)):
            world.drain()
        assert status_of(world) == "requires_action"
    with shifted(timedelta(hours=30)):
        world.drain()
    assert status_of(world) == "requires_payment_method"
    assert wire(world, "/cancel")
    assert taken(world) == []


def test_an_unknown_outcome_is_checked_and_ends_at_the_receipt(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    answer = shopper.pay(token)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "checking with your bank" in page
    assert "data-pay-form" not in page
    assert shopper.client.get(f"/checkout/{token}/status").status_code == 200
    assert "checking with your bank" in shopper.pay(token, "pm_card_mastercard").get_data(as_text=True)
    with shifted(timedelta(minutes=1)):
        world.drain()
    moved_on = shopper.client.get(f"/checkout/{token}/status")
    assert moved_on.headers["Location"].endswith("/receipt")
    assert len(taken(world)) == 1
    assert len(attempts(world)) == 1


def test_an_unknown_outcome_that_was_nothing_gives_the_form_back(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    shopper.pay(token)
    with shifted(timedelta(minutes=1)):
        world.drain()
    assert "data-pay-form" in shopper.look(token).get_data(as_text=True)
    assert shopper.pay(token).status_code == 303
    assert len(taken(world)) == 1


def test_a_processor_that_is_away_is_said_so_and_a_second_try_pays(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    world.fault(kind="reset_before", operation="payment_intents.create", count=3)
    answer = shopper.pay(token)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "reach the payment processor" in page
    assert "Nothing was charged" in page
    assert shopper.pay(token).status_code == 303
    assert len(taken(world)) == 1


def test_an_order_paid_in_another_tab_is_not_paid_again(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    assert shopper.pay(token).status_code == 303
    again = shopper.pay(token, "pm_card_mastercard")
    assert "paid" in again.get_data(as_text=True).lower()
    assert shopper.look(token).status_code == 200
    assert len(taken(world)) == 1


def test_what_the_form_says_of_the_price_is_nothing(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    shopper.pay(token, amount="1", price="1", currency="JPY", quantity="0", order_id="ord_1", unit_amount="1")
    assert [(charge["amount"], charge["currency"].upper()) for charge in taken(world)] == [(9000, "USD")]


def test_the_price_of_an_order_is_the_price_it_was_made_at(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    with organization(world.acme.id), transaction() as session:
        session.query(Price).filter_by(id=world.acme.price_id).update({"amount": 99_999})
        session.query(Product).filter_by(organization_id=world.acme.id).update({"name": "Golden kettle"})
    assert "$90.00" in shopper.look(token).get_data(as_text=True)
    shopper.pay(token)
    assert [charge["amount"] for charge in taken(world)] == [9000]


def test_a_cart_at_a_new_price_is_a_new_order(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    with organization(world.acme.id), transaction() as session:
        session.query(Price).filter_by(id=world.acme.price_id).update({"amount": 8000})
    second = shopper.checkout()
    assert second != token
    shopper.pay(second)
    assert [charge["amount"] for charge in taken(world)] == [8000]


def test_going_back_to_the_cart_and_on_again_is_the_same_order(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    shopper.pay(token, "pm_card_visa_chargeDeclined")
    assert shopper.checkout() == token
    assert "Ada Lovelace" in shopper.look(token).get_data(as_text=True)
    assert len(rows(world, Order)) == 1


def test_a_paid_cart_is_empty_and_the_next_one_is_new(world: World, shopper: Shopper) -> None:
    shopper.pay(shopper.buy())
    assert "$90.00" not in shopper.cart()
    assert shopper.try_checkout().status_code == 409
    assert shopper.pay(shopper.buy()).status_code == 303
    assert [cart.status for cart in rows(world, Cart)] == ["ordered", "ordered"]
    assert len(taken(world)) == 2


def test_a_cart_paid_while_nobody_looked_is_empty_too(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    shopper.pay(token)
    (attempt,) = attempts(world)
    hook(world, event_of(attempt.external_id or ""))
    with shifted(timedelta(seconds=10)):
        world.drain()
    assert [cart.status for cart in rows(world, Cart)] == ["ordered"]
    assert shopper.try_checkout().status_code == 409
    assert shopper.pay(shopper.buy()).status_code == 303


def test_a_cart_that_changed_after_a_decline_is_ordered_anew_and_the_old_payment_is_closed(
    world: World, shopper: Shopper
) -> None:
    first = shopper.buy()
    shopper.pay(first, "pm_card_visa_chargeDeclined")
    (old,) = rows(world, Payment)
    shopper.add()
    second = shopper.checkout()
    assert second != first
    assert world.payment(old.id).status == "canceled"
    assert [claim.status for claim in rows(world, Claim)] == ["released"]
    assert "payment_intent.canceled" in [event.type for event in rows(world, Event)]
    late = world.api(world.acme.api_key).post(f"/payments/{old.id}/confirm", {"payment_method": "pm_card_visa"})
    assert late.status_code == 409
    shopper.pay(first)
    assert taken(world) == []
    assert shopper.pay(second).status_code == 303
    assert [charge["amount"] for charge in taken(world)] == [18_000]


def test_another_shops_checkout_is_not_to_be_found(world: World, shopper: Shopper) -> None:
    shopper.buy()
    assert shopper.look("nobody-has-this-token").status_code == 404
