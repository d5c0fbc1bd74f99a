"""A Stripe account of each test's own at the sandbox, and the adapter that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import requests

from ballast.clock import real_time
from ballast.processors.base import Approved, Charge, Credentials, Lookup, Outcome, Prepared
from ballast.processors.stripe import StripeAdapter

WEBHOOK_SECRET = "whsec_of_the_adapter_tests"


def make_credentials(base: str, **changes: object) -> Credentials:
    """Credentials for the server at `base`."""
    fields: dict[str, object] = {
        "processor": "stripe",
        "secret_key": f"sk_test_{uuid4().hex}",
        "publishable_key": "pk_test_adapter",
        "webhook_secret": WEBHOOK_SECRET,
        "api_base": base,
        "connect_timeout": 1.0,
        "read_timeout": 1.0,
    }
    return Credentials(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def credentials(sandbox_url: str) -> Credentials:
    return make_credentials(sandbox_url)


@pytest.fixture
def adapter(credentials: Credentials) -> StripeAdapter:
    return StripeAdapter(credentials)


@pytest.fixture
def fault(sandbox_url: str) -> Iterator[Callable[..., None]]:
    """Have the sandbox misbehave until the test ends."""

    def set_fault(**rule: object) -> None:
        wanted = {"processor": "stripe", **rule}
        requests.post(f"{sandbox_url}/_sandbox/faults", json=wanted, timeout=5).raise_for_status()

    requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=5)
    yield set_fault
    requests.delete(f"{sandbox_url}/_sandbox/faults", timeout=5)


def make_charge(payment_method: str = "pm_card_visa", **changes: object) -> Charge:
    """An attempt at $20.00."""
    fields: dict[str, object] = {
        "reference": f"att_{uuid4().hex}",
        "payment_id": "pay_1",
        "amount": 2000,
        "currency": "USD",
        "payment_method": payment_method,
        "capture": True,
        "off_session": False,
    }
    return Charge(**(fields | changes))  # type: ignore[arg-type]


def prepare(adapter: StripeAdapter, charge: Charge) -> Charge:
    """The charge, known to the processor."""
    prepared = adapter.prepare(charge)
    assert isinstance(prepared, Prepared)
    return Charge(**{**vars(charge), "external_id": prepared.external_id})


def pay(adapter: StripeAdapter, payment_method: str = "pm_card_visa", **changes: object) -> tuple[Charge, Outcome]:
    """Prepare and submit."""
    charge = prepare(adapter, make_charge(payment_method, **changes))
    return charge, adapter.submit(charge)


def approved(adapter: StripeAdapter, payment_method: str = "pm_card_visa", **changes: object) -> Charge:
    """A charge that went through."""
    charge, outcome = pay(adapter, payment_method, **changes)
    assert isinstance(outcome, Approved), outcome
    return charge


def look(charge: Charge) -> Lookup:
    """How the resolver asks after a charge that may have been sent just now."""
    return Lookup(charge.reference, charge.external_id, charge.amount, charge.currency, real_time())
