"""The life of a payment intent."""

import time
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import NO_REDIRECTS, Sandbox, catch


def test_a_confirmed_intent_succeeds_and_shows_its_charge_and_fee(pay: Any) -> None:
    intent = pay(expand=["latest_charge.balance_transaction", "payment_method", "customer"])
    assert intent.status == "succeeded"
    assert intent.amount_received == 1000
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert intent.latest_charge.balance_transaction.fee == 59
    assert intent.latest_charge.balance_transaction.net == 941
    assert intent.payment_method.card.brand == "visa"


def test_an_intent_is_created_first_and_confirmed_later(api: Any) -> None:
    intent = api.payment_intents.create({"amount": 500, "currency": "EUR", "automatic_payment_methods": NO_REDIRECTS})
    assert (intent.status, intent.currency) == ("requires_payment_method", "eur")
    updated = api.payment_intents.update(intent.id, {"amount": 700, "payment_method": "pm_card_mastercard"})
    assert updated.status == "requires_confirmation"
    confirmed = api.payment_intents.confirm(intent.id)
    assert (confirmed.status, confirmed.amount_received) == ("succeeded", 700)
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"


def test_metadata_is_merged_and_emptied_key_by_key(api: Any) -> None:
    intent = api.payment_intents.create({"amount": 500, "currency": "eur", "metadata": {"a": "1", "b": "2"}})
    updated = api.payment_intents.update(intent.id, {"metadata": {"b": "", "c": "3"}})
    assert updated.metadata.to_dict() == {"a": "1", "c": "3"}


def test_a_succeeded_intent_is_not_confirmed_again(api: Any, pay: Any) -> None:
    error = catch(lambda: api.payment_intents.confirm(pay().id))
    assert error.code == "payment_intent_unexpected_state"
    assert error.error.payment_intent.status == "succeeded"


def test_a_manual_intent_holds_and_captures_in_full(api: Any, pay: Any) -> None:
    intent = pay(capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)
    captured = api.payment_intents.capture(intent.id)
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 1000, 0)


def test_a_partial_capture_releases_the_rest(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    intent = api.payment_intents.capture(
        pay(capture_method="manual").id, {"amount_to_capture": 600, "expand": ["latest_charge"]}
    )
    assert (intent.amount_received, intent.latest_charge.amount_captured) == (600, 600)
    assert intent.latest_charge.amount_refunded == 400
    assert not intent.latest_charge.refunded
    [charge] = sandbox.charges(account)
    assert (charge["status"], charge["amount_captured"], charge["amount_refunded"]) == ("captured", 600, 0)


@pytest.mark.parametrize("amount", [0, 1001])
def test_no_more_is_captured_than_was_held(api: Any, pay: Any, amount: int) -> None:
    intent = pay(capture_method="manual")
    assert catch(lambda: api.payment_intents.capture(intent.id, {"amount_to_capture": amount})).http_status == 400
    assert api.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_an_automatic_intent_cannot_be_captured(api: Any, pay: Any) -> None:
    error = catch(lambda: api.payment_intents.capture(pay().id))
    assert error.code == "payment_intent_unexpected_state"


def test_canceling_a_hold_releases_it(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    intent = api.payment_intents.cancel(pay(capture_method="manual").id, {"cancellation_reason": "abandoned"})
    assert (intent.status, intent.cancellation_reason) == ("canceled", "abandoned")
    assert sandbox.charges(account)[0]["status"] == "canceled"


def test_a_succeeded_intent_cannot_be_canceled(api: Any, pay: Any) -> None:
    assert catch(lambda: api.payment_intents.cancel(pay().id)).code == "payment_intent_unexpected_state"


def test_a_canceled_intent_cannot_be_confirmed(api: Any) -> None:
    intent = api.payment_intents.create({"amount": 500, "currency": "eur", "payment_method": "pm_card_visa"})
    api.payment_intents.cancel(intent.id)
    assert catch(lambda: api.payment_intents.confirm(intent.id, {"off_session": True})).http_status == 400


def test_a_card_of_nobody_is_used_up_by_a_payment(api: Any, pay: Any) -> None:
    method = pay().payment_method
    assert "previously used" in str(catch(lambda: pay(method)))
    assert api.payment_methods.retrieve(method).customer is None


def test_an_intent_that_may_redirect_needs_a_return_url(api: Any) -> None:
    error = catch(
        lambda: api.payment_intents.create(
            {"amount": 500, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )
    )
    assert error.param == "return_url"


def test_lists_are_walked_by_cursor_newest_first(api: Any) -> None:
    made = [api.payment_intents.create({"amount": 100 + step, "currency": "usd"}).id for step in range(7)]
    assert [one.id for one in api.payment_intents.list({"limit": 3}).auto_paging_iter()] == made[::-1]
    page = api.payment_intents.list({"limit": 2, "ending_before": made[3]})
    assert ([one.id for one in page.data], page.has_more) == ([made[5], made[4]], True)


def test_lists_are_filtered_by_time_and_customer(api: Any) -> None:
    customer = api.customers.create({"email": "ann@example.com"}).id
    intent = api.payment_intents.create({"amount": 100, "currency": "usd", "customer": customer})
    api.payment_intents.create({"amount": 100, "currency": "usd"})
    now = int(time.time())
    assert len(api.payment_intents.list({"created": {"gte": now - 60, "lt": now + 60}}).data) == 2
    assert api.payment_intents.list({"created": {"gt": now + 60}}).data == []
    assert [one.id for one in api.payment_intents.list({"customer": customer}).data] == [intent.id]


def test_an_intent_is_found_by_its_metadata(api: Any) -> None:
    wanted = api.payment_intents.create({"amount": 100, "currency": "usd", "metadata": {"attempt": "att_1"}})
    api.payment_intents.create({"amount": 100, "currency": "usd", "metadata": {"attempt": "att_2"}})
    found = api.payment_intents.search({"query": "metadata['attempt']:'att_1' AND currency:'usd'"})
    assert [one.id for one in found.data] == [wanted.id]


def test_accounts_do_not_see_each_other(sandbox: Sandbox, account: str, pay: Any) -> None:
    intent = pay()
    stranger = sandbox.client(f"{account}other").v1
    error = catch(lambda: stranger.payment_intents.retrieve(intent.id))
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.code) == (404, "resource_missing")


def test_the_account_of_money_tells_reference_and_key(sandbox: Sandbox, account: str, pay: Any) -> None:
    intent = pay(options={"idempotency_key": "attempt-1"}, metadata={"attempt": "att_9"})
    [charge] = sandbox.charges(account)
    assert charge["reference"] == "att_9"
    assert charge["idempotency_key"] == "attempt-1"
    assert (charge["payment_intent"], charge["last4"], charge["status"]) == (intent.id, "4242", "captured")


def test_charges_and_balance_transactions_are_listed(api: Any, pay: Any) -> None:
    intent = pay()
    [charge] = api.charges.list({"payment_intent": intent.id}).data
    assert api.charges.retrieve(charge.id).payment_intent == intent.id
    [booked] = api.balance_transactions.list({"source": charge.id}).data
    assert api.balance_transactions.retrieve(booked.id).amount == 1000
