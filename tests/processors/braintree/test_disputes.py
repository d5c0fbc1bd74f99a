"""The Braintree adapter answers disputes: what is Braintree's own about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ballast.processors.base import Declined, Dispute, Unknown
from ballast.processors.braintree_disputes import STATUS, _read
from tests.processors.braintree.conftest import Desk, approved


def disputed(desk: Desk, amount: int = 2000) -> str:
    """A dispute over a settled charge."""
    _charge, taken = approved(desk.adapter, amount=amount)
    desk.settle(taken.external_id)
    return str(desk.post("disputes", transaction_id=taken.external_id)["id"])


@pytest.mark.parametrize("kind", ["error_before", "reset_before", "reset_after"])
def test_a_text_is_added_once_however_often_it_is_sent_in(desk: Desk, kind: str) -> None:
    dispute_id = disputed(desk)
    desk.fault(kind, "disputes.finalize")
    assert isinstance(desk.adapter.submit_evidence(dispute_id, "They signed for it."), Unknown)
    assert isinstance(desk.adapter.submit_evidence(dispute_id, "They signed for it."), Dispute)
    evidence = desk.adapter._gateway.dispute.find(dispute_id).evidence
    assert [one.comment for one in evidence] == ["They signed for it."]


@pytest.mark.parametrize(("text", "status"), [("compelling_evidence", "won"), ("losing_evidence", "lost")])
def test_the_bank_decides(desk: Desk, text: str, status: str) -> None:
    answered = desk.adapter.submit_evidence(disputed(desk), text)
    assert isinstance(answered, Dispute)
    assert answered.status == status


def test_the_reason_is_braintrees_word(desk: Desk) -> None:
    found = desk.adapter.find_dispute(disputed(desk, amount=1310))
    assert isinstance(found, Dispute)
    assert (found.reason, found.amount) == ("product_not_received", 1310)


def test_an_empty_text_is_refused(desk: Desk) -> None:
    refused = desk.adapter.submit_evidence(disputed(desk), " ")
    assert isinstance(refused, Declined)
    assert refused.code == "evidence_empty"


@pytest.mark.parametrize(
    ("status", "kind", "means"),
    [*[(status, "chargeback", means) for status, means in STATUS.items()], ("open", "retrieval", "warning")],
)
def test_every_status_of_the_sdk_has_a_meaning(desk: Desk, status: str, kind: str, means: str) -> None:
    found: Any = desk.adapter._gateway.dispute.find(disputed(desk))
    found.status, found.kind = status, kind
    read = _read(found)
    assert isinstance(read, Dispute)
    assert read.status == means


def test_a_status_of_the_future_is_unknown() -> None:
    assert _read(SimpleNamespace(id="d1", currency_iso_code="USD", status="pondered")) == Unknown("unreadable", "d1")
