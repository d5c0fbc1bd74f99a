"""Customers and cards on file."""

from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.square.conftest import ONCE, Seller, catch, code_of

INITIATED_BY_US: Any = {"customer_initiated": False, "seller_keyed_in": False}


def test_a_customer_needs_some_name(seller: Seller) -> None:
    create = seller.sdk.customers.create
    assert code_of(lambda: create(note="x", request_options=ONCE)) == (400, "MISSING_REQUIRED_PARAMETER")
    made = create(given_name="Ann", reference_id="cus_1", idempotency_key="k", request_options=ONCE).customer
    assert made is not None
    assert create(given_name="Ann", reference_id="cus_1", idempotency_key="k", request_options=ONCE).customer == made
    changed = seller.sdk.customers.update(str(made.id), family_name="Lee", request_options=ONCE).customer
    assert changed is not None
    assert (changed.given_name, changed.family_name, changed.version) == ("Ann", "Lee", 1)
    assert [one.id for one in seller.sdk.customers.list(request_options=ONCE)] == [made.id]
    seller.sdk.customers.delete(str(made.id), request_options=ONCE)
    assert code_of(lambda: seller.sdk.customers.get(str(made.id), request_options=ONCE)) == (404, "NOT_FOUND")


def test_a_card_is_kept_listed_charged_and_disabled(seller: Seller) -> None:
    customer = seller.customer()
    card = seller.keep(customer.id, seller.tokenize("5105105105105100")["token"])
    assert (card.card_brand, card.last4, card.exp_year, card.enabled) == ("MASTERCARD", "5100", 2034, True)
    assert seller.sdk.cards.get(card.id, request_options=ONCE).card == card
    assert [one.id for one in seller.sdk.cards.list(customer_id=customer.id, request_options=ONCE)] == [card.id]
    paid = seller.pay(card.id, customer_id=customer.id, customer_details=INITIATED_BY_US)
    assert (paid.card_details.entry_method, paid.card_details.card.id) == ("ON_FILE", card.id)
    for _ in range(2):
        assert seller.sdk.cards.disable(card.id, request_options=ONCE).card.enabled is False
    assert list(seller.sdk.cards.list(customer_id=customer.id, request_options=ONCE)) == []
    assert code_of(lambda: seller.pay(card.id, customer_id=customer.id)) == (400, "INVALID_CARD")


def test_a_card_is_charged_with_its_customer_only(seller: Seller) -> None:
    card = seller.keep(seller.customer().id)
    assert code_of(lambda: seller.pay(card.id)) == (400, "MISSING_REQUIRED_PARAMETER")
    assert code_of(lambda: seller.pay(card.id, customer_id=seller.customer().id)) == (400, "INVALID_VALUE")


def test_the_card_of_a_payment_can_be_kept(seller: Seller) -> None:
    token = seller.tokenize()["token"]
    payment = seller.pay(token)
    customer = seller.customer()
    assert code_of(lambda: seller.keep(customer.id, token)) == (400, "CARD_TOKEN_USED")
    card = seller.keep(customer.id, payment.id)
    assert seller.pay(card.id, customer_id=customer.id).status == "COMPLETED"


def test_what_cannot_be_kept(seller: Seller) -> None:
    customer = seller.customer()
    assert code_of(lambda: seller.keep("nobody")) == (404, "NOT_FOUND")
    assert code_of(lambda: seller.keep(customer.id, "cnon:gift-card-nonce-ok")) == (400, "INVALID_CARD")
    declined = catch(lambda: seller.keep(customer.id, "cnon:card-nonce-declined"))
    assert (declined.errors[0].category, declined.errors[0].code) == ("PAYMENT_METHOD_ERROR", "GENERIC_DECLINE")
    no_customer: Any = {"cardholder_name": "Ann"}
    said: Any = {"idempotency_key": uuid4().hex, "source_id": "cnon:card-nonce-ok", "card": no_customer}
    create = seller.sdk.cards.create
    assert code_of(lambda: create(**said, request_options=ONCE)) == (400, "MISSING_REQUIRED_PARAMETER")


def test_one_card_is_kept_and_refused_later(seller: Seller) -> None:
    customer = seller.customer()
    card = seller.keep(customer.id, seller.tokenize("4000000000000010")["token"])
    assert code_of(lambda: seller.pay(card.id, customer_id=customer.id)) == (400, "GENERIC_DECLINE")
    assert seller.pay(seller.tokenize("4000000000000010")["token"]).status == "COMPLETED"


@pytest.mark.parametrize(
    ("number", "form", "code"),
    [
        ("4000000000000002", {}, "GENERIC_DECLINE"),
        ("4111111111111111", {"card[cvc]": "911"}, "CVV_FAILURE"),
        ("4111111111111111", {"postal": "99999"}, "ADDRESS_VERIFICATION_FAILURE"),
        ("4111111111111111", {"card[exp_month]": "1", "card[exp_year]": "2040"}, "INVALID_EXPIRATION"),
    ],
)
def test_what_was_typed_decides(seller: Seller, number: str, form: dict[str, str], code: str) -> None:
    token = seller.tokenize(number, **form)["token"]
    assert code_of(lambda: seller.pay(token)) == (400, code)


def test_a_real_card_or_an_old_one_gets_no_token(seller: Seller) -> None:
    assert seller.tokenize("4242424242424242")["errors"][0]["code"] == "INVALID_CARD_DATA"
    assert seller.tokenize(**{"card[exp_year]": "2020"})["errors"][0]["code"] == "INVALID_EXPIRATION"
    assert seller.tokenize(location="LX")["errors"][0]["code"] == "INVALID_LOCATION"
