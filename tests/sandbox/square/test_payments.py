"""Payments: taking, holding, lowering, completing, canceling, listing."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Sandbox, wait_until
from tests.sandbox.square.conftest import ONCE, Seller, catch, code_of


def held(seller: Seller, **said: Any) -> Any:
    return seller.pay(autocomplete=False, **said)


def test_a_payment_is_taken_and_shown_whole(seller: Seller, sandbox: Sandbox, account: str) -> None:
    payment = seller.pay(reference_id="att_1", note="Coffee")
    assert (payment.status, payment.reference_id, payment.note) == ("COMPLETED", "att_1", "Coffee")
    assert payment.card_details.status == "CAPTURED"
    assert (payment.card_details.card.card_brand, payment.card_details.card.last4) == ("VISA", "1111")
    assert payment.location_id == seller.location
    assert payment.version_token
    [charge] = sandbox.charges(account)
    assert (charge["id"], charge["status"], charge["reference"]) == (payment.id, "captured", "att_1")
    assert seller.sdk.payments.get(payment.id, request_options=ONCE).payment == payment


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("cnon:card-nonce-declined", "GENERIC_DECLINE"),
        ("cnon:card-nonce-rejected-cvv", "CVV_FAILURE"),
        ("cnon:card-nonce-rejected-postalcode", "ADDRESS_VERIFICATION_FAILURE"),
        ("cnon:card-nonce-rejected-expiration", "INVALID_EXPIRATION"),
        ("cnon:gift-card-nonce-insufficient-funds", "INSUFFICIENT_FUNDS"),
        ("ccof:customer-card-id-declined", "GENERIC_DECLINE"),
        ("ccof:customer-card-id-rejected-postalcode", "ADDRESS_VERIFICATION_FAILURE"),
        ("ccof:customer-card-id-rejected-expiration", "INVALID_EXPIRATION"),
        ("ccof:customer-card-id-requires-verification", "CARD_DECLINED_VERIFICATION_REQUIRED"),
    ],
)
def test_a_refused_card_is_a_400_and_leaves_a_failed_payment(seller: Seller, source: str, code: str) -> None:
    error = catch(lambda: seller.pay(source))
    assert error.status_code == 400
    assert (error.errors[0].category, error.errors[0].code) == ("PAYMENT_METHOD_ERROR", code)
    failed = seller.sdk.payments.get(error.body["payment"]["id"], request_options=ONCE).payment
    assert failed is not None
    assert failed.status == "FAILED"
    assert failed.card_details.errors[0].code == code
    assert [one.id for one in seller.sdk.payments.list(request_options=ONCE)] == [failed.id]


@pytest.mark.parametrize("source", ["cnon:card-nonce-ok", "cnon:gift-card-nonce-ok", "ccof:customer-card-id-ok"])
def test_the_documented_sources_pay(seller: Seller, source: str) -> None:
    assert seller.pay(source).status == "COMPLETED"


def test_a_used_or_unknown_token_is_refused_without_a_payment(seller: Seller) -> None:
    assert code_of(lambda: seller.pay("cnon:card-nonce-already-used")) == (400, "CARD_TOKEN_USED")
    assert code_of(lambda: seller.pay("cnon:nobody")) == (404, "NOT_FOUND")
    token = seller.tokenize()["token"]
    assert seller.pay(token).status == "COMPLETED"
    assert code_of(lambda: seller.pay(token)) == (400, "CARD_TOKEN_USED")
    assert len(list(seller.sdk.payments.list(request_options=ONCE))) == 1


@pytest.mark.parametrize(("amount", "level"), [(1000, "NORMAL"), (2222, "MODERATE"), (3333, "HIGH")])
def test_an_amount_chooses_the_risk(seller: Seller, amount: int, level: str) -> None:
    assert seller.pay(amount=amount).risk_evaluation.risk_level == level


def test_a_seller_takes_one_currency(seller: Seller, make_seller: Callable[[str], Seller], account: str) -> None:
    assert code_of(lambda: seller.pay(currency="EUR")) == (400, "INVALID_VALUE")
    for currency, amount in (("JPY", 1500), ("KWD", 12345)):
        payment = make_seller(f"{account}-{currency}").pay(amount=amount, currency=currency)
        assert (payment.total_money.amount, payment.total_money.currency) == (amount, currency)


def test_a_hold_is_completed_by_its_version(seller: Seller) -> None:
    payment = held(seller, delay_duration="PT36H", delay_action="CANCEL")
    assert (payment.status, payment.card_details.status) == ("APPROVED", "AUTHORIZED")
    wrong = code_of(lambda: seller.sdk.payments.complete(payment.id, version_token="old", request_options=ONCE))
    assert wrong == (400, "VERSION_MISMATCH")
    done = seller.sdk.payments.complete(payment.id, version_token=payment.version_token, request_options=ONCE).payment
    assert done is not None
    assert (done.status, done.version_token == payment.version_token) == ("COMPLETED", False)
    again = code_of(lambda: seller.sdk.payments.complete(payment.id, request_options=ONCE))
    assert again == (400, "DELAYED_TRANSACTION_CAPTURED")


def test_a_hold_is_lowered_and_never_raised(seller: Seller, sandbox: Sandbox, account: str) -> None:
    payment = held(seller)

    def lower(amount: int, key: str, version: str) -> Any:
        said: Any = {"amount_money": {"amount": amount, "currency": "USD"}, "version_token": version}
        return seller.sdk.payments.update(payment.id, idempotency_key=key, payment=said, request_options=ONCE).payment

    lowered = lower(600, "k1", payment.version_token)
    assert (lowered.status, lowered.amount_money.amount) == ("APPROVED", 600)
    assert lower(600, "k1", payment.version_token) == lowered
    assert code_of(lambda: lower(601, "k2", lowered.version_token)) == (400, "INVALID_VALUE")
    assert code_of(lambda: lower(500, "k3", payment.version_token)) == (400, "VERSION_MISMATCH")
    seller.sdk.payments.complete(payment.id, version_token=lowered.version_token, request_options=ONCE)
    [charge] = sandbox.charges(account)
    assert (charge["amount"], charge["amount_captured"]) == (1000, 600)


def test_a_cancel_is_not_idempotent(seller: Seller) -> None:
    payment = held(seller)
    canceled = seller.sdk.payments.cancel(payment.id, request_options=ONCE).payment
    assert canceled is not None
    assert (canceled.status, canceled.card_details.status) == ("CANCELED", "VOIDED")
    again = code_of(lambda: seller.sdk.payments.cancel(payment.id, request_options=ONCE))
    assert again == (400, "DELAYED_TRANSACTION_CANCELED")


def test_canceling_by_key_says_nothing_of_whether_there_was_one(seller: Seller) -> None:
    cancel = seller.sdk.payments.cancel_by_idempotency_key
    payment = held(seller, idempotency_key="k1")
    for key in ("k1", "k1", "nobody"):
        assert cancel(idempotency_key=key, request_options=ONCE).errors is None
    assert seller.sdk.payments.get(payment.id, request_options=ONCE).payment.status == "CANCELED"
    seller.pay(idempotency_key="k2")
    assert code_of(lambda: cancel(idempotency_key="k2", request_options=ONCE)) == (400, "DELAYED_TRANSACTION_CAPTURED")


@pytest.mark.parametrize(("action", "status"), [("CANCEL", "CANCELED"), ("COMPLETE", "COMPLETED")])
def test_a_hold_ends_when_its_time_is_up(seller: Seller, action: str, status: str) -> None:
    payment = held(seller, delay_duration="PT1S", delay_action=action)
    get = seller.sdk.payments.get
    wait_until(lambda: get(payment.id, request_options=ONCE).payment.status == status)


def test_a_list_has_pages_a_window_and_filters(seller: Seller) -> None:
    begin = now()
    made = [seller.pay(amount=1000 + number).id for number in range(5)]
    time.sleep(0.01)
    middle = now()
    time.sleep(0.01)
    last = seller.pay("cnon:gift-card-nonce-ok", amount=1000).id

    def ids(**said: Any) -> list[str]:
        return [str(one.id) for one in seller.sdk.payments.list(request_options=ONCE, **said)]

    assert ids(limit=2) == [last, *made[::-1]]
    assert ids(limit=2, sort_order="ASC", begin_time=begin) == [*made, last]
    assert ids(begin_time=begin, end_time=middle) == made[::-1]
    assert ids(end_time=begin) == []
    assert ids(total=1003) == [made[3]]
    assert ids(last4="0000", location_id=seller.location) == [last]
    assert code_of(lambda: ids(location_id="LX")) == (404, "NOT_FOUND")
    assert code_of(lambda: ids(cursor="nonsense")) == (400, "INVALID_CURSOR")
    assert code_of(lambda: ids(begin_time=middle, end_time=begin)) == (400, "INVALID_TIME_RANGE")


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def test_accounts_do_not_see_each_other(seller: Seller, make_seller: Callable[[str], Seller], account: str) -> None:
    payment = seller.pay()
    other = make_seller(f"{account}other")
    assert code_of(lambda: other.sdk.payments.get(payment.id, request_options=ONCE)) == (404, "NOT_FOUND")
    assert list(other.sdk.payments.list(request_options=ONCE)) == []


def test_a_decline_by_rule_strikes_a_card(seller: Seller, sandbox: Sandbox) -> None:
    sandbox.fault("decline", processor="square", card="1111", count=1)
    assert seller.pay("cnon:gift-card-nonce-ok").status == "COMPLETED"
    assert code_of(seller.pay) == (400, "GENERIC_DECLINE")
    assert seller.pay().status == "COMPLETED"
