"""3-D Secure: before the token is given, and bound to the amount."""

from typing import Any

import pytest

from tests.sandbox.square.conftest import Seller, code_of

CHALLENGED = "4310000000201019"
REQUIRED = (400, "CARD_DECLINED_VERIFICATION_REQUIRED")


def details(amount: str = "10.00", currency: str = "USD", intent: str = "CHARGE", **more: str) -> dict[str, str]:
    said = {"amount": amount, "currencyCode": currency, "intent": intent} | more
    return {f"verification[{name}]": value for name, value in said.items()}


def answer(seller: Seller, challenge: dict[str, str], decision: str) -> Any:
    """Decide at the bank's page; answers how it ended."""
    page = seller.http.get(seller.url + challenge["url"])
    assert "Confirm it is you" in page.text
    seller.http.post(seller.url + challenge["url"], data={"decision": decision})
    return seller.http.get(seller.url + challenge["result"]).json()


def confirmed(seller: Seller, number: str = CHALLENGED, **form: str) -> str:
    made = seller.tokenize(number, **form)
    return str(answer(seller, made["challenge"], "approve")["token"])


def test_a_confirmed_token_pays_the_amount_that_was_confirmed(seller: Seller) -> None:
    assert seller.pay(confirmed(seller, **details())).status == "COMPLETED"


def test_another_amount_wants_another_confirmation(seller: Seller) -> None:
    assert code_of(lambda: seller.pay(confirmed(seller, **details("9.99")))) == REQUIRED


def test_without_a_confirmation_the_bank_refuses(seller: Seller) -> None:
    assert code_of(lambda: seller.pay(seller.tokenize(CHALLENGED)["token"])) == REQUIRED


@pytest.mark.parametrize(("decision", "state"), [("fail", "failed"), ("cancel", "canceled")])
def test_a_challenge_not_passed_gives_no_token(seller: Seller, decision: str, state: str) -> None:
    ended = answer(seller, seller.tokenize(CHALLENGED, **details())["challenge"], decision)
    assert ended == {"status": state}


def test_a_decision_is_final_and_needs_the_secret(seller: Seller) -> None:
    challenge = seller.tokenize(CHALLENGED, **details())["challenge"]
    answer(seller, challenge, "fail")
    seller.http.post(seller.url + challenge["url"], data={"decision": "approve"})
    assert seller.http.get(seller.url + challenge["result"]).json() == {"status": "failed"}
    assert seller.http.get(seller.url + challenge["result"].replace("secret=", "secret=x")).status_code == 404


@pytest.mark.parametrize("number", ["4800000000000004", "5222220000000005", "4111111111111111"])
def test_other_cards_are_not_challenged(seller: Seller, number: str) -> None:
    assert seller.pay(seller.tokenize(number, **details())["token"]).status == "COMPLETED"


def test_a_bank_can_refuse_without_asking(seller: Seller) -> None:
    made = seller.tokenize("4811110000000008", **details())
    assert made["errors"][0]["code"] == "CARD_DECLINED_VERIFICATION_REQUIRED"


@pytest.mark.parametrize("wrong", [{"intent": "TAKE"}, {"amount": "ten"}, {"amount": "1.001"}, {"amount": "-1"}])
def test_what_is_to_be_confirmed_must_make_sense(seller: Seller, wrong: dict[str, str]) -> None:
    assert seller.tokenize(CHALLENGED, **details(**wrong))["errors"][0]["code"].startswith("INVALID")


def test_a_card_kept_with_a_confirmation_is_charged_without_its_holder(seller: Seller) -> None:
    customer = seller.customer()
    card = seller.keep(customer.id, confirmed(seller, **details(intent="STORE")))
    ours: Any = {"customer_initiated": False, "seller_keyed_in": False}
    assert seller.pay(card.id, customer_id=customer.id, customer_details=ours).status == "COMPLETED"
    assert code_of(lambda: seller.pay(card.id, customer_id=customer.id)) == REQUIRED
    unconfirmed = seller.keep(customer.id, seller.tokenize(CHALLENGED)["token"])
    assert code_of(lambda: seller.pay(unconfirmed.id, customer_id=customer.id, customer_details=ours)) == REQUIRED


def test_a_kept_card_is_confirmed_again_by_its_holder(seller: Seller) -> None:
    customer = seller.customer()
    card = seller.keep(customer.id, seller.tokenize(CHALLENGED)["token"])
    token = confirmed(seller, card_id=card.id, **details())
    assert seller.pay(token, customer_id=customer.id).card_details.card.id == card.id
    assert code_of(lambda: seller.pay(token, customer_id=customer.id)) == (400, "CARD_TOKEN_USED")


def test_the_older_verification_token_counts_too(seller: Seller) -> None:
    token = seller.tokenize(CHALLENGED)["token"]
    verified = confirmed(seller, verify=token, **details())
    assert verified.startswith("verf:")
    assert seller.pay(token, verification_token=verified).status == "COMPLETED"
    other = seller.tokenize(CHALLENGED)["token"]
    assert code_of(lambda: seller.pay(other, verification_token="verf:nobody")) == (400, "INVALID_VALUE")
