"""Every documented test card does what its documentation says."""

from typing import Any

import pytest

from ballast.sandbox.stripe.cards import CARDS, is_luhn_valid
from tests.sandbox.conftest import NO_REDIRECTS, Sandbox, catch

DECLINES = [
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "confirm_card_data"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
    (
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_declined",
        "card_velocity_exceeded",
        "try_again_later",
    ),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_radarBlock", "card_declined", "fraudulent", "do_not_try_again"),
    ("pm_card_threeDSecureRequiredProcessingError", "card_declined", "generic_decline", "try_again_later"),
]


@pytest.mark.parametrize(("token", "code", "decline_code", "advice"), DECLINES)
def test_a_declining_card_answers_402_and_takes_the_intent_back(
    api: Any, pay: Any, token: str, code: str | None, decline_code: str, advice: str
) -> None:
    error = catch(lambda: pay(token)).error
    assert (error.type, error.code, error.decline_code, error.advice_code) == ("card_error", code, decline_code, advice)
    intent = api.payment_intents.retrieve(error.payment_intent.id, {"expand": ["latest_charge"]})
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.decline_code == decline_code
    assert (intent.latest_charge.id, intent.latest_charge.status) == (error.charge, "failed")
    assert not intent.latest_charge.paid


PAYING = [name for name, card in CARDS.items() if not card.declines and card.authentication == "none"]


@pytest.mark.parametrize("name", PAYING)
def test_a_good_card_pays(pay: Any, name: str) -> None:
    assert pay(f"pm_card_{name}").status == "succeeded"


def test_a_declined_intent_is_paid_with_another_card(api: Any, pay: Any) -> None:
    intent = catch(lambda: pay("pm_card_chargeDeclined")).error.payment_intent
    paid = api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_a_declining_card_cannot_be_kept(api: Any) -> None:
    customer = api.customers.create({}).id
    error = catch(lambda: api.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer}))
    assert (error.http_status, error.code) == (402, "card_declined")
    assert api.customers.payment_methods.list(customer).data == []


def test_the_card_that_declines_later_can_be_kept(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    assert catch(lambda: pay(method.id, customer=customer, off_session=True)).code == "card_declined"


def test_a_charge_for_future_use_keeps_the_card(api: Any, pay: Any) -> None:
    customer = api.customers.create({"name": "Ann"}).id
    intent = pay(customer=customer, setup_future_usage="off_session")
    [kept] = api.customers.payment_methods.list(customer).data
    assert kept.id == intent.payment_method
    assert pay(kept.id, customer=customer, off_session=True).status == "succeeded"


def test_a_kept_card_works_only_with_its_customer(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    assert catch(lambda: pay(method)).http_status == 400


def test_a_detached_card_is_gone_for_good(api: Any, pay: Any) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    assert api.payment_methods.detach(method).customer is None
    assert catch(lambda: pay(method, customer=customer)).http_status == 400


def test_deleting_a_customer_detaches_the_cards(api: Any) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    assert api.customers.delete(customer).deleted
    assert api.customers.retrieve(customer).deleted
    assert api.payment_methods.retrieve(method).customer is None
    assert catch(lambda: api.payment_intents.create({"amount": 100, "currency": "usd", "customer": customer}))


def test_a_setup_intent_keeps_a_card_without_a_charge(sandbox: Sandbox, account: str, api: Any) -> None:
    customer = api.customers.create({}).id
    wanted = {"customer": customer, "payment_method": "pm_card_visa", "confirm": True, "usage": "off_session"}
    intent = api.setup_intents.create(wanted | {"automatic_payment_methods": NO_REDIRECTS})
    assert intent.status == "succeeded"
    assert [one.id for one in api.customers.payment_methods.list(customer).data] == [intent.payment_method]
    assert sandbox.charges(account) == []


def test_a_setup_intent_declines_a_declining_card(api: Any) -> None:
    wanted = {"payment_method": "pm_card_chargeDeclined", "confirm": True, "automatic_payment_methods": NO_REDIRECTS}
    error = catch(lambda: api.setup_intents.create(wanted)).error
    assert (error.code, error.setup_intent.status) == ("card_declined", "requires_payment_method")


def test_all_test_cards_have_a_right_check_digit() -> None:
    assert [card.name for card in CARDS.values() if not is_luhn_valid(card.number)] == []
