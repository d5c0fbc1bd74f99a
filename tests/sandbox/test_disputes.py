"""Stripe's disputes: opened by a card or on demand, answered, accepted, won, lost."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Sandbox, catch, wait_until

Dispute = Callable[..., Any]


@pytest.fixture
def dispute(sandbox: Sandbox, api: Any, pay: Any) -> Dispute:
    """Pay, and have the holder dispute it."""

    def open_one(reason: str | None = None, **params: Any) -> Any:
        charge = pay(**params).latest_charge
        url = f"{sandbox.url}/_sandbox/charges/stripe/{charge}/dispute"
        answer = requests.post(url, json={"reason": reason} if reason else None, timeout=5)
        assert answer.status_code == 201, answer.text
        return api.disputes.retrieve(answer.json()["id"])

    return open_one


def events_of(api: Any, kind: str = "charge.dispute.") -> list[str]:
    """The types of the account's events about disputes, oldest first."""
    return [one.type.removeprefix(kind) for one in api.events.list({"limit": 100}).data if kind in one.type][::-1]


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("pm_card_createDispute", "fraudulent", "needs_response"),
        ("pm_card_createDisputeProductNotReceived", "product_not_received", "needs_response"),
        ("pm_card_createDisputeInquiry", "fraudulent", "warning_needs_response"),
    ],
)
def test_some_cards_dispute(api: Any, pay: Any, card: str, reason: str, status: str) -> None:
    intent = pay(card)
    [found] = wait_until(lambda: api.disputes.list({"payment_intent": intent.id}).data)
    assert (found.reason, found.status, found.amount) == (reason, status, 1000)
    assert found.is_charge_refundable == (status == "warning_needs_response")
    assert found.charge == intent.latest_charge
    assert api.charges.retrieve(found.charge).disputed
    assert api.disputes.list({"charge": found.charge}).data[0].id == found.id


def test_a_card_is_reported_before_it_is_disputed(api: Any, pay: Any) -> None:
    intent = pay("pm_card_createIssuerFraudRecord")
    [warning] = wait_until(lambda: api.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data)
    assert (warning.charge, warning.actionable) == (intent.latest_charge, True)
    assert api.disputes.list().data == []
    api.refunds.create({"payment_intent": intent.id})
    assert api.radar.early_fraud_warnings.retrieve(warning.id).actionable is False
    assert events_of(api, "radar.") == ["early_fraud_warning.created"]


def test_a_dispute_takes_the_money_and_a_fee(api: Any, dispute: Dispute) -> None:
    found = dispute()
    [booked] = found.balance_transactions
    assert (booked.amount, booked.fee, booked.net, booked.type) == (-1000, 1500, -2500, "adjustment")
    assert booked.reporting_category == "dispute"
    assert api.balance_transactions.retrieve(booked.id).source == found.id
    assert events_of(api) == ["created", "funds_withdrawn"]


@pytest.mark.parametrize("currency", ["jpy", "kwd"])
def test_what_was_given_back_is_not_disputed(sandbox: Sandbox, api: Any, pay: Any, currency: str) -> None:
    intent = pay(amount=5000, currency=currency)
    api.refunds.create({"payment_intent": intent.id, "amount": 1000})
    url = f"{sandbox.url}/_sandbox/charges/stripe/{intent.id}/dispute"
    found = api.disputes.retrieve(requests.post(url, timeout=5).json()["id"])
    assert (found.amount, found.currency) == (4000, currency)


