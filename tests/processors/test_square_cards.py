"""The Square adapter keeps cards and charges them without their holder."""

from __future__ import annotations

from typing import Any

import requests

from ballast.ids import new_id
from ballast.processors.base import Declined, Holder, SaveCard, SavedCard, Unknown
from ballast.processors.square import SquareAdapter
from tests.processors.test_square import Fault, adapter, approved, fault, make

__all__ = ["adapter", "fault"]


def keep(adapter: SquareAdapter, token: str = "cnon:card-nonce-ok", **changes: Any) -> SavedCard | Declined | Unknown:
    fields = {
        "reference": new_id("pm"),
        "token": token,
        "holder": Holder(new_id("cus"), "ann@acme.test", "Ann Example"),
    }
    return adapter.save_card(SaveCard(**(fields | changes)))


def test_a_card_is_kept_and_charged_without_its_holder(adapter: SquareAdapter, sandbox_url: str) -> None:
    kept = keep(adapter)
    assert isinstance(kept, SavedCard)
    assert (kept.card.brand, kept.card.last4) == ("visa", "1111")
    charge = make(kept.external_id, off_session=True, holder=Holder("cus_1", external_id=kept.customer_external_id))
    assert approved(adapter, charge).captured == 2000
    wire = requests.get(f"{sandbox_url}/_sandbox/wire?processor=square", timeout=5).text
    [sent] = [line for line in wire.splitlines() if f'reference_id\\":\\"{charge.reference}' in line]
    assert '\\"customer_initiated\\":false' in sent.replace(" ", "")
    second = keep(adapter, holder=Holder("cus_1", external_id=kept.customer_external_id))
    assert isinstance(second, SavedCard)
    assert second.customer_external_id == kept.customer_external_id


def test_the_card_of_a_payment_is_kept(adapter: SquareAdapter) -> None:
    kept = keep(adapter, approved(adapter, make()).external_id)
    assert isinstance(kept, SavedCard)


def test_a_card_that_is_refused_is_not_kept(adapter: SquareAdapter, fault: Fault) -> None:
    refused = keep(adapter, "cnon:card-nonce-declined")
    assert isinstance(refused, Declined)
    assert refused.decline_class == "soft"
    fault(kind="reset_after", operation="cards.create", count=1)
    reference, holder = new_id("pm"), Holder(new_id("cus"))
    assert keep(adapter, reference=reference, holder=holder) == Unknown("no_answer")
    assert isinstance(keep(adapter, reference=reference, holder=holder), SavedCard)
