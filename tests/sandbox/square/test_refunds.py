"""Refunds and disputes."""

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Sandbox, wait_until
from tests.sandbox.square.conftest import ONCE, Seller, catch, code_of


def status(seller: Seller, refund_id: str) -> str:
    found = seller.sdk.refunds.get(refund_id, request_options=ONCE).refund
    assert found is not None
    return str(found.status)


def test_a_refund_is_pending_and_then_completed(seller: Seller, sandbox: Sandbox, account: str) -> None:
    payment = seller.pay()
    refund = seller.refund(payment.id, 400, reason="Too bitter")
    assert (refund.status, refund.reason, refund.payment_id) == ("PENDING", "Too bitter", payment.id)
    wait_until(lambda: status(seller, refund.id) == "COMPLETED")
    assert sandbox.charges(account)[0]["amount_refunded"] == 400
    shown = seller.sdk.payments.get(payment.id, request_options=ONCE).payment
    assert shown is not None
    assert (shown.refund_ids, shown.refunded_money.amount) == ([refund.id], 400)


def test_parts_add_up_to_the_whole_and_not_beyond(seller: Seller) -> None:
    payment = seller.pay()
    made = [seller.refund(payment.id, part).id for part in (1, 499, 500)]
    error = catch(lambda: seller.refund(payment.id, 1))
    assert (error.errors[0].category, error.errors[0].code) == ("REFUND_ERROR", "REFUND_AMOUNT_INVALID")
    assert [one.id for one in seller.sdk.refunds.list(limit=2, request_options=ONCE)] == made[::-1]


def test_what_cannot_be_refunded(seller: Seller) -> None:
    held = seller.pay(autocomplete=False)
    assert code_of(lambda: seller.refund(held.id, 1)) == (400, "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION")
    seller.sdk.payments.cancel(held.id, request_options=ONCE)
    assert code_of(lambda: seller.refund(held.id, 1)) == (400, "PAYMENT_NOT_REFUNDABLE")
    assert code_of(lambda: seller.refund("nobody", 1)) == (404, "NOT_FOUND")
    assert code_of(lambda: seller.refund(seller.pay().id, 0)) == (400, "VALUE_TOO_LOW")


def test_a_refund_is_made_once_per_key(seller: Seller) -> None:
    payment = seller.pay()
    first = seller.refund(payment.id, 100, idempotency_key="k1")
    assert seller.refund(payment.id, 100, idempotency_key="k1") == first
    assert code_of(lambda: seller.refund(payment.id, 101, idempotency_key="k1")) == (400, "IDEMPOTENCY_KEY_REUSED")


def test_a_rejected_refund_gives_the_money_back_to_the_seller(seller: Seller, sandbox: Sandbox, account: str) -> None:
    payment = seller.pay()
    refund = seller.refund(payment.id, 1000)
    url = f"{sandbox.url}/_sandbox/square/{account}/refunds/{refund.id}/reject"
    assert requests.post(url, timeout=5).status_code == 200
    assert requests.post(url, timeout=5).status_code == 409
    assert status(seller, refund.id) == "REJECTED"
    assert seller.refund(payment.id, 1000).status == "PENDING"


@pytest.mark.parametrize(
    ("amount", "reason"), [(8801, "AMOUNT_DIFFERS"), (8806, "NOT_RECEIVED"), (8809, "EMV_LIABILITY_SHIFT")]
)
def test_an_amount_is_disputed(seller: Seller, amount: int, reason: str) -> None:
    payment = seller.pay(amount=amount)
    [dispute] = wait_until(lambda: list(seller.sdk.disputes.list(request_options=ONCE)))
    assert (dispute.reason, dispute.state) == (reason, "EVIDENCE_REQUIRED")
    assert dispute.disputed_payment.payment_id == payment.id
    assert code_of(lambda: seller.refund(payment.id, 1)) == (400, "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE")


@pytest.mark.parametrize(("evidence", "ends"), [(True, "WON"), (False, "LOST")])
def test_a_dispute_is_fought(seller: Seller, evidence: bool, ends: str) -> None:
    dispute = open_dispute(seller)
    if evidence:
        added = seller.sdk.disputes.create_evidence_text(
            dispute["id"], idempotency_key="k", evidence_text="She drank it.", request_options=ONCE
        ).evidence
        assert added is not None
        assert added.evidence_text == "She drank it."
    sent = seller.sdk.disputes.submit_evidence(dispute["id"], request_options=ONCE).dispute
    assert sent is not None
    assert sent.state == "PROCESSING"
    get: Any = seller.sdk.disputes.get
    wait_until(lambda: get(dispute["id"], request_options=ONCE).dispute.state == ends)
    assert code_of(lambda: seller.sdk.disputes.accept(dispute["id"], request_options=ONCE)) == (400, "BAD_REQUEST")


def test_a_dispute_is_accepted(seller: Seller) -> None:
    dispute = open_dispute(seller)
    accepted = seller.sdk.disputes.accept(dispute["id"], request_options=ONCE).dispute
    assert accepted is not None
    assert accepted.state == "ACCEPTED"
    assert list(seller.sdk.disputes.list(states="EVIDENCE_REQUIRED", request_options=ONCE)) == []


def open_dispute(seller: Seller) -> Any:
    payment = seller.pay()
    url = f"{seller.url}/_sandbox/square/{seller.account}/payments/{payment.id}/dispute"
    answer = requests.post(url, timeout=5)
    assert answer.status_code == 201
    assert requests.post(url, timeout=5).status_code == 409
    return answer.json()
