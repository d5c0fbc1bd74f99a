"""The Braintree adapter stores cards, marks series and checks 3-D Secure."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
import requests

from ballast.processors.base import (
    Approved,
    Declined,
    Holder,
    SaveCard,
    SavedCard,
    Unknown,
)
from ballast.processors.braintree import BraintreeAdapter
from tests.processors.braintree.conftest import (
    Desk,
    approved,
    make_charge,
)


def save(adapter: BraintreeAdapter, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "reference": f"pm_{uuid4().hex[:26]}",
        "token": "fake-valid-mastercard-nonce",
        "holder": Holder(f"cus_{uuid4().hex[:26]}", "ann@example.com", "Ann Lee"),
    }
    return adapter.save_card(SaveCard(**(fields | changes)))


def test_a_card_is_stored_once_and_paid_with(desk: Desk) -> None:
    wanted: dict[str, Any] = {"reference": "pm_1", "holder": Holder(f"cus_{desk.merchant}"[:36])}
    saved = save(desk.adapter, **wanted)
    assert isinstance(saved, SavedCard)
    assert (saved.card.brand, saved.card.last4) == ("mastercard", "4444")
    assert save(desk.adapter, **wanted) == saved
    second = save(desk.adapter, **(wanted | {"reference": "pm_2"}))
    assert second.customer_external_id == saved.customer_external_id
    approved(desk.adapter, payment_method=saved.external_id, off_session=True, series="recurring")


def test_a_card_its_bank_does_not_want_stored(adapter: BraintreeAdapter) -> None:
    refused = save(adapter, token="fake-processor-declined-visa-nonce")
    assert isinstance(refused, Declined)
    assert (refused.decline_class, refused.code) == ("soft", "2000")
    used = save(adapter, token="fake-consumed-nonce")
    assert isinstance(used, Declined)
    assert (used.decline_class, used.code) == ("hard", "93107")


def test_a_lost_answer_to_storing_is_found_again(desk: Desk) -> None:
    desk.fault("reset_after", "payment_methods.create")
    assert save(desk.adapter, reference="pm_9", holder=Holder("cus_9")) == Unknown("no_answer")
    assert isinstance(save(desk.adapter, reference="pm_9", holder=Holder("cus_9")), SavedCard)


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"series": "recurring", "first_of_series": True}, "recurring_first"),
        ({"series": "recurring", "off_session": True}, "recurring"),
        ({"series": "installment", "first_of_series": True}, "installment_first"),
        ({"series": "installment", "off_session": True}, "installment"),
        ({"series": "unscheduled", "off_session": True}, "unscheduled"),
        ({"off_session": True}, "unscheduled"),
        ({}, None),
    ],
)
def test_the_bank_is_told_whose_idea_it_was(desk: Desk, changes: dict[str, Any], source: str | None) -> None:
    approved(desk.adapter, **changes)
    [sale] = [line for line in desk.wire() if '"operation":"transactions.create"' in line]
    assert (f"<transaction_source>{source}</transaction_source>" in sale) is (source is not None)


@pytest.mark.parametrize(
    ("nonce", "passes"),
    [
        ("fake-three-d-secure-visa-full-authentication-nonce", True),
        ("fake-three-d-secure-visa-attempts-non-participating-nonce", True),
        ("fake-three-d-secure-visa-lookup-timeout-nonce", True),
        ("fake-three-d-secure-visa-failed-authentication-nonce", False),
        ("fake-three-d-secure-two-visa-successful-step-up-authentication-nonce", False),
        ("fake-valid-nonce", False),
    ],
)
def test_a_verification_is_checked_before_the_charge(desk: Desk, nonce: str, passes: bool) -> None:
    outcome = desk.adapter.submit(make_charge(verification=nonce))
    if passes:
        assert isinstance(outcome, Approved)
    else:
        assert isinstance(outcome, Declined)
        assert outcome.decline_class == "authentication"
        assert desk.charges() == []


def browser_nonce(desk: Desk, number: str, amount: str, currency: str = "USD") -> str:
    """A nonce as the page gets it: a typed card, then 3-D Secure without a question."""
    said = json.loads(base64.b64decode(dict(desk.adapter.client_config(currency).values)["client_token"]))
    allowed = {"authorizationFingerprint": said["authorizationFingerprint"]}
    card = {"number": number, "expirationMonth": "12", "expirationYear": "2034", "cvv": "123"}
    base = f"{said['clientApiUrl']}/v1/payment_methods"
    made = requests.post(f"{base}/credit_cards", json=allowed | {"creditCard": card}, timeout=5).json()
    nonce = made["creditCards"][0]["nonce"]
    looked = requests.post(f"{base}/{nonce}/three_d_secure/lookup", json=allowed | {"amount": amount}, timeout=5).json()
    return str(looked["paymentMethod"]["nonce"])


def test_a_verification_holds_for_its_amount_and_its_account_only(desk: Desk) -> None:
    good = browser_nonce(desk, "4000000000002701", "20.00")
    other = desk.adapter.submit(make_charge(verification=good, amount=2500))
    assert isinstance(other, Declined)
    assert (other.decline_class, other.code) == ("authentication", "91585")
    approved(desk.adapter, verification=good)
    wrong_account = browser_nonce(desk, "4000000000002701", "20.00")
    outcome = desk.adapter.submit(make_charge(verification=wrong_account, currency="EUR"))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("authentication", "91584")
    approved(
        desk.adapter, verification=browser_nonce(desk, "4000000000002701", "1050", "JPY"), currency="JPY", amount=1050
    )


def test_a_failed_verification_is_not_charged(desk: Desk) -> None:
    nonce = browser_nonce(desk, "4000000000002925", "20.00")
    outcome = desk.adapter.submit(make_charge(verification=nonce))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("authentication", "authenticate_failed")
    plain = browser_nonce(desk, "4111111111111111", "20.00")
    approved(desk.adapter, verification=plain)
