"""One vocabulary for every processor: what we ask, and the four outcomes we get.

A call takes frozen data, never a model. An outcome is approved, declined, action required or unknown; a timeout, a dropped
connection or a 5xx is unknown, never declined. `NotSent` is the fifth thing that can be learned afterwards: nothing was charged and
nothing will be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal


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
class Holder:
    """Whose card it is. `reference` is our customer id, `external_id` the processor's, once it has one."""

    reference: str
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    external_id: str | None = None


@dataclass(frozen=True)
class Charge:
    """One attempt to collect. `reference` is our attempt id and the idempotency key; `amount` is minor units.

    `payment_method` is the browser's one-time token, or the processor's token of a stored card, whose `holder` then has an external
    id. `save`: store the card for its holder if the charge is approved. `verification`: what 3-D Secure before the charge came to.
    `device_data`: what the processor's library says of the buyer's device, where it collects that. `one_time`: the token comes from a
    browser we do not know, so it must be one that was just made there; the token of a stored card is refused.
    """

    reference: str
    payment_id: str
    amount: int
    currency: str
    payment_method: str = field(repr=False)
    capture: bool
    off_session: bool
    description: str | None = None
    return_url: str | None = None
    external_id: str | None = None
    holder: Holder | None = None
    save: bool = False
    verification: str | None = field(default=None, repr=False)
    series: Literal["recurring", "installment", "unscheduled"] | None = None
    first_of_series: bool = False
    device_data: str | None = field(default=None, repr=False)
    one_time: bool = False


@dataclass(frozen=True)
class Lookup:
    """How to ask after a charge: by the processor's id if we have it, else by our reference.

    `sent_at` is the last moment at which it may have been sent: nothing goes out after it (see `sending`). `is_whole`: it was to be
    taken at once, so its amount cannot have become less by a capture.
    """

    reference: str
    external_id: str | None
    amount: int
    currency: str
    sent_at: datetime
    is_whole: bool = False


@dataclass(frozen=True)
class Capabilities:
    """What a processor can do; declared, not discovered by exceptions.

    `prepares`: the charge exists before the bank is asked. `challenge`: where 3-D Secure happens, inside the charge or before it.
    `saves`: a card is stored with the charge itself, or by `save_card` from a charge that was approved.
    `registers_webhooks`: `listen` can tell the processor where we listen. `tells_every_charge`: there is an event for each.
    `asks_for_page`: `client_config` calls the processor; else it answers from the credentials.
    `tells_fees`: a list of charges says what each cost. `tells_payouts`: the processor lists what it sent to the bank.
    `absent_after_seconds`: how long after sending a charge must be missing before it may be called absent.
    `authorization_days`: how long what is held can be captured.
    `evidence_characters`: the longest text a dispute is answered with.
    """

    prepares: bool
    challenge: Literal["inside", "before"]
    saves: Literal["with_charge", "after_charge"]
    multiple_captures: bool
    idempotent_void: bool
    refund_waits_for_settlement: bool
    registers_webhooks: bool
    asks_for_page: bool
    tells_every_charge: bool
    tells_fees: bool
    tells_payouts: bool
    absent_after_seconds: int
    authorization_days: int
    evidence_characters: int


@dataclass(frozen=True)
class SaveCard:
    """Keep a card for later. `reference` is ours and the idempotency key.

    `token` is the browser's one-time token, or where a processor `saves` after the charge, the id of an approved charge.
    """

    reference: str
    token: str = field(repr=False)
    holder: Holder


@dataclass(frozen=True)
class SavedCard:
    """A card at the processor: its token there, and the processor's customer."""

    external_id: str
    customer_external_id: str
    card: Card


@dataclass(frozen=True)
class Removed:
    """The processor stores the card no more, or never did."""


DisputeStatus = Literal["warning", "needs_response", "under_review", "won", "lost", "accepted"]


@dataclass(frozen=True)
class DisputeFee:
    """What a processor has charged for a dispute, in the currency it settles in; below nothing where it gave it back. Minor units.

    `external_id`: of the movement on the processor's account of ours, told once.
    """

    external_id: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Dispute:
    """A charge its holder contests. `amount` is minor units; `reason` is the processor's own word, in lower case.

    `warning`: an inquiry before any money moved. `is_inquiry`: it is one in any status, answered or ended, and has taken nothing.
    `due_at`: until when evidence may be submitted, UTC. `fees`: as far as the processor tells them.
    """

    external_id: str
    charge_external_id: str | None
    amount: int
    currency: str
    reason: str
    status: DisputeStatus
    due_at: datetime | None
    created_at: datetime
    is_inquiry: bool = False
    fees: tuple[DisputeFee, ...] = ()


