"""Square, through its official SDK.

A charge is one call with our attempt id as its idempotency key and as its `reference_id`. An unknown outcome is resolved by
reading: by the payment's id, or by our reference among the payments of the time when it may have been sent. When given up it is
canceled by its key. Source: developer.squareup.com/docs/payments-api, docs/build-basics/common-api-patterns/idempotency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, Final
from weakref import finalize

from square.core.api_error import ApiError
from square.types.payment import Payment

from ballast import clock
from ballast.processors import square_answers as answers
from ballast.processors import square_cards as cards
from ballast.processors import square_disputes as disputes
from ballast.processors import square_events as events
from ballast.processors import square_lists as lists
from ballast.processors.base import (
    ONE_CAPTURE_ONLY,
    Approved,
    BadSignature,
    Capabilities,
    Card,
    Charge,
    ClientConfig,
    Connection,
    Credentials,
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
    UnavailableError,
    Unknown,
)
from ballast.processors.declines import NOT_NEW
from ballast.processors.lists import Listed, ListedPayout
from ballast.processors.sending import TooLateError
from ballast.processors.square_answers import FAILURES
from ballast.processors.square_client import API_VERSION, ONCE, ask, instant, make_client, money_of
from ballast.processors.square_page import LIBRARIES, PRODUCTION
from ballast.processors.square_page import policy as policy_of
from ballast.processors.urls import is_hook_of_ours, local_policy

PAGE = 100
# Where a payment whose id we lost may lie: made before the last moment at which it may have been sent, by clocks that differ.
BEFORE, AFTER = timedelta(minutes=60), timedelta(minutes=5)
# The same for one whose amount somebody has changed meanwhile, which nothing but time narrows: a busy hour has a hundred pages.
NEARLY = timedelta(minutes=3)
NOTE = 500
# Tokens of the browser: of a card, and of a wallet. A stored card's is `ccof:…`, or has no prefix at all.
ONE_TIME: Final = ("cnon:", "wnon:")
EVENTS = "payment.created payment.updated refund.created refund.updated dispute.created dispute.state.updated"


# For cards that are not present; Square cancels by itself then. Source: developer.squareup.com (delay_duration).
AUTHORIZATION_DAYS: Final = 7


class SquareAdapter:
    """One Square account at one location. Holds one SDK client and one connection pool; shared by all threads of a process.

    `secret_key` is the access token, `publishable_key` the application id, `webhook_secret` the subscription's signature key;
    `extra` holds `location_id`, without which Square means the main location.
    """

    capabilities = Capabilities(
        prepares=False,
        challenge="before",
        saves="after_charge",
        multiple_captures=False,
        idempotent_void=False,
        refund_waits_for_settlement=False,
        registers_webhooks=True,
        asks_for_page=False,
        tells_every_charge=True,
        tells_fees=True,
        tells_payouts=True,
        absent_after_seconds=60,
        authorization_days=AUTHORIZATION_DAYS,
        evidence_characters=disputes.EVIDENCE_CHARACTERS,
    )

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._base = credentials.api_base.rstrip("/")
        self._location = dict(credentials.extra).get("location_id") or None
        self._client, http = make_client(credentials)
        finalize(self, http.close)
        self._payments = self._client.payments

    def prepare(self, _charge: Charge) -> Prepared:
        """Nothing: at Square a charge begins with the bank."""
        return Prepared(None)

    def submit(self, charge: Charge) -> Outcome:
        """Take the money, or hold it. 3-D Secure has happened in the browser, in the token or in `verification`."""
        if charge.one_time and not charge.payment_method.startswith(ONE_TIME):
            return Declined("hard", "card_not_new", NOT_NEW)
        try:
            answer = ask(self._payments.create, **self._creation(charge), request_options=ONCE)
        except TooLateError:
            return NotSent("too_late")
        except FAILURES as error:
            return answers.read_failure(error)
        return answers.read_outcome(answer)

    def find(self, lookup: Lookup) -> Outcome:
        """Read the payment by its id, or look for our reference; not found is absent only when it cannot come any more."""
        try:
            payment = self._fetch(lookup)
        except FAILURES as error:
            return answers.unknown(error, lookup.external_id)
        if payment is not None:
            return answers.read_payment(payment)
        if lookup.external_id:
            return Unknown("empty_answer", lookup.external_id)
        patience = timedelta(seconds=self.capabilities.absent_after_seconds)
        absent = clock.real_time() - lookup.sent_at > patience
        return NotSent("absent") if absent else Unknown("not_found_yet")

    def cancel(self, lookup: Lookup) -> Outcome:
        """Cancel by the payment's id or by our key; when that is too late, say what became of it.

        A key that Square does not know is answered like one it canceled, and the charge could still be on its way: so the
        answer is what reading tells, which calls nothing absent too early.
        """
        try:
            if lookup.external_id:
                ask(self._payments.cancel, lookup.external_id, request_options=ONCE)
            else:
                ask(self._payments.cancel_by_idempotency_key, idempotency_key=lookup.reference, request_options=ONCE)
        except FAILURES as error:
            failure = answers.read_failure(error, lookup.external_id)
            if isinstance(failure, Unknown):
                return failure
        return self.find(lookup)

    def void(self, lookup: Lookup, _reference: str) -> Outcome:
        """Let go of what is held. Square has no key for this; a repeated void is told apart by reading."""
        return self.cancel(lookup)

    def capture(self, lookup: Lookup, amount: int, reference: str, final: bool = True) -> Outcome:
        """Take `amount` minor units of what is held; the rest is let go. One capture only.

        A part is taken by lowering the payment and completing it. Each step names the version it saw, so that of two captures
        at once only one passes.
        """
        if not final:
            return ONE_CAPTURE_ONLY
        external_id = lookup.external_id
        try:
            payment = self._fetch(lookup)
            if payment is None or payment.status != "APPROVED":
                return self.find(lookup) if payment is None else answers.read_payment(payment)
            external_id = payment.id
            if answers.read_amount(payment.amount_money) != amount:
                payment = ask(
                    self._payments.update,
                    payment.id,
                    idempotency_key=f"{reference}:{amount}"[-45:],
                    payment={"amount_money": money_of(amount, lookup.currency), "version_token": payment.version_token},
                    request_options=ONCE,
                ).payment
            if payment is None or answers.read_amount(payment.amount_money) != amount:
                return Unknown("empty_answer", external_id)
            answer = ask(self._payments.complete, payment.id, version_token=payment.version_token, request_options=ONCE)
        except FAILURES as error:
            return self._unchanged(error, lookup, external_id)
        return answers.read_outcome(answer, external_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give back part or all of a completed payment. Square keeps no reference of ours; it stands in the reason."""
        try:
            answer = ask(
                self._client.refunds.refund_payment,
                idempotency_key=request.reference,
                payment_id=request.external_payment_id,
                amount_money=money_of(request.amount, request.currency),
                reason=answers.write_reason(request),
                request_options=ONCE,
            )
        except FAILURES as error:
            failure = answers.read_failure(error)
            if isinstance(failure, Unknown):
                return RefundOutcome("unknown", message=failure.reason, retry_after=failure.retry_after)
            first = answers.first_error(error) if isinstance(error, ApiError) else None
            return RefundOutcome("failed", message=first.detail if first else None)
        return answers.read_refund(answer.refund)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """Read a refund by its id, or look for our reference in the reasons of the payment's refunds."""
        refunds = self._client.refunds
        try:
            if external_id:
                return answers.read_refund(ask(refunds.get, external_id, request_options=ONCE).refund)
            payment = ask(self._payments.get, request.external_payment_id, request_options=ONCE).payment
            if payment is None:
                return RefundOutcome("unknown", message="empty_answer")
            for refund_id in payment.refund_ids or ():
                refund = ask(refunds.get, refund_id, request_options=ONCE).refund
                if refund is not None and answers.read_reference(refund.reason) == request.reference:
                    return answers.read_refund(refund)
        except FAILURES as error:
            return answers.unrefunded(error)
        return RefundOutcome("absent")

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | Unknown:
        """Keep a card: the browser's token, unused, or that of an approved charge."""
        return cards.save_card(self._client, wanted)

    def identify(self, _payment_method: str) -> Card | None:
        """Square tells nothing of a token before it is charged."""
        return None

    def forget_card(self, external_id: str) -> Removed | Declined | Unknown:
        """Store a card no more; may be repeated."""
        return cards.forget_card(self._client, external_id)

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Yield the charges, then the refunds, created from `start` up to `end` (aware). Raises UnavailableError."""
        window: dict[str, Any] = {"begin_time": instant(start), "end_time": instant(end), "sort_order": "ASC"}
        window |= {"location_id": self._location, "limit": PAGE, "request_options": ONCE}
        try:
            charges = (answers.read_listed("charge", one) for one in ask(self._payments.list, **window))
            refunds = (answers.read_listed("refund", one) for one in ask(self._client.refunds.list, **window))
            yield from (line for line in chain(charges, refunds) if start <= line.created_at < end)
        except FAILURES as error:
            raise UnavailableError(answers.read_reason(error)) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise UnavailableError("unreadable_answer") from error

    def list_payouts(self, start: datetime, end: datetime) -> Iterator[ListedPayout]:
        """Yield the payouts created from `start` up to `end` (aware). Raises UnavailableError."""
        return lists.list_payouts(self._client, self._location, start, end)

    def list_disputes(self, start: datetime, end: datetime) -> Iterator[str]:
        """Yield the ids of the disputes opened from `start` up to `end` (aware). Raises UnavailableError."""
        return lists.list_disputes(self._client, self._location, start, end)

    def find_dispute(self, external_id: str) -> Dispute | Unknown:
        """How a dispute stands."""
        return disputes.find_dispute(self._client, external_id)

    def submit_evidence(self, external_id: str, text: str) -> Dispute | Declined | Unknown:
        """Answer a dispute, for good."""
        return disputes.submit_evidence(self._client, external_id, text)

    def accept_dispute(self, external_id: str) -> Dispute | Declined | Unknown:
        """Give in."""
        return disputes.accept_dispute(self._client, external_id)

    def client_config(self, _currency: str) -> ClientConfig:
        """What the checkout page needs for Square.payments(application_id, location_id)."""
        given = dict(self._credentials.extra).get("script_url")
        script = given or LIBRARIES.get(self._base) or f"{self._base}/js/square/v1/square.js"
        values = (("application_id", self._credentials.publishable_key), ("location_id", self._location or ""))
        policy = policy_of(self._base) if self._base in LIBRARIES else local_policy(script, self._base)
        return ClientConfig("square", (script,), values, policy)

    def check(self) -> Connection:
        """Whether the credentials open a location that takes cards; the location is the account."""
        sandbox = self._credentials.publishable_key.startswith("sandbox-")
        if sandbox is (self._base == PRODUCTION):
            said = "The application ID does not belong to this environment of Square."
            return Connection(said, field="publishable_key")
        try:
            location = ask(self._client.locations.get, self._location or "main", request_options=ONCE).location
        except ApiError as error:
            return answers.read_complaint(error, self._location)
        except FAILURES as error:
            return Connection(f"Square could not be reached at {self._base}.", reason=answers.read_reason(error))
        if location is None or location.status != "ACTIVE":
            return Connection("Square says that the location is not active.", field="location_id")
        if "CREDIT_CARD_PROCESSING" not in (location.capabilities or ()):
            said = "Square does not process cards at this location yet; finish the setup in the Square dashboard."
            return Connection(said, field="location_id")
        currencies = (str(location.currency),) if location.currency else ()
        return Connection(None, location.id or "", location.business_name or location.name or "", currencies=currencies)

    def listen(self, url: str) -> str:
        """Have Square send its events to `url` and to no other hook of ours; answers the signature key. Raises UnavailableError."""
        subscriptions = self._client.webhooks.subscriptions
        wanted: Any = {
            "name": "Ballast",
            "event_types": EVENTS.split(),
            "notification_url": url,
            "api_version": API_VERSION,
        }
        try:
            made = ask(subscriptions.create, subscription=wanted, request_options=ONCE).subscription
            for one in list(ask(subscriptions.list, include_disabled=True, request_options=ONCE)):
                is_ours = is_hook_of_ours(one.notification_url or "", url)
                if one.id and is_ours and (made is None or one.id != made.id):
                    ask(subscriptions.delete, one.id, request_options=ONCE)
        except FAILURES as error:
            raise UnavailableError(answers.read_reason(error)) from error
        if made is None or not made.signature_key:
            raise UnavailableError("empty_answer")
        return str(made.signature_key)

    def answer_challenge(self, _challenge: str) -> str:
        """Square has none. Raises BadSignature."""
        raise BadSignature("Square asks no challenge")

    def parse_event(self, raw: bytes, headers: Mapping[str, str], url: str) -> ProcessorEvent:
        """Verify the signature over `url`, exactly as Square knows it, and the raw bytes; read the envelope. Raises BadSignature.

        Square signs no timestamp: a replay is told by the event's id.
        """
        return events.read_event(raw, headers, url, self._credentials.webhook_secret)

    def _creation(self, charge: Charge) -> dict[str, Any]:
        said: dict[str, Any] = {
            "source_id": charge.payment_method,
            "idempotency_key": charge.reference,
            "reference_id": charge.reference,
            "amount_money": money_of(charge.amount, charge.currency),
            "autocomplete": charge.capture,
            "customer_details": {"customer_initiated": not charge.off_session, "seller_keyed_in": False},
        }
        if self._location:
            said["location_id"] = self._location
        if charge.holder and charge.holder.external_id and not charge.one_time:
            said["customer_id"] = charge.holder.external_id
        if charge.verification:
            said["verification_token"] = charge.verification
        if charge.description:
            said["note"] = charge.description[:NOTE]
        return said

    def _fetch(self, lookup: Lookup) -> Payment | None:
        """The payment, or None where there is none."""
        if lookup.external_id:
            found = ask(self._payments.get, lookup.external_id, request_options=ONCE).payment
            return found if isinstance(found, Payment) else None
        return self._search(lookup)

    def _search(self, lookup: Lookup) -> Payment | None:
        """The payment with our reference, or None. Square has no search by it; time and amount narrow the list.

        The amount of what was only held may have become less by a capture, so it is looked for once more without it.
        """

        def search(total: int | None, begin: datetime, end: datetime) -> list[Payment]:
            listed = self._payments.list(
                begin_time=instant(begin),
                end_time=instant(end) if end < clock.real_time() else None,
                location_id=self._location,
                total=total,
                sort_order="ASC",
                limit=PAGE,
                request_options=ONCE,
            )
            return list(islice((one for one in listed if one.reference_id == lookup.reference), 1))

        sent = lookup.sent_at
        found = ask(search, lookup.amount, sent - BEFORE, sent + AFTER)
        if not found and not lookup.is_whole:
            found = ask(search, None, sent - NEARLY, sent + NEARLY / 3)
        return found[0] if found else None

    def _unchanged(self, error: answers.Failure, lookup: Lookup, external_id: str | None) -> Outcome:
        """What became of a payment that Square would not change: done by someone else, or really refused."""
        refused = answers.read_failure(error, external_id)
        if isinstance(refused, Unknown):
            return refused
        now = self.find(lookup)
        return refused if isinstance(now, Approved) and not now.captured else now
