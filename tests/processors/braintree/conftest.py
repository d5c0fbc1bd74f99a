"""One merchant of the sandbox for each test, and the adapter that speaks for it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from ballast.processors.base import (
    Approved,
    Charge,
    Credentials,
    Lookup,
    RefundRequest,
)
from ballast.processors.braintree import BraintreeAdapter

counter = itertools.count(1)
MINUTE = timedelta(seconds=61)
Set = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Desk:
    """One merchant of the sandbox, and the adapter that speaks for it."""

    url: str
    merchant: str
    adapter: BraintreeAdapter

    def post(self, what: str, **wanted: Any) -> dict[str, Any]:
        """Change or cause something at the sandbox."""
        answer = requests.post(
            f"{self.url}/_sandbox/braintree/{what}", json={"merchant_id": self.merchant} | wanted, timeout=15
        )
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fault(self, kind: str, operation: str | None = None, **rule: Any) -> None:
        """Have the sandbox misbehave once."""
        wanted = {"processor": "braintree", "kind": kind, "operation": operation, "count": 1} | rule
        requests.post(f"{self.url}/_sandbox/faults", json=wanted, timeout=5).raise_for_status()

    def charges(self) -> list[dict[str, Any]]:
        """The money the sandbox took from this merchant's shoppers."""
        found = requests.get(f"{self.url}/_sandbox/charges", timeout=5).json()
        return [one for one in found if one["account"] == self.merchant]

    def settle(self, external_id: str) -> None:
        """Settle a charge at once."""
        base = f"{self.url}/merchants/{self.merchant}/transactions/{external_id}/settle"
        requests.put(base, auth=("public", "private"), timeout=5).raise_for_status()

    def wire(self) -> list[str]:
        """The operations the adapter has called, oldest first."""
        lines = requests.get(f"{self.url}/_sandbox/wire?processor=braintree", timeout=5).text.splitlines()
        return [line for line in lines if f"/merchants/{self.merchant}/" in line]


def make_credentials(url: str, merchant: str, **changes: Any) -> Credentials:
    """Credentials for a merchant of the server at `url`."""
    fields: dict[str, Any] = {
        "processor": "braintree",
        "secret_key": "private",
        "publishable_key": "",
        "webhook_secret": "",
        "api_base": url,
        "connect_timeout": 1.0,
        "read_timeout": 2.0,
        "extra": (("merchant_id", merchant), ("public_key", "public")),
    }
    return Credentials(**(fields | changes))


@pytest.fixture
def desk(sandbox_url: str) -> Iterator[Desk]:
    merchant = f"ballast_a{os.getpid()}x{next(counter)}"
    yield Desk(sandbox_url, merchant, BraintreeAdapter(make_credentials(sandbox_url, merchant)))
    requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=5)


@pytest.fixture
def adapter(desk: Desk) -> BraintreeAdapter:
    return desk.adapter


def make_charge(**changes: Any) -> Charge:
    """An attempt at $20.00."""
    fields: dict[str, Any] = {
        "reference": f"att_{uuid4().hex[:26]}",
        "payment_id": "pay_1",
        "amount": 2000,
        "currency": "USD",
        "payment_method": "fake-valid-nonce",
        "capture": True,
        "off_session": False,
    }
    return Charge(**(fields | changes))


def lookup_of(charge: Charge, external_id: str | None = None) -> Lookup:
    """How the resolver asks after a charge that may have been sent just now."""
    return Lookup(charge.reference, external_id, charge.amount, charge.currency, datetime.now(UTC))


def approved(adapter: BraintreeAdapter, **changes: Any) -> tuple[Charge, Approved]:
    charge = make_charge(**changes)
    outcome = adapter.submit(charge)
    assert isinstance(outcome, Approved), outcome
    return charge, outcome


def request_refund(charge: Approved, amount: int, **changes: Any) -> RefundRequest:
    fields: dict[str, Any] = {"reference": f"ref_{uuid4().hex[:26]}", "currency": "USD", "reason": None}
    return RefundRequest(external_payment_id=charge.external_id, amount=amount, **(fields | changes))
