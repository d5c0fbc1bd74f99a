"""Disputes: opened by a card or on demand, answered, accepted, won, lost."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from braintree import DisputeSearch

from tests.sandbox.braintree.conftest import Setup, codes

Sell = Callable[..., Any]
CARD = {"number": "4023898493988028", "expiration_date": "12/2034"}


def only(gateway: Any, transaction_id: str) -> Any:
    """The one dispute about a charge."""
    found = gateway.dispute.search([DisputeSearch.transaction_id == transaction_id]).disputes
    [dispute] = list(found.items)
    return dispute


@pytest.mark.parametrize(
    ("amount", "reason"), [("83.00", "fraud"), ("10.40", "fraud"), ("13.10", "product_not_received")]
)
def test_the_card_that_disputes(gateway: Any, settled: Sell, amount: str, reason: str) -> None:
    charge = settled(credit_card=CARD, amount=amount)
    dispute = only(gateway, charge.id)
    assert (dispute.status, dispute.reason, dispute.amount_disputed) == ("open", reason, Decimal(amount))
    assert gateway.dispute.find(dispute.id).transaction.id == charge.id


@pytest.mark.parametrize(
    ("text", "status"), [("compelling_evidence", "won"), ("losing_evidence", "lost"), ("a receipt", "disputed")]
)
def test_what_is_written_decides(gateway: Any, settled: Sell, text: str, status: str) -> None:
    dispute = only(gateway, settled(credit_card=CARD).id)
    added = gateway.dispute.add_text_evidence(dispute.id, {"content": text, "category": "GENERAL"})
    assert added.evidence.comment == text
    assert gateway.dispute.finalize(dispute.id).is_success
    found = gateway.dispute.find(dispute.id)
    assert found.status == status
    assert [event.status for event in found.status_history][:2] == ["open", "disputed"]
    assert codes(gateway.dispute.finalize(dispute.id)) == ["95705"]
    assert codes(gateway.dispute.add_text_evidence(dispute.id, "more")) == ["95701"]


def test_one_on_demand_is_accepted(gateway: Any, settled: Sell, setup: Setup) -> None:
    charge = settled()
    opened = setup("disputes", transaction_id=charge.id, amount=500, reason="duplicate")
    dispute = gateway.dispute.find(opened["id"])
    assert (dispute.amount_disputed, dispute.reason) == (Decimal("5.00"), "duplicate")
    assert gateway.dispute.accept(dispute.id).is_success
    assert gateway.dispute.find(dispute.id).status == "accepted"
    assert codes(gateway.dispute.accept(dispute.id)) == ["95704"]
    assert list(gateway.dispute.search([DisputeSearch.status == "open"]).disputes.items) == []
