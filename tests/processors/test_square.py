"""The Square adapter against the sandbox: every outcome, and what is true afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from ballast import clock
from ballast.ids import new_id
from ballast.processors.base import (
    Approved,
    Charge,
    Credentials,
    Declined,
    Lookup,
    NotSent,
    RefundRequest,
    Unknown,
)
from ballast.processors.square import SquareAdapter
from tests.processors.conftest import make_charge, make_credentials

Fault = Callable[..., None]
LATER = timedelta(seconds=61)


def make_adapter(base: str, currency: str = "", **changes: Any) -> SquareAdapter:
    """An adapter for an account of its own."""
    account = f"t{uuid4().hex[:12]}{currency and '-' + currency}"
    fields = {
        "processor": "square",
        "secret_key": f"EAAAE{account}",
        "publishable_key": f"sandbox-sq0idb-{account}",
        "extra": (("location_id", f"L{account}"),),
    }
    return SquareAdapter(make_credentials(base, **(fields | changes)))


@pytest.fixture
def adapter(sandbox_url: str) -> SquareAdapter:
    return make_adapter(sandbox_url)


@pytest.fixture
def fault(sandbox_url: str) -> Iterator[Fault]:
    """Have the sandbox misbehave until the test ends."""

    def set_fault(**rule: object) -> None:
        wanted = {"processor": "square", **rule}
        requests.post(f"{sandbox_url}/_sandbox/faults", json=wanted, timeout=5).raise_for_status()

    requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=5)
    yield set_fault
    requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=5)


def make(token: str = "cnon:card-nonce-ok", **changes: object) -> Charge:
    return make_charge(token, **({"reference": new_id("att")} | changes))


def look(charge: Charge, external_id: str | None = None) -> Lookup:
    return Lookup(charge.reference, external_id, charge.amount, charge.currency, clock.real_time())


def charges_of(sandbox_url: str, charge: Charge) -> list[dict[str, Any]]:
    """The money the sandbox took or holds for one attempt."""
    found = requests.get(f"{sandbox_url}/_sandbox/charges", timeout=5).json()
    return [one for one in found if one["reference"] == charge.reference and one["status"] != "canceled"]


def approved(adapter: SquareAdapter, charge: Charge) -> Approved:
    outcome = adapter.submit(charge)
    assert isinstance(outcome, Approved), outcome
    return outcome


def refund_of(outcome: Approved, amount: int, currency: str = "USD") -> RefundRequest:
    return RefundRequest(new_id("re"), outcome.external_id, amount, currency, "requested_by_customer")


def wait_for_refund(adapter: SquareAdapter, request: RefundRequest, status: str) -> None:
    for _ in range(100):
        time.sleep(0.1)
        if adapter.find_refund(request, None).status == status:
            return
    raise AssertionError(f"the refund did not become {status}")


def test_an_approved_charge_tells_what_was_captured_and_with_which_card(
    adapter: SquareAdapter, sandbox_url: str
) -> None:
    charge = make()
    assert adapter.prepare(charge).external_id is None
    outcome = approved(adapter, charge)
    assert outcome.captured == 2000
    assert (outcome.card.brand, outcome.card.last4) == ("visa", "1111")
    assert outcome.card.exp_month
    [taken] = charges_of(sandbox_url, charge)
    assert (taken["id"], taken["idempotency_key"]) == (outcome.external_id, charge.reference)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1500), ("KWD", 12345), ("EUR", 999)])
def test_amounts_in_minor_units_pass_through(sandbox_url: str, currency: str, amount: int) -> None:
    adapter = make_adapter(sandbox_url, currency)
    charge = make(currency=currency, amount=amount)
    outcome = approved(adapter, charge)
    assert outcome.captured == amount
    assert charges_of(sandbox_url, charge)[0]["currency"] == currency.lower()
    part = refund_of(outcome, amount - 1, currency)
    assert adapter.refund(part).status == "processing"


@pytest.mark.parametrize(
    ("token", "decline_class", "code"),
    [
        ("cnon:card-nonce-declined", "soft", "GENERIC_DECLINE"),
        ("cnon:gift-card-nonce-insufficient-funds", "soft", "INSUFFICIENT_FUNDS"),
        ("cnon:card-nonce-rejected-cvv", "hard", "CVV_FAILURE"),
        ("cnon:card-nonce-rejected-postalcode", "hard", "ADDRESS_VERIFICATION_FAILURE"),
        ("cnon:card-nonce-rejected-expiration", "hard", "INVALID_EXPIRATION"),
        ("cnon:card-nonce-already-used", "hard", "CARD_TOKEN_USED"),
        ("ccof:customer-card-id-requires-verification", "authentication", "CARD_DECLINED_VERIFICATION_REQUIRED"),
        ("cnon:nobody-knows", "configuration", "NOT_FOUND"),
    ],
)
def test_a_decline_keeps_its_raw_code_and_gets_its_class(
    adapter: SquareAdapter, sandbox_url: str, token: str, decline_class: str, code: str
) -> None:
    charge = make(token)
    outcome = adapter.submit(charge)
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (decline_class, code)
    assert charges_of(sandbox_url, charge) == []


def test_a_decline_with_a_high_risk_is_fraud_and_does_not_say_so(adapter: SquareAdapter) -> None:
    outcome = adapter.submit(make("cnon:card-nonce-declined", amount=3333))
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "fraud"
    assert outcome.card is not None
    assert outcome.card.last4
    assert "fraud" not in outcome.message.lower()


def test_a_decline_is_found_again(adapter: SquareAdapter) -> None:
    charge = make("cnon:card-nonce-rejected-cvv")
    first = adapter.submit(charge)
    assert isinstance(first, Declined)
    for lookup in (look(charge), look(charge, first.external_id)):
        again = adapter.find(lookup)
        assert isinstance(again, Declined)
        assert (again.code, again.decline_class, again.external_id) == (first.code, "hard", first.external_id)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"secret_key": "EAAAF-of-production"}, "sandbox"), ({"extra": (("location_id", "LX"),)}, "LX")],
)
def test_wrong_credentials_are_a_configuration_decline(sandbox_url: str, changes: dict[str, Any], says: str) -> None:
    outcome = make_adapter(sandbox_url, **changes).submit(make())
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "configuration"
    assert says in outcome.message


def test_a_location_of_another_currency_is_our_fault(adapter: SquareAdapter) -> None:
    outcome = adapter.submit(make(currency="EUR"))
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "configuration"


@pytest.mark.parametrize(
    ("kind", "reason", "charged"),
    [
        ("reset_after", "no_answer", True),
        ("error_after", "http_500", True),
        ("truncate", "no_answer", True),
        ("reset_before", "no_answer", False),
        ("error_before", "http_500", False),
        ("rate_limit", "rate_limited", False),
    ],
)
def test_a_lost_answer_is_unknown_and_resolved_to_the_truth(
    adapter: SquareAdapter, sandbox_url: str, fault: Fault, kind: str, reason: str, charged: bool
) -> None:
    charge = make()
    fault(kind=kind, operation="payments.create", count=1)
    outcome = adapter.submit(charge)
    assert isinstance(outcome, Unknown)
    assert outcome.reason == reason
    assert outcome.retry_after == (1.0 if kind == "rate_limit" else None)
    assert bool(charges_of(sandbox_url, charge)) is charged
    found = adapter.find(look(charge))
    if charged:
        assert isinstance(found, Approved)
        assert found.captured == 2000
        return
    assert found == Unknown("not_found_yet")
    with clock.shifted(LATER):
        lookup = Lookup(charge.reference, None, 2000, "USD", clock.real_time() - LATER)
        assert adapter.find(lookup) == NotSent("absent")


def test_an_answer_too_late_is_unknown(sandbox_url: str, fault: Fault) -> None:
    adapter = make_adapter(sandbox_url, read_timeout=0.5)
    charge = make()
    fault(kind="latency", operation="payments.create", seconds=1.5, count=1)
    assert adapter.submit(charge) == Unknown("no_answer")
    for _ in range(100):
        time.sleep(0.1)
        if isinstance(adapter.find(look(charge)), Approved):
            return
    raise AssertionError("the charge did not arrive")


def test_what_cannot_be_read_is_unknown(adapter: SquareAdapter, fault: Fault) -> None:
    charge = make()
    outcome = approved(adapter, charge)
    fault(kind="error_before", operation="payments.get", count=1)
    fault(kind="reset_before", operation="payments.list", count=1)
    assert adapter.find(look(charge, outcome.external_id)) == Unknown("http_500", outcome.external_id)
    assert adapter.find(look(charge)) == Unknown("no_answer")


def test_the_same_attempt_twice_is_one_charge(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make()
    assert adapter.submit(charge) == adapter.submit(charge)
    assert len(charges_of(sandbox_url, charge)) == 1


def test_a_key_that_was_used_for_something_else_decides_nothing(adapter: SquareAdapter) -> None:
    charge = make()
    approved(adapter, charge)
    again = adapter.submit(make(reference=charge.reference, amount=9))
    assert again == Unknown("idempotency_key_reused")


def test_the_search_goes_over_several_pages(adapter: SquareAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ballast.processors.square.PAGE", 2)
    charges = [make() for _ in range(5)]
    outcomes = [approved(adapter, charge) for charge in charges]
    assert [adapter.find(look(charge)) for charge in charges] == outcomes


def test_a_hold_is_captured_whole(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make(capture=False)
    held = approved(adapter, charge)
    assert held.captured == 0
    assert charges_of(sandbox_url, charge)[0]["status"] == "authorized"
    taken = adapter.capture(look(charge, held.external_id), 2000, new_id("cap"))
    assert isinstance(taken, Approved)
    assert taken.captured == 2000
    assert adapter.capture(look(charge, held.external_id), 2000, new_id("cap")) == taken


def test_a_part_is_captured_and_the_rest_let_go(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make(capture=False)
    held = approved(adapter, charge)
    taken = adapter.capture(look(charge, held.external_id), 700, new_id("cap"))
    assert isinstance(taken, Approved)
    assert taken.captured == 700
    [money] = charges_of(sandbox_url, charge)
    assert (money["amount"], money["amount_captured"]) == (2000, 700)


def test_more_than_is_held_is_refused(adapter: SquareAdapter) -> None:
    charge = make(capture=False)
    held = approved(adapter, charge)
    outcome = adapter.capture(look(charge, held.external_id), 2001, new_id("cap"))
    assert isinstance(outcome, Declined)
    assert outcome.decline_class == "configuration"


@pytest.mark.parametrize("operation", ["payments.update", "payments.complete"])
@pytest.mark.parametrize("kind", ["reset_after", "error_after", "reset_before"])
def test_a_capture_whose_answer_is_lost_can_be_done_again(
    adapter: SquareAdapter, sandbox_url: str, fault: Fault, kind: str, operation: str
) -> None:
    charge, reference = make(capture=False), new_id("cap")
    held = approved(adapter, charge)
    lookup = look(charge, held.external_id)
    fault(kind=kind, operation=operation, count=1)
    assert isinstance(adapter.capture(lookup, 700, reference), Unknown)
    again = adapter.capture(lookup, 700, reference)
    assert isinstance(again, Approved)
    assert again.captured == 700
    assert charges_of(sandbox_url, charge)[0]["amount_captured"] == 700


def test_a_void_lets_go_and_a_second_one_finds_it_done(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make(capture=False)
    lookup = look(charge, approved(adapter, charge).external_id)
    assert adapter.void(lookup, new_id("void")) == NotSent("canceled", lookup.external_id)
    assert charges_of(sandbox_url, charge) == []
    assert adapter.void(lookup, new_id("void")) == NotSent("canceled", lookup.external_id)
    assert adapter.capture(lookup, 2000, new_id("cap")) == NotSent("canceled", lookup.external_id)


def test_a_charge_given_up_is_canceled_by_its_key(adapter: SquareAdapter, sandbox_url: str, fault: Fault) -> None:
    charge = make(capture=False)
    fault(kind="reset_after", operation="payments.create", count=1)
    adapter.submit(charge)
    canceled = adapter.cancel(look(charge))
    assert isinstance(canceled, NotSent)
    assert canceled.reason == "canceled"
    assert charges_of(sandbox_url, charge) == []


def test_canceling_too_late_tells_that_it_was_taken(adapter: SquareAdapter) -> None:
    charge = make()
    taken = approved(adapter, charge)
    assert adapter.cancel(look(charge)) == taken
    assert adapter.cancel(look(charge, taken.external_id)) == taken


def test_canceling_what_never_came_waits_before_it_is_absent(adapter: SquareAdapter) -> None:
    charge = make()
    assert adapter.cancel(look(charge)) == Unknown("not_found_yet")
    long_ago = Lookup(charge.reference, None, 2000, "USD", clock.real_time() - LATER)
    assert adapter.cancel(long_ago) == NotSent("absent")


def test_a_cancel_without_an_answer_is_unknown(adapter: SquareAdapter, fault: Fault) -> None:
    charge = make(capture=False)
    held = approved(adapter, charge)
    fault(kind="reset_after", operation="payments.cancel", count=1)
    fault(kind="error_before", operation="payments.cancel_by_idempotency_key", count=1)
    assert adapter.cancel(look(charge, held.external_id)) == Unknown("no_answer", held.external_id)
    assert adapter.cancel(look(charge)) == Unknown("http_500")
    assert adapter.cancel(look(charge)) == NotSent("canceled", held.external_id)


def test_partial_refunds_add_up(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make()
    outcome = approved(adapter, charge)
    parts = [refund_of(outcome, amount) for amount in (1, 999, 1000)]
    assert [adapter.refund(part).status for part in parts] == ["processing"] * 3
    assert charges_of(sandbox_url, charge)[0]["amount_refunded"] == 2000
    too_much = adapter.refund(refund_of(outcome, 1))
    assert too_much.status == "failed"
    assert "exceeds" in str(too_much.message)
    for part in parts:
        wait_for_refund(adapter, part, "succeeded")


def test_a_refund_is_made_once_and_found_by_our_reference(adapter: SquareAdapter, fault: Fault) -> None:
    outcome = approved(adapter, make())
    request = refund_of(outcome, 500)
    assert adapter.find_refund(request, None).status == "absent"
    fault(kind="reset_after", operation="refunds.create", count=1)
    assert adapter.refund(request).status == "unknown"
    found = adapter.find_refund(request, None)
    assert found.status in {"processing", "succeeded"}
    again = adapter.refund(request)
    assert again.external_id == found.external_id
    assert adapter.find_refund(request, found.external_id).external_id == found.external_id


def test_a_refund_can_come_back(adapter: SquareAdapter, sandbox_url: str) -> None:
    charge = make()
    outcome = approved(adapter, charge)
    request = refund_of(outcome, 500)
    made = adapter.refund(request)
    account = charges_of(sandbox_url, charge)[0]["account"]
    url = f"{sandbox_url}/_sandbox/square/{account}/refunds/{made.external_id}/reject"
    assert requests.post(url, timeout=5).status_code == 200
    assert adapter.find_refund(request, made.external_id).status == "failed"
    assert adapter.refund(refund_of(outcome, 2000)).status == "processing"


def test_credentials_do_not_show_their_secrets(sandbox_url: str) -> None:
    made: Credentials = make_credentials(sandbox_url, secret_key="EAAAEsecret")
    assert "EAAAEsecret" not in repr(made)
