"""One bench for each processor: an account of the test's own, the tokens for each case, and how to make things happen there.

The conformance suite knows processors by these alone. `live` benches stand at the processors' own hosted sandboxes (see `live`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import uuid4

import requests

from ballast.clock import real_time
from ballast.processors.adapter import Adapter
from ballast.processors.base import (
    Approved,
    Charge,
    Credentials,
    Lookup,
    Outcome,
    Prepared,
    RefundRequest,
)

IS_LIVE: Final = os.environ.get("BALLAST_TEST_LIVE") == "yes"
SECRET: Final = "whsec_of_the_conformance_suite"
Headers = dict[str, str]
# What each hosted sandbox needs of the environment, and where it is.
NEEDED: Final = {
    "stripe": ("STRIPE_SECRET_KEY",),
    "braintree": ("BRAINTREE_MERCHANT_ID", "BRAINTREE_PUBLIC_KEY", "BRAINTREE_PRIVATE_KEY"),
    "square": ("SQUARE_ACCESS_TOKEN", "SQUARE_APPLICATION_ID", "SQUARE_LOCATION_ID"),
}
HOSTED: Final = {
    "stripe": "https://api.stripe.com",
    "braintree": "https://api.sandbox.braintreegateway.com",
    "square": "https://connect.squareupsandbox.com",
}
# Read when this module is: the suite hides a developer's environment from its tests.
LIVE: Final = {
    name: {key: os.environ[key] for key in keys}
    for name, keys in NEEDED.items()
    if all(os.environ.get(key) for key in keys)
}


@dataclass(frozen=True)
class Refusal:
    """A charge that is refused: what is different about it, and how the refusal is read."""

    decline_class: str
    code: str
    changes: dict[str, Any]


class Bench:
    """What the suite needs of one processor."""

    name: ClassVar[str]
    make: ClassVar[Callable[[Credentials], Adapter]]
    card: ClassVar[str]
    refused_card: ClassVar[str]
    refusals: ClassVar[tuple[Refusal, ...]]
    # The sandbox's name of the operation that asks the bank, captures, refunds, lists, stores.
    operations: ClassVar[dict[str, str]]
    # Keys that open nothing.
    wrong_key: ClassVar[str]
    # What is different about a charge its holder has confirmed before, where the challenge comes before.
    confirmed: ClassVar[dict[str, Any]] = {}
    # What tells the bank that the holder is not there.
    off_session_mark: ClassVar[str]
    # Whether an amount in KWD may end in another digit than 0.
    takes_last_digit_of_three: ClassVar[bool] = True

    def __init__(self, url: str) -> None:
        self.url = url
        self.began_at = time.time()
        self.account = f"t{uuid4().hex[:12]}"
        self.adapter = self.open()

    # --- The account

    def credentials(self, currency: str = "USD", **changes: Any) -> Credentials:
        """Credentials of the account that takes this currency."""
        fields: dict[str, Any] = {
            "processor": self.name,
            "secret_key": "",
            "publishable_key": "",
            "webhook_secret": SECRET,
            "api_base": self.url,
            "connect_timeout": 2.0,
            "read_timeout": 65.0 if IS_LIVE else 3.0,
        }
        return Credentials(**(fields | self.keys(currency) | changes))

    def keys(self, currency: str) -> dict[str, Any]:
        """What is this processor's own in the credentials."""
        raise NotImplementedError

    def open(self, currency: str = "USD", **changes: Any) -> Adapter:
        """An adapter for that account."""
        return type(self).make(self.credentials(currency, **changes))

    # --- Charging

    def charge(self, **changes: Any) -> Charge:
        """An attempt at 20.00."""
        fields: dict[str, Any] = {
            "reference": f"att_{uuid4().hex[:26]}",
            "payment_id": "pay_1",
            "amount": 2000,
            "currency": "USD",
            "payment_method": self.card,
            "capture": True,
            "off_session": False,
        }
        return Charge(**(fields | changes))

    def pay(self, charge: Charge, adapter: Adapter | None = None) -> tuple[Charge, Outcome]:
        """Prepare and submit, as billing does; the charge as it is known then, and the outcome."""
        asked = adapter or self.adapter
        prepared = asked.prepare(charge)
        if not isinstance(prepared, Prepared):
            return charge, prepared
        charge = replace(charge, external_id=prepared.external_id)
        return charge, asked.submit(charge)

    def approved(self, adapter: Adapter | None = None, **changes: Any) -> tuple[Charge, Approved]:
        """A charge that went through, with its id."""
        charge, outcome = self.pay(self.charge(**changes), adapter)
        assert isinstance(outcome, Approved), outcome
        return replace(charge, external_id=outcome.external_id), outcome

    def settle(self, external_id: str) -> None:
        """Let a captured charge be one that may be refunded. Nothing to do where there is no settlement."""

    def taken(self, charge: Charge) -> list[int]:
        """The amounts taken or held under this reference, in minor units: what the processor says, not the adapter."""
        if IS_LIVE:
            start, end = real_time() - timedelta(minutes=10), real_time() + timedelta(minutes=1)
            lines = self.adapter.list_window(start, end)
            held = ("captured", "authorized")
            return [one.amount for one in lines if one.reference == charge.reference and one.status in held]
        return [one["amount"] for one in self.money() if one["reference"] == charge.reference]

    # --- What only our sandbox can do

    def money(self) -> list[dict[str, Any]]:
        """What the sandbox took from this account's shoppers, or holds."""
        found = requests.get(f"{self.url}/_sandbox/charges", timeout=5).json()
        ours = (one for one in found if one["processor"] == self.name and self.account in one["account"])
        return [one for one in ours if one["status"] != "canceled"]

    def fault(self, kind: str, step: str, **rule: Any) -> None:
        """Have the sandbox misbehave once."""
        wanted = {"processor": self.name, "kind": kind, "operation": self.operations[step], "count": 1} | rule
        requests.post(f"{self.url}/_sandbox/faults", json=wanted, timeout=5).raise_for_status()

    def dispute(self, external_id: str) -> str:
        """Have its holder dispute a charge; the dispute's id."""
        self.settle(external_id)
        answer = requests.post(f"{self.url}/_sandbox/charges/{self.name}/{external_id}/dispute", json={}, timeout=5)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def wire(self) -> list[dict[str, Any]]:
        """What the sandbox was asked by this processor's adapters, oldest first."""
        text = requests.get(f"{self.url}/_sandbox/wire?processor={self.name}", timeout=10).text
        return [json.loads(line) for line in text.splitlines()]

    # --- Events

    def event(self, charge: Charge) -> tuple[bytes, Headers, str]:
        """An event as this processor sends and signs it, that the charge was paid: body, headers, our address."""
        raise NotImplementedError

    def spoiled(self, raw: bytes, headers: Headers, url: str) -> dict[str, tuple[bytes, Headers, str]]:
        """The same event with one thing wrong about it, by what that is."""
        raise NotImplementedError

    def subscribe(self, address: str) -> Adapter:
        """Have the sandbox send its events to this address; the adapter that can read them."""
        return self.open(webhook_secret=self.adapter.listen(address))


def look(charge: Charge, **changes: Any) -> Lookup:
    """How the resolver asks after a charge that may have been sent just now."""
    fields = {"reference": charge.reference, "external_id": charge.external_id, "amount": charge.amount}
    fields |= {"currency": charge.currency, "sent_at": real_time()}
    return Lookup(**(fields | changes))


def refund_of(charge: Charge, amount: int, **changes: Any) -> RefundRequest:
    """Money back, as a request nobody has sent yet."""
    fields: dict[str, Any] = {
        "reference": f"re_{uuid4().hex[:26]}",
        "external_payment_id": charge.external_id,
        "amount": amount,
        "currency": charge.currency,
        "reason": "requested_by_customer",
    }
    return RefundRequest(**(fields | changes))
