"""Refunds."""

from typing import Any

from tests.sandbox.conftest import Sandbox, catch, wait_until


def test_a_full_refund_gives_back_everything(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    intent = pay()
    refund = api.refunds.create({"payment_intent": intent.id, "reason": "requested_by_customer"})
    assert (refund.status, refund.amount) == ("succeeded", 1000)
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    assert sandbox.charges(account)[0]["amount_refunded"] == 1000


def test_partial_refunds_add_up(api: Any, pay: Any) -> None:
    intent = pay()
    for amount in (100, 250):
        api.refunds.create({"payment_intent": intent.id, "amount": amount})
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (350, False)
    assert api.refunds.create({"payment_intent": intent.id}).amount == 650
    assert len(api.refunds.list({"payment_intent": intent.id}).data) == 3
    assert len(api.refunds.list({"charge": intent.latest_charge}).data) == 3


def test_no_more_is_given_back_than_was_taken(api: Any, pay: Any) -> None:
    intent = pay()
    api.refunds.create({"payment_intent": intent.id, "amount": 900})
    error = catch(lambda: api.refunds.create({"payment_intent": intent.id, "amount": 101}))
    assert (error.http_status, error.param) == (400, "amount")
    api.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert catch(lambda: api.refunds.create({"payment_intent": intent.id})).code == "charge_already_refunded"


def test_after_a_partial_capture_only_the_captured_is_given_back(api: Any, pay: Any) -> None:
    intent = api.payment_intents.capture(pay(capture_method="manual").id, {"amount_to_capture": 600})
    assert catch(lambda: api.refunds.create({"payment_intent": intent.id, "amount": 601})).http_status == 400
    assert api.refunds.create({"payment_intent": intent.id}).amount == 600


def test_what_was_not_captured_is_not_refunded(api: Any, pay: Any) -> None:
    intent = pay(capture_method="manual")
    assert catch(lambda: api.refunds.create({"payment_intent": intent.id})).http_status == 400


def test_a_refund_books_against_the_balance(api: Any, pay: Any) -> None:
    refund = api.refunds.create({"payment_intent": pay().id, "expand": ["balance_transaction"]})
    assert (refund.balance_transaction.amount, refund.balance_transaction.fee) == (-1000, 0)


def test_the_refund_of_one_card_is_pending_and_then_succeeds(api: Any, pay: Any) -> None:
    refund = api.refunds.create({"payment_intent": pay("pm_card_pendingRefund").id})
    assert refund.status == "pending"
    wait_until(lambda: api.refunds.retrieve(refund.id).status == "succeeded")
    assert "refund.updated" in [event.type for event in api.events.list().data]


def test_the_refund_of_one_card_succeeds_and_then_fails(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    intent = pay("pm_card_refundFail")
    refund = api.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert refund.status == "succeeded"
    wait_until(lambda: api.refunds.retrieve(refund.id).status == "failed")
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert sandbox.charges(account)[0]["amount_refunded"] == 0
    assert "refund.failed" in [event.type for event in api.events.list().data]