@dataclass(frozen=True)
class ClientConfig:
    """What the checkout page needs of a processor: scripts in their order, public values, and the origins its policy must allow.

    `values` become data attributes of the card field (`publishable_key`, `client_token`, `application_id`, `location_id`, …).
    `csp` maps a directive (`script-src`, `frame-src`, `connect-src`, `style-src`, `img-src`, `font-src`, `form-action`) to what it
    adds.
    """

    processor: str
    scripts: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    csp: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Connection:
    """What a test of the credentials found: a sentence that says what is wrong, or None and the account they open.

    `field`: which of the account's fields is wrong, as far as the processor tells (`secret_key`, `location_id`, …). `reason`: one word
    when it gave no answer at all. `currencies`: which the account takes, empty where it is not bound to any.
    """

    problem: str | None
    external_account: str = ""
    name: str = ""
    currencies: tuple[str, ...] = ()
    field: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Card:
    """What may be shown of a card."""

    brand: str | None
    last4: str | None
    exp_month: int | None = None
    exp_year: int | None = None


@dataclass(frozen=True)
class Prepared:
    """Nothing has been asked of the bank. The processor knows the charge by `external_id` already, where it `prepares`."""

    external_id: str | None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Approved:
    """The bank said yes. `captured` is minor units, 0 for an authorization that waits for its capture.

    `saved`: the card as it was stored, where that was asked for and the processor `saves` with the charge. A charge that is found may
    tell a card that was stored before it: Braintree does not say which came first.
    """

    external_id: str
    captured: int
    card: Card
    saved: SavedCard | None = None


@dataclass(frozen=True)
class Declined:
    """The bank or the processor said no; nothing was charged. `decline_class`: see processors.declines."""

    decline_class: str
    code: str
    message: str
    external_id: str | None = None
    card: Card | None = None


# What a capture that is not the last comes to where there are no `multiple_captures`.
ONE_CAPTURE_ONLY: Final = Declined("configuration", "one_capture_only", "This processor takes one capture only.")


@dataclass(frozen=True)
class ActionRequired:
    """The shopper must confirm with the bank: at `redirect_url`, or in the page with `client_secret`."""

    external_id: str
    redirect_url: str | None = field(repr=False)
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True)
class Unknown:
    """Nobody knows yet. `reason` is one word for the operator's queue; `retry_after` what the processor asked to wait, in seconds."""

    reason: str
    external_id: str | None = None
    retry_after: float | None = None


# Why nobody knows how a dispute stands: the processor has none of this id.
NO_SUCH_DISPUTE: Final = "no_such_dispute"


@dataclass(frozen=True)
class NotSent:
    """Nothing was charged and nothing will be: the attempt never reached the bank, or was canceled at the processor."""

    reason: str
    external_id: str | None = None
    retry_after: float | None = None


Outcome = Approved | Declined | ActionRequired | Unknown | NotSent


@dataclass(frozen=True)
class RefundRequest:
    """Money back. `reference` is our refund id and the idempotency key; `amount` is minor units.

    `sent_at` is the last moment at which it may have been sent before, None when it never was.
    """

    reference: str
    external_payment_id: str
    amount: int
    currency: str
    reason: str | None
    sent_at: datetime | None = None


@dataclass(frozen=True)
class RefundOutcome:
    """`status`: succeeded, processing, failed, unknown, absent (the processor has no such refund), or pending_settlement."""

    status: str
    external_id: str | None = None
    message: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True)
class ProcessorEvent:
    """An event as the processor sent it, its signature checked. A hint where to look, never a fact.

    `subject_id` is the processor's id of the charge it is about, `reference` our own id of it where the event carries that,
    `dispute_id` the processor's id of a dispute. `about`: `charge_paid` tells that money was taken or held.
    """

    external_id: str
    type: str
    subject_id: str | None
    about: Literal["charge", "charge_paid", "refund", "dispute", "other"] = "other"
    reference: str | None = None
    dispute_id: str | None = None


class BadSignature(Exception):
    """The event was not signed by the processor, or too long ago."""


class UnreadableEvent(Exception):
    """The event is signed by the processor, and nothing that can be read and kept."""


class UnavailableError(Exception):
    """The processor gives no answer to a question that changes nothing. `reason` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
