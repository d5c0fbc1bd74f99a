"""One vocabulary for every processor: what we ask, and the four outcomes we get.

A call takes frozen data, never a model. An outcome is approved, declined, action required or unknown; a timeout, a dropped
connection or a 5xx is unknown, never declined. `NotSent` is the fifth thing that can be learned afterwards: nothing was charged and
nothing will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True)
class Credentials:
    """How to reach one processor account. `secret` values never reach a log: repr hides them."""

    processor: str
    secret_key: str = field(repr=False)
    publishable_key: str
    webhook_secret: str = field(repr=False)
    api_base: str
    connect_timeout: float
    read_timeout: float
    extra: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Charge:
    """One attempt to collect. `reference` is our attempt id and the idempotency key; `amount` is minor units."""

    reference: str
    payment_id: str
    amount: int
    currency: str
    payment_method: str
    capture: bool
    off_session: bool
    description: str | None = None
    return_url: str | None = None
    external_id: str | None = None
    customer_external_id: str | None = None
    verification: str | None = field(default=None, repr=False)
    series: Literal["recurring", "installment", "unscheduled"] | None = None
    first_of_series: bool = False


@dataclass(frozen=True)
class Lookup:
    """How to ask after a charge: by the processor's id if we have it, else by our reference. `sent_at`: when it may have been sent."""

    reference: str
    external_id: str | None
    amount: int
    currency: str
    sent_at: datetime


@dataclass(frozen=True)
class Capabilities:
    """What a processor can do; declared, not discovered by exceptions.

    `prepares`: the charge exists before the bank is asked. `challenge`: where 3-D Secure happens, inside the charge or before it.
    `absent_after_seconds`: how long after sending a charge must be missing before it may be called absent.
    """

    prepares: bool
    challenge: Literal["inside", "before"]
    multiple_captures: bool
    idempotent_void: bool
    refund_waits_for_settlement: bool
    absent_after_seconds: int


@dataclass(frozen=True)
class SaveCard:
    """Keep a card for later. `token` is the browser's one-time token; `reference` is ours and the idempotency key."""

    reference: str
    token: str = field(repr=False)
    customer_reference: str
    email: str | None
    name: str | None
    customer_external_id: str | None = None


@dataclass(frozen=True)
class SavedCard:
    """A card at the processor: its token there, and the processor's customer."""

    external_id: str
    customer_external_id: str
    card: Card


@dataclass(frozen=True)
class Listed:
    """A charge or refund in a window of time, as the processor lists it. `amount` is minor units."""

    kind: Literal["charge", "refund"]
    external_id: str
    reference: str | None
    amount: int
    currency: str
    status: str
    created_at: datetime


@dataclass(frozen=True)
class Card:
    """What may be shown of a card."""

    brand: str | None
    last4: str | None
    exp_month: int | None = None
    exp_year: int | None = None


@dataclass(frozen=True)
class Prepared:
    """The processor knows the charge by `external_id`; nothing has been asked of the bank."""

    external_id: str
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True)
class Approved:
    """The bank said yes. `captured` is minor units, 0 for an authorization that waits for its capture."""

    external_id: str
    captured: int
    card: Card


@dataclass(frozen=True)
class Declined:
    """The bank or the processor said no; nothing was charged. `decline_class`: see processors.declines."""

    decline_class: str
    code: str
    message: str
    external_id: str | None = None
    card: Card | None = None


@dataclass(frozen=True)
class ActionRequired:
    """The shopper must confirm with the bank: at `redirect_url`, or in the page with `client_secret`."""

    external_id: str
    redirect_url: str | None = field(repr=False)
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True)
class Unknown:
    """Nobody knows yet. `reason` is one word for the operator's queue."""

    reason: str
    external_id: str | None = None


@dataclass(frozen=True)
class NotSent:
    """Nothing was charged and nothing will be: the attempt never reached the bank, or was canceled at the processor."""

    reason: str
    external_id: str | None = None


Outcome = Approved | Declined | ActionRequired | Unknown | NotSent


@dataclass(frozen=True)
class RefundRequest:
    """Money back. `reference` is our refund id and the idempotency key; `amount` is minor units."""

    reference: str
    external_payment_id: str
    amount: int
    currency: str
    reason: str | None


@dataclass(frozen=True)
class RefundOutcome:
    """`status`: succeeded, processing, failed, unknown, absent (the processor has no such refund), or waiting_for_settlement."""

    status: str
    external_id: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class ProcessorEvent:
    """An event as the processor sent it, its signature checked. `subject_id` is the processor's id of what it is about."""

    external_id: str
    type: str
    subject_id: str | None


class BadSignature(Exception):
    """The event was not signed by the processor, or too long ago."""


class Adapter(Protocol):
    """What every processor can do for us. Stateless but for its connection pool; safe to share between threads."""

    def prepare(self, charge: Charge) -> Prepared | Declined | NotSent:
        """Make the charge known without asking the bank."""

    def submit(self, charge: Charge) -> Outcome:
        """Ask the bank. Never raises for what a network or a processor can do."""

    def find(self, external_id: str) -> Outcome:
        """What became of a charge. A read: changes nothing."""

    def cancel(self, external_id: str, reference: str) -> Outcome:
        """Make sure that a charge cannot happen any more; answers what became of it."""

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Send money back."""

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """What became of a refund."""

    def parse_event(self, raw: bytes, headers: Mapping[str, str]) -> ProcessorEvent:
        """Verify and read an event. Raises BadSignature."""
