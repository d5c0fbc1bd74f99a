"""What every processor does for us: the one interface in front of three SDKs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from ballast.processors.base import (
    ActionRequired,
    Capabilities,
    Card,
    Charge,
    ClientConfig,
    Connection,
    Declined,
    Dispute,
    Lookup,
    NotSent,
    Outcome,
    Prepared,
    ProcessorEvent,
    RefundOutcome,
    RefundRequest,
    Removed,
    SaveCard,
    SavedCard,
    Unknown,
)
from ballast.processors.lists import Listed, ListedPayout


class Adapter(Protocol):
    """What every processor can do for us. Stateless but for its connection pool; safe to share between threads.

    Nothing here raises for what a network or a processor can do, but for what says so. Nothing here retries: `billing.processing`
    does, with the same reference.
    """

    capabilities: Capabilities

    def prepare(self, charge: Charge) -> Prepared | Declined | NotSent:
        """Make the charge known without asking the bank, where the processor can."""

    def submit(self, charge: Charge) -> Outcome:
        """Ask the bank."""

    def find(self, lookup: Lookup) -> Outcome:
        """What became of a charge. A read: changes nothing."""

    def cancel(self, lookup: Lookup) -> Outcome:
        """Make sure that a charge cannot happen any more; answers what became of it."""

    def capture(self, lookup: Lookup, amount: int, reference: str, final: bool = True) -> Outcome:
        """Take `amount` minor units of what is held, and let go of the rest; it stays held for more where this is not `final`, which
        is declined without `multiple_captures`."""

    def void(self, lookup: Lookup, reference: str) -> Outcome:
        """Let go of what is held; NotSent says that it is done."""

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Send money back."""

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """What became of a refund."""

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | ActionRequired | Unknown:
        """Keep a card for later charges without its holder."""

    def identify(self, payment_method: str) -> Card | None:
        """What may be shown of the card a browser's token stands for, if the processor tells before it is charged. A read."""

    def forget_card(self, external_id: str) -> Removed | Declined | Unknown:
        """Store a card no more. May be repeated: one that is gone already is removed."""

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Every charge and refund created from `start` up to `end`. Raises UnavailableError."""

    def list_payouts(self, start: datetime, end: datetime) -> Iterator[ListedPayout]:
        """Every payout created from `start` up to `end`; nothing where it does not `tells_payouts`. Raises UnavailableError."""

    def list_disputes(self, start: datetime, end: datetime) -> Iterator[str]:
        """The ids of the disputes opened from `start` up to `end`. Raises UnavailableError."""

    def find_dispute(self, external_id: str) -> Dispute | Unknown:
        """How a dispute stands. `NO_SUCH_DISPUTE` is the reason where the processor answers that it has none of this id."""

    def submit_evidence(self, external_id: str, text: str) -> Dispute | Declined | Unknown:
        """Answer a dispute, for good. May be repeated: what was submitted already stays."""

    def accept_dispute(self, external_id: str) -> Dispute | Declined | Unknown:
        """Give in. May be repeated."""

    def client_config(self, currency: str) -> ClientConfig:
        """What the checkout page needs. Raises UnavailableError."""

    def listen(self, url: str) -> str:
        """Have the processor send its events to `url` and to no other hook of ours; answers the signing secret. Raises
        UnavailableError. Only where it `registers_webhooks`."""

    def answer_challenge(self, challenge: str) -> str:
        """What to answer a processor that asks whether this is the right address. Raises BadSignature."""

    def parse_event(self, raw: bytes, headers: Mapping[str, str], url: str) -> ProcessorEvent:
        """Verify and read an event that came to `url`. Raises BadSignature, UnreadableEvent."""

    def check(self) -> Connection:
        """Whether these credentials open an account."""