@pytest.mark.parametrize(("text", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_what_is_written_decides(api: Any, dispute: Dispute, text: str, status: str) -> None:
    found = dispute()
    sent = api.disputes.update(found.id, {"evidence": {"uncategorized_text": text}, "submit": True})
    assert (sent.status, sent.evidence.uncategorized_text) == ("under_review", text)
    assert (sent.evidence_details.has_evidence, sent.evidence_details.submission_count) == (True, 1)
    wait_until(lambda: api.disputes.retrieve(found.id).status == status)
    amounts = [booked.net for booked in api.disputes.retrieve(found.id).balance_transactions]
    assert amounts == ([-2500, 2500] if status == "won" else [-2500])
    ends = ["updated", "closed"] + (["funds_reinstated"] if status == "won" else [])
    assert events_of(api) == ["created", "funds_withdrawn", *ends]


def test_evidence_is_kept_until_it_is_submitted(api: Any, dispute: Dispute) -> None:
    found = dispute()
    kept = api.disputes.update(found.id, {"evidence": {"customer_name": "Ann"}, "submit": False})
    assert (kept.status, kept.evidence_details.submission_count) == ("needs_response", 0)
    sent = api.disputes.update(found.id, {"evidence": {"uncategorized_text": "She drank it."}})
    assert (sent.status, sent.evidence.customer_name) == ("under_review", "Ann")
    assert api.disputes.update(found.id, {"metadata": {"by": "Bob"}}).metadata.by == "Bob"
    assert catch(lambda: api.disputes.update(found.id, {"evidence": {"receipt": "x"}})).http_status == 400


def test_one_is_accepted_for_good(api: Any, dispute: Dispute) -> None:
    found = dispute("duplicate")
    assert (api.disputes.close(found.id).status, found.reason) == ("lost", "duplicate")
    assert catch(lambda: api.disputes.close(found.id)).http_status == 400
    assert events_of(api)[-1] == "closed"


def test_an_inquiry_becomes_a_chargeback(api: Any, dispute: Dispute) -> None:
    found = dispute("inquiry")
    assert found.balance_transactions == []
    sent = api.disputes.update(found.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    assert sent.status == "warning_under_review"
    wait_until(lambda: api.disputes.retrieve(found.id).status == "needs_response")
    assert len(api.disputes.retrieve(found.id).balance_transactions) == 1
    assert events_of(api) == ["created", "updated", "updated", "funds_withdrawn"]


def test_a_refund_ends_an_inquiry(api: Any, dispute: Dispute) -> None:
    found = dispute("inquiry")
    api.refunds.create({"charge": found.charge, "amount": 400})
    assert api.disputes.retrieve(found.id).status == "warning_needs_response"
    api.refunds.create({"charge": found.charge})
    assert api.disputes.retrieve(found.id).status == "warning_closed"


def test_nothing_is_given_back_while_disputed(api: Any, dispute: Dispute) -> None:
    found = dispute()
    assert found.is_charge_refundable is False
    error = catch(lambda: api.refunds.create({"charge": found.charge}))
    assert (error.http_status, error.code) == (400, "charge_disputed")
    api.disputes.update(found.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    wait_until(lambda: api.disputes.retrieve(found.id).is_charge_refundable)
    assert api.refunds.create({"charge": found.charge}).status == "succeeded"


def test_there_is_one_dispute_a_charge_and_a_known_reason(sandbox: Sandbox, pay: Any, dispute: Dispute) -> None:
    url = f"{sandbox.url}/_sandbox/charges/stripe/{dispute().charge}/dispute"
    assert requests.post(url, timeout=5).status_code == 409
    fresh = f"{sandbox.url}/_sandbox/charges/stripe/{pay().latest_charge}/dispute"
    assert requests.post(fresh, json={"reason": "whim"}, timeout=5).status_code == 422
    assert requests.post(f"{sandbox.url}/_sandbox/charges/stripe/ch_none/dispute", timeout=5).status_code == 404
    held = pay(capture_method="manual").latest_charge
    assert requests.post(f"{sandbox.url}/_sandbox/charges/stripe/{held}/dispute", timeout=5).status_code == 409


def test_a_dispute_expands_to_its_charge(api: Any, dispute: Dispute) -> None:
    found = api.disputes.retrieve(dispute().id, {"expand": ["charge", "payment_intent"]})
    assert found.charge.disputed
    assert found.payment_intent.latest_charge == found.charge.id


def test_disputes_are_paged(api: Any, dispute: Dispute) -> None:
    made = [dispute().id for _ in range(3)]
    listed = [one.id for one in api.disputes.list({"limit": 1}).auto_paging_iter()]
    assert listed == made[::-1]


def test_a_key_tells_its_account(sandbox: Sandbox, account: str, api: Any) -> None:
    found = api.accounts.retrieve_current()
    assert found.id == f"acct_{account}"
    assert found.business_profile.name
    assert sandbox.client(f"{account}b").v1.accounts.retrieve_current().id != found.id
