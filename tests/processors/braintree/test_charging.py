"""The Braintree adapter charges: approved, declined and why, unknown, and what is true afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ballast import clock
from ballast.processors.base import (
    Approved,
    Declined,
    NotSent,
    Unknown,
)
from ballast.processors.braintree import BraintreeAdapter
from ballast.processors.braintree_answers import OpenError
from ballast.processors.declines import classify_braintree
from tests.processors.braintree.conftest import (
    MINUTE,
    Desk,
    approved,
    lookup_of,
    make_charge,
    make_credentials,
)


def test_an_approved_charge_tells_what_was_captured_and_with_which_card(desk: Desk) -> None:
    charge, outcome = approved(desk.adapter)
    assert outcome.captured == 2000
    assert (outcome.card.brand, outcome.card.last4, outcome.card.exp_month) == ("visa", "1111", 12)
    [line] = desk.charges()
    assert (line["reference"], line["idempotency_key"], line["amount_captured"]) == (
        charge.reference,
        charge.reference,
        2000,
    )


def test_an_authorization_is_approved_with_nothing_captured(desk: Desk) -> None:
    _charge, outcome = approved(desk.adapter, capture=False)
    assert outcome.captured == 0
    assert desk.charges()[0]["status"] == "authorized"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1050), ("KWD", 1050), ("EUR", 1999), ("INR", 99999)])
def test_zero_and_three_decimals_pass_through(desk: Desk, currency: str, amount: int) -> None:
    charge, outcome = approved(desk.adapter, currency=currency, amount=amount)
    assert outcome.captured == amount
    assert (desk.charges()[0]["amount"], desk.charges()[0]["currency"]) == (amount, currency.lower())
    assert desk.adapter.find(lookup_of(charge)) == outcome


def test_a_currency_without_a_merchant_account_is_our_fault_and_sends_nothing(desk: Desk) -> None:
    outcome = desk.adapter.submit(make_charge(currency="ISK"))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("configuration", "merchant_account_missing")
    assert not any("transactions.create" in line for line in desk.wire())


def test_merchant_accounts_may_be_named_beforehand(desk: Desk) -> None:
    extra = (("merchant_id", desk.merchant), ("public_key", "public"), ("merchant_accounts", "ISK:acme_isk"))
    adapter = BraintreeAdapter(make_credentials(desk.url, desk.merchant, extra=extra))
    approved(adapter, currency="ISK", amount=500)
    assert not any("merchant_accounts" in line for line in desk.wire())


@pytest.mark.parametrize(
    ("changes", "decline_class", "code"),
    [
        ({"amount": 200_100}, "soft", "2001"),
        ({"amount": 203_800}, "soft", "2038"),
        ({"amount": 300_000}, "soft", "3000"),
        ({"amount": 222_200}, "soft", "2222"),
        ({"amount": 200_400}, "hard", "2004"),
        ({"amount": 204_400}, "hard", "2044"),
        ({"amount": 209_900}, "authentication", "2099"),
        ({"amount": 201_300}, "fraud", "2013"),
        ({"amount": 202_400}, "configuration", "2024"),
        ({"amount": 500_100}, "configuration", "application_incomplete"),
        ({"payment_method": "fake-processor-declined-visa-nonce"}, "soft", "2000"),
        ({"payment_method": "fake-gateway-rejected-fraud-nonce"}, "fraud", "fraud"),
        ({"payment_method": "fake-gateway-rejected-risk-thresholds-nonce"}, "fraud", "risk_threshold"),
    ],
)
def test_a_decline_keeps_its_raw_code_and_gets_its_class(
    desk: Desk, changes: dict[str, Any], decline_class: str, code: str
) -> None:
    charge = make_charge(**changes)
    outcome = desk.adapter.submit(charge)
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (decline_class, code)
    assert outcome.card is not None
    assert outcome.card.last4
    assert not any(word in outcome.message.lower() for word in ("fraud", "stolen", "lost", "risk"))
    assert desk.charges() == []
    assert desk.adapter.find(lookup_of(charge)) == outcome


@pytest.mark.parametrize(
    ("token", "decline_class", "code"),
    [
        ("fake-consumed-nonce", "hard", "91564"),
        ("e0a7b59d-c8c1-455f-a732-1fb22ec6e508", "hard", "91565"),
        ("a_stored_card", "configuration", "91518"),
    ],
)
def test_what_cannot_be_paid_with(adapter: BraintreeAdapter, token: str, decline_class: str, code: str) -> None:
    outcome = adapter.submit(make_charge(payment_method=token))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (decline_class, code)


def test_rules_for_security_codes_and_addresses_are_hard(desk: Desk) -> None:
    assert classify_braintree("1000", "cvv") == classify_braintree(None, "avs_and_cvv") == "hard"
    assert classify_braintree(None, "three_d_secure") == "authentication"
    assert classify_braintree("2998") == "soft"
    assert classify_braintree("2998", None, "hard_declined") == "hard"
    assert classify_braintree(None) == "soft"


@pytest.mark.parametrize(
    "changes", [{"secret_key": "production_x"}, {"extra": (("merchant_id", "acme"), ("public_key", "p"))}]
)
def test_keys_that_open_nothing(desk: Desk, changes: dict[str, Any]) -> None:
    adapter = BraintreeAdapter(make_credentials(desk.url, desk.merchant, **changes))
    outcome = adapter.submit(make_charge())
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "configuration"
    assert "authentication" in str(adapter.check().problem)


def test_the_connection_can_be_tested(desk: Desk) -> None:
    assert desk.adapter.check().problem is None
    assert desk.adapter.check().external_account == desk.merchant
    nowhere = BraintreeAdapter(make_credentials("http://127.0.0.1:9", desk.merchant))
    assert "did not answer" in str(nowhere.check().problem)


def test_the_same_attempt_twice_is_one_charge(desk: Desk) -> None:
    charge = make_charge()
    assert desk.adapter.submit(charge) == desk.adapter.submit(charge)
    assert len(desk.charges()) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("reset_after", "no_answer"), ("error_after", "http_500"), ("truncate", "no_answer")],
)
def test_a_lost_answer_is_unknown_and_then_the_truth(desk: Desk, kind: str, reason: str) -> None:
    desk.fault(kind, "transactions.create")
    charge = make_charge()
    assert desk.adapter.submit(charge) == Unknown(reason)
    outcome = desk.adapter.find(lookup_of(charge))
    assert isinstance(outcome, Approved)
    assert outcome.captured == 2000
    assert len(desk.charges()) == 1


@pytest.mark.parametrize("status", [502, 503, 504, 408, 400])
def test_whatever_the_gateway_stammers_is_unknown(desk: Desk, status: int) -> None:
    desk.fault("error_after", "transactions.create", status=status)
    outcome = desk.adapter.submit(make_charge())
    assert outcome == Unknown(f"http_{status}")


@pytest.mark.parametrize("kind", ["reset_before", "error_before", "rate_limit"])
def test_what_never_arrived_is_absent_only_after_a_minute(desk: Desk, kind: str) -> None:
    desk.fault(kind, "transactions.create")
    charge = make_charge()
    assert isinstance(desk.adapter.submit(charge), Unknown)
    lookup = lookup_of(charge)
    assert desk.adapter.find(lookup) == Unknown("not_found_yet")
    assert desk.adapter.cancel(lookup) == Unknown("not_found_yet")
    with clock.shifted(timedelta(seconds=55)):
        assert desk.adapter.find(lookup) == Unknown("not_found_yet")
    with clock.shifted(MINUTE):
        assert desk.adapter.find(lookup) == NotSent("absent")
        assert desk.adapter.cancel(lookup) == NotSent("absent")
    assert desk.charges() == []


def test_a_charge_that_appears_late_is_found(desk: Desk) -> None:
    desk.post("settings", search_lag=3)
    desk.fault("reset_after", "transactions.create")
    charge = make_charge()
    desk.adapter.submit(charge)
    assert desk.adapter.find(lookup_of(charge)) == Unknown("not_found_yet")
    desk.post("settings", search_lag=0)
    assert isinstance(desk.adapter.find(lookup_of(charge)), Approved)


@pytest.mark.parametrize("kind", ["reset_before", "error_before", "rate_limit"])
def test_an_unanswered_question_leaves_the_charge_unknown(desk: Desk, kind: str) -> None:
    charge, outcome = approved(desk.adapter)
    desk.fault(kind, "transactions.search")
    assert isinstance(desk.adapter.find(lookup_of(charge)), Unknown)
    desk.fault(kind, "transactions.find")
    assert isinstance(desk.adapter.find(lookup_of(charge, outcome.external_id)), Unknown)


def test_before_the_accounts_are_known_nothing_was_sent(desk: Desk) -> None:
    desk.fault("reset_before", "merchant_accounts.list")
    assert desk.adapter.submit(make_charge()) == NotSent("no_answer")
    desk.fault("rate_limit", "merchant_accounts.list", seconds=9)
    assert desk.adapter.submit(make_charge()) == NotSent("rate_limited", retry_after=9.0)
    assert desk.charges() == []


def test_a_merchant_without_keys_is_served_by_order_id(desk: Desk) -> None:
    desk.post("settings", api_request_keys=False)
    charge, _outcome = approved(desk.adapter)
    assert desk.charges()[0]["idempotency_key"] is None
    again = desk.adapter.submit(charge)
    assert isinstance(again, Approved)
    assert len(desk.charges()) == 1
    approved(desk.adapter, amount=1500)
    assert sum("915231" in line for line in desk.wire()) == 1


def test_a_duplicate_means_look_first(desk: Desk) -> None:
    desk.post("settings", api_request_keys=False)
    approved(desk.adapter)
    desk.fault("reset_after", "transactions.create")
    charge = make_charge()
    assert isinstance(desk.adapter.submit(charge), Unknown)
    outcome = desk.adapter.submit(charge)
    assert isinstance(outcome, Approved)
    assert [line["reference"] for line in desk.charges()].count(charge.reference) == 1
    assert isinstance(desk.adapter.find(lookup_of(charge)), Approved)


def test_too_late_to_look_is_not_taken_for_too_late_to_send(
    desk: Desk, adapter: BraintreeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of this attempt may have charged: the gateway refuses the second as a duplicate, and the look comes late."""
    charge = make_charge()
    monkeypatch.setattr(adapter._merchant, "keyed", False)
    assert isinstance(adapter.submit(charge), Approved)

    def search(*_given: object) -> None:
        raise OpenError("too_late")

    monkeypatch.setattr(adapter._merchant, "search", search)
    assert adapter.submit(charge) == Unknown("key_trouble")
    assert len(desk.charges()) == 1
