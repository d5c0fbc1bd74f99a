"""The Stripe adapter against the sandbox: every outcome, and what is true afterwards."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from ballast.processors.base import (
    ActionRequired,
    Approved,
    BadSignature,
    Credentials,
    Declined,
    NotSent,
    Prepared,
    ProcessorEvent,
    RefundRequest,
    Unknown,
    UnreadableEvent,
)
from ballast.processors.stripe import StripeAdapter
from tests.processors.conftest import WEBHOOK_SECRET, approved, look, make_charge, make_credentials, pay, prepare

Fault = Callable[..., None]


def charges_of(sandbox_url: str, external_id: str | None) -> list[dict[str, Any]]:
    """The money the sandbox took for one PaymentIntent."""
    found = requests.get(f"{sandbox_url}/_sandbox/charges", timeout=5).json()
    return [charge for charge in found if charge["payment_intent"] == external_id and charge["status"] != "canceled"]


def test_an_approved_charge_tells_what_was_captured_and_with_which_card(adapter: StripeAdapter) -> None:
    charge, outcome = pay(adapter)
    assert isinstance(outcome, Approved)
    assert (outcome.external_id, outcome.captured) == (charge.external_id, 2000)
    assert (outcome.card.brand, outcome.card.last4) == ("visa", "4242")
    assert outcome.card.exp_month
    assert outcome.card.exp_year


def test_the_processor_carries_our_ids(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = approved(adapter)
    assert [found["reference"] for found in charges_of(sandbox_url, charge.external_id)] == [charge.reference]


def test_manual_capture_is_approved_with_nothing_captured(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge, outcome = pay(adapter, capture=False)
    assert isinstance(outcome, Approved)
    assert outcome.captured == 0
    assert charges_of(sandbox_url, charge.external_id)[0]["status"] == "authorized"


@pytest.mark.parametrize(
    ("card", "decline_class", "code"),
    [
        ("chargeDeclined", "soft", "generic_decline"),
        ("chargeDeclinedInsufficientFunds", "soft", "insufficient_funds"),
        ("chargeDeclinedProcessingError", "soft", "processing_error"),
        ("chargeDeclinedVelocityLimitExceeded", "soft", "card_velocity_exceeded"),
        ("chargeDeclinedExpiredCard", "hard", "expired_card"),
        ("chargeDeclinedIncorrectCvc", "hard", "incorrect_cvc"),
        ("chargeDeclinedLostCard", "fraud", "lost_card"),
        ("chargeDeclinedStolenCard", "fraud", "stolen_card"),
        ("radarBlock", "fraud", "fraudulent"),
    ],
)
def test_a_decline_keeps_its_raw_code_and_gets_its_class(
    adapter: StripeAdapter, sandbox_url: str, card: str, decline_class: str, code: str
) -> None:
    charge, outcome = pay(adapter, f"pm_card_visa_{card}")
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (decline_class, code)
    assert outcome.card is not None
    assert outcome.card.last4
    assert charges_of(sandbox_url, charge.external_id) == []


@pytest.mark.parametrize("card", ["chargeDeclinedLostCard", "chargeDeclinedStolenCard", "radarBlock"])
def test_fraud_is_never_named_to_the_shopper(adapter: StripeAdapter, card: str) -> None:
    _charge, outcome = pay(adapter, f"pm_card_visa_{card}")
    assert isinstance(outcome, Declined)
    assert not any(word in outcome.message.lower() for word in ("fraud", "stolen", "lost", "risk"))


def test_off_session_a_bank_that_wants_its_customer_is_an_authentication_decline(adapter: StripeAdapter) -> None:
    _charge, outcome = pay(adapter, "pm_card_authenticationRequired", off_session=True)
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("authentication", "authentication_required")


def test_a_payment_method_that_does_not_exist_is_our_fault_not_the_banks(adapter: StripeAdapter) -> None:
    _charge, outcome = pay(adapter, "pm_nobody_knows")
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("configuration", "resource_missing")


def test_a_wrong_key_is_a_configuration_decline_before_anything_is_sent(sandbox_url: str) -> None:
    prepared = StripeAdapter(make_credentials(sandbox_url, secret_key="sk_live_x")).prepare(make_charge())
    assert isinstance(prepared, Declined)
    assert prepared.decline_class == "configuration"


def test_with_a_return_url_the_bank_is_reached_by_redirect(adapter: StripeAdapter) -> None:
    _charge, outcome = pay(adapter, "pm_card_authenticationRequired", return_url="http://127.0.0.1:9/return")
    assert isinstance(outcome, ActionRequired)
    assert outcome.redirect_url
    assert outcome.redirect_url.startswith("http")


def test_without_one_the_bank_is_reached_by_client_secret(adapter: StripeAdapter) -> None:
    charge, outcome = pay(adapter, "pm_card_authenticationRequired")
    assert isinstance(outcome, ActionRequired)
    assert outcome.redirect_url is None
    assert outcome.client_secret
    assert outcome.client_secret.startswith(f"{charge.external_id}_secret_")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("reset_after", "no_answer"),
        ("error_after", "http_500"),
        ("truncate", "no_answer"),
        ("reset_before", "no_answer"),
        ("error_before", "http_500"),
        ("rate_limit", "rate_limited"),
    ],
)
def test_an_answer_that_is_lost_is_unknown_and_a_read_tells_the_truth(
    adapter: StripeAdapter, sandbox_url: str, fault: Fault, kind: str, reason: str
) -> None:
    charge = prepare(adapter, make_charge())
    fault(kind=kind, operation="payment_intents.confirm", count=1)
    outcome = adapter.submit(charge)
    assert isinstance(outcome, Unknown)
    assert outcome.external_id == charge.external_id
    assert outcome.reason == reason
    charged = len(charges_of(sandbox_url, charge.external_id))
    truth = adapter.find(look(charge))
    assert isinstance(truth, Approved if charged else NotSent)
    assert charged == (kind in ("reset_after", "error_after", "truncate"))


def test_a_timeout_is_unknown(adapter: StripeAdapter, fault: Fault) -> None:
    charge = prepare(adapter, make_charge())
    fault(kind="latency", operation="payment_intents.confirm", count=1, seconds=1.6)
    started = time.monotonic()
    assert isinstance(adapter.submit(charge), Unknown)
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "error_before", "error_after", "truncate", "rate_limit"]
)
def test_a_failed_preparation_is_not_sent_and_charges_nothing(
    adapter: StripeAdapter, credentials: Credentials, sandbox_url: str, fault: Fault, kind: str
) -> None:
    fault(kind=kind, operation="payment_intents.create", count=1)
    assert isinstance(adapter.prepare(make_charge()), NotSent)
    found = requests.get(f"{sandbox_url}/_sandbox/charges", timeout=5).json()
    account = credentials.secret_key.removeprefix("sk_test_")
    assert [charge for charge in found if charge["account"] == account] == []


def test_a_processor_that_is_not_there_is_not_sent_before_and_unknown_after() -> None:
    away = StripeAdapter(make_credentials("http://127.0.0.1:9"))
    assert isinstance(away.prepare(make_charge()), NotSent)
    assert isinstance(away.submit(make_charge(external_id="pi_1")), Unknown)
    lookup = look(make_charge(external_id="pi_1"))
    assert isinstance(away.find(lookup), Unknown)
    assert isinstance(away.cancel(lookup), Unknown)
    request = RefundRequest("re_1", "pi_1", 100, "USD", None)
    assert away.refund(request).status == "unknown"
    assert away.find_refund(request, None).status == "unknown"
    assert away.find_refund(request, "re_2").status == "unknown"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 500), ("KWD", 12_340), ("INR", 49_900), ("EUR", 1999)])
def test_amounts_pass_through_in_minor_units_of_any_currency(
    adapter: StripeAdapter, sandbox_url: str, currency: str, amount: int
) -> None:
    charge = approved(adapter, currency=currency, amount=amount)
    (found,) = charges_of(sandbox_url, charge.external_id)
    assert (found["amount"], found["currency"].upper(), found["amount_captured"]) == (amount, currency, amount)


def test_the_same_reference_prepares_the_same_intent_and_charges_once(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = make_charge()
    first, second = adapter.prepare(charge), adapter.prepare(charge)
    assert isinstance(first, Prepared)
    assert first == second
    charge = prepare(adapter, charge)
    assert isinstance(adapter.submit(charge), Approved)
    assert isinstance(adapter.submit(charge), Approved)
    assert len(charges_of(sandbox_url, charge.external_id)) == 1


def test_confirming_what_has_succeeded_under_another_key_is_unknown_not_declined(adapter: StripeAdapter) -> None:
    charge = approved(adapter)
    again = adapter.submit(make_charge(external_id=charge.external_id))
    assert isinstance(again, Unknown)
    assert isinstance(adapter.find(look(charge)), Approved)


def test_a_prepared_charge_that_is_canceled_can_never_be_charged(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = prepare(adapter, make_charge())
    assert adapter.cancel(look(charge)) == NotSent("canceled", charge.external_id)
    assert adapter.cancel(look(charge)) == NotSent("canceled", charge.external_id)
    assert not isinstance(adapter.submit(charge), Approved)
    assert charges_of(sandbox_url, charge.external_id) == []


def test_canceling_too_late_tells_that_it_was_charged(adapter: StripeAdapter) -> None:
    charge = approved(adapter)
    assert isinstance(adapter.cancel(look(charge)), Approved)


def test_an_open_challenge_is_canceled(adapter: StripeAdapter) -> None:
    charge, outcome = pay(adapter, "pm_card_authenticationRequired")
    assert isinstance(outcome, ActionRequired)
    assert isinstance(adapter.find(look(charge)), ActionRequired)
    assert isinstance(adapter.cancel(look(charge)), NotSent)


def test_a_cancel_whose_answer_was_an_error_is_not_stuck_on_that_error(adapter: StripeAdapter, fault: Fault) -> None:
    charge = prepare(adapter, make_charge())
    fault(kind="error_after", operation="payment_intents.cancel", count=1)
    assert isinstance(adapter.cancel(look(charge)), Unknown)
    assert adapter.cancel(look(charge)) == NotSent("canceled", charge.external_id)


def test_a_declined_charge_is_found_as_declined_with_its_code(adapter: StripeAdapter) -> None:
    charge, _outcome = pay(adapter, "pm_card_visa_chargeDeclinedInsufficientFunds")
    found = adapter.find(look(charge))
    assert isinstance(found, Declined)
    assert (found.decline_class, found.code) == ("soft", "insufficient_funds")


def test_a_charge_nobody_knows_stays_unknown(adapter: StripeAdapter) -> None:
    assert isinstance(adapter.find(look(make_charge(external_id="pi_nobody_knows"))), Unknown)


# --- Refunds -----------------------------------------------------------------------------------------------------------------


def refund_of(charge: Any, amount: int, reference: str) -> RefundRequest:
    return RefundRequest(reference, charge.external_id, amount, charge.currency, "requested_by_customer")


def test_several_partial_refunds_add_up_and_one_too_much_fails(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = approved(adapter)
    for number, amount in enumerate((700, 800, 500)):
        assert adapter.refund(refund_of(charge, amount, f"{charge.reference}-{number}")).status == "succeeded"
    assert charges_of(sandbox_url, charge.external_id)[0]["amount_refunded"] == 2000
    over = adapter.refund(refund_of(charge, 1, f"{charge.reference}-over"))
    assert over.status == "failed"
    assert over.message


def test_one_reference_refunds_once(adapter: StripeAdapter, sandbox_url: str) -> None:
    charge = approved(adapter)
    request = refund_of(charge, 700, f"{charge.reference}-r")
    first, second = adapter.refund(request), adapter.refund(request)
    assert first == second
    assert charges_of(sandbox_url, charge.external_id)[0]["amount_refunded"] == 700


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate"])
def test_a_refund_whose_answer_was_lost_is_found_by_our_reference(
    adapter: StripeAdapter, sandbox_url: str, fault: Fault, kind: str
) -> None:
    charge = approved(adapter)
    adapter.refund(refund_of(charge, 100, f"{charge.reference}-earlier"))
    request = refund_of(charge, 700, f"{charge.reference}-r")
    fault(kind=kind, operation="refunds.create", count=1)
    assert adapter.refund(request).status == "unknown"
    found = adapter.find_refund(request, None)
    assert found.status == "succeeded"
    assert found.external_id
    assert adapter.find_refund(request, found.external_id) == found
    assert charges_of(sandbox_url, charge.external_id)[0]["amount_refunded"] == 800


def test_a_refund_that_never_arrived_is_absent(adapter: StripeAdapter, fault: Fault) -> None:
    charge = approved(adapter)
    request = refund_of(charge, 700, f"{charge.reference}-r")
    fault(kind="reset_before", operation="refunds.create", count=1)
    assert adapter.refund(request).status == "unknown"
    assert adapter.find_refund(request, None).status == "absent"


def test_a_refund_the_bank_thinks_about_is_processing(adapter: StripeAdapter) -> None:
    charge = approved(adapter, "pm_card_pendingRefund")
    assert adapter.refund(refund_of(charge, 2000, f"{charge.reference}-r")).status == "processing"


# --- Events ------------------------------------------------------------------------------------------------------------------

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
}


def signed(body: bytes, secret: str = WEBHOOK_SECRET, at: float | None = None) -> dict[str, str]:
    """The headers Stripe would send."""
    moment = int(at if at is not None else time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={digest}"}


def test_a_good_event_is_read(adapter: StripeAdapter) -> None:
    raw = json.dumps(EVENT).encode()
    assert adapter.parse_event(raw, signed(raw), "") == ProcessorEvent(
        "evt_1", "payment_intent.succeeded", "pi_1", "charge_paid"
    )


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        ({"id": "ch_1", "object": "charge", "payment_intent": "pi_2"}, "pi_2"),
        ({"id": "re_1", "object": "refund", "payment_intent": {"id": "pi_3", "object": "payment_intent"}}, "pi_3"),
        ({"id": "dp_1", "object": "dispute", "payment_intent": "pi_4"}, "pi_4"),
        ({"id": "po_1", "object": "payout"}, None),
        ({"id": "ch_1", "object": "charge", "payment_intent": None}, None),
    ],
)
def test_an_event_is_about_a_payment_intent_or_about_nothing_of_ours(
    adapter: StripeAdapter, subject: dict[str, Any], about: str | None
) -> None:
    raw = json.dumps(EVENT | {"data": {"object": subject}}).encode()
    assert adapter.parse_event(raw, signed(raw), "").subject_id == about


@pytest.mark.parametrize(
    ("type_", "subject", "read"),
    [
        (
            "payment_intent.succeeded",
            {"object": "payment_intent", "metadata": {"attempt": "att_1"}},
            ("charge_paid", "att_1"),
        ),
        ("payment_intent.amount_capturable_updated", {"object": "payment_intent"}, ("charge_paid", None)),
        ("payment_intent.payment_failed", {"object": "payment_intent", "metadata": {"attempt": 7}}, ("charge", None)),
        ("charge.refunded", {"object": "charge", "metadata": {"attempt": "att_1"}}, ("refund", "att_1")),
        ("refund.failed", {"object": "refund", "metadata": {"refund": "re_1"}}, ("refund", None)),
        ("charge.dispute.created", {"object": "dispute", "metadata": []}, ("dispute", None)),
        ("payout.paid", {"object": "payout"}, ("other", None)),
    ],
)
def test_an_event_tells_what_to_look_at(
    adapter: StripeAdapter, type_: str, subject: dict[str, Any], read: tuple[str, str | None]
) -> None:
    raw = json.dumps(EVENT | {"type": type_, "data": {"object": {"id": "x_1"} | subject}}).encode()
    event = adapter.parse_event(raw, signed(raw), "")
    assert (event.about, event.reference) == read
    assert event.dispute_id == ("x_1" if read[0] == "dispute" else None)


def test_an_event_of_a_kind_we_never_heard_of_is_read(adapter: StripeAdapter) -> None:
    raw = json.dumps({"id": "evt_2", "object": "event", "type": "moon.landed", "future": [1]}).encode()
    assert adapter.parse_event(raw, signed(raw), "") == ProcessorEvent("evt_2", "moon.landed", None)


RAW = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (RAW.replace(b"pi_1", b"pi_2"), signed(RAW)),
        (RAW, signed(RAW, "whsec_of_somebody_else")),
        (RAW, signed(RAW, at=time.time() - 900)),
        (RAW, {}),
        (RAW, {"Stripe-Signature": ""}),
        (RAW, {"Stripe-Signature": "garbage"}),
        (RAW, {"Stripe-Signature": "t=,v1="}),
        (RAW, {"Stripe-Signature": "t=soon,v1=abc"}),
        (RAW, {"Stripe-Signature": "t=1,v1=\u00e9"}),
        (b"\xff\xfe", signed(b"\xff\xfe")),
    ],
    ids=range(10),
)
def test_what_is_not_an_event_of_stripes_is_refused(
    adapter: StripeAdapter, raw: bytes, headers: dict[str, str]
) -> None:
    with pytest.raises(BadSignature):
        adapter.parse_event(raw, headers, "")


@pytest.mark.parametrize("raw", [b"not json", b"[]", b"{}", b'{"id": 1, "type": null}', b"null", b"[" * 50_000])
def test_what_stripe_signed_and_is_no_event_is_unreadable(adapter: StripeAdapter, raw: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        adapter.parse_event(raw, signed(raw), "")


@pytest.mark.parametrize("word", ["", "evt_\0", "evt_\ud800", "e" * 501])
def test_an_event_whose_id_cannot_be_kept_is_unreadable(adapter: StripeAdapter, word: str) -> None:
    for name in ("id", "type"):
        raw = json.dumps(EVENT | {name: word}).encode()
        with pytest.raises(UnreadableEvent):
            adapter.parse_event(raw, signed(raw), "")


def test_an_empty_webhook_secret_accepts_nothing(sandbox_url: str) -> None:
    open_door = StripeAdapter(make_credentials(sandbox_url, webhook_secret=""))
    with pytest.raises(BadSignature):
        open_door.parse_event(RAW, signed(RAW, ""), "")


# --- Secrets -----------------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_a_repr(credentials: Credentials) -> None:
    shown = repr(
        [
            credentials,
            Prepared("pi_1", "pi_1_secret_abc"),
            ActionRequired("pi_1", "https://bank.test/?client_secret=pi_1_secret_abc", "pi_1_secret_abc"),
        ]
    )
    assert credentials.secret_key not in shown
    assert credentials.webhook_secret not in shown
    assert "secret_abc" not in shown


@pytest.mark.parametrize("currency", ["ISK", "MGA", "UGX"])
def test_a_currency_stripe_counts_in_other_units_is_refused_before_stripe_hears_of_it(
    adapter: StripeAdapter, currency: str
) -> None:
    outcome = adapter.prepare(make_charge(currency=currency))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == ("configuration", "currency_unsupported")


def test_a_failed_challenge_that_was_then_canceled_is_still_the_banks_no(adapter: StripeAdapter) -> None:
    _charge, waiting = pay(adapter, "pm_card_authenticationRequired", return_url="http://127.0.0.1:9/return")
    assert isinstance(waiting, ActionRequired)
    assert waiting.redirect_url
    requests.post(waiting.redirect_url, data={"decision": "fail"}, allow_redirects=False, timeout=5).raise_for_status()
    lookup = look(make_charge(external_id=waiting.external_id))
    adapter.cancel(lookup)
    found = adapter.find(lookup)
    assert isinstance(found, Declined)
    assert found.decline_class == "authentication"
