"""Square, through its official SDK.

A charge is one call with our attempt id as its idempotency key and as its `reference_id`. An unknown outcome is resolved by
reading: by the payment's id, or by our reference among the payments of the time when it may have been sent. When given up it is
canceled by its key. Source: developer.squareup.com/docs/payments-api, docs/build-basics/common-api-patterns/idempotency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar
from weakref import finalize

import httpx
from square import Square
from square.core.api_error import ApiError
from square.core.request_options import RequestOptions
from square.requests.money import MoneyParams
from square.types.payment import Payment

from ballast import clock
from ballast.processors.base import (
    Approved,
    Capabilities,
    Charge,
    Credentials,
    Declined,
    Holder,
    Listed,
    Lookup,
    NotSent,
    Outcome,
    Prepared,
    ProcessorEvent,
    RefundOutcome,
    RefundRequest,
    SaveCard,
    SavedCard,
    Unknown,
)
from ballast.processors.square_answers import (
    first_error,
    read_amount,
    read_card,
    read_complaint,
    read_event,
    read_listed,
    read_outcome,
    read_payment,
    read_reason,
    read_reference,
    read_refund,
    read_refusal,
    write_reason,
)

P = ParamSpec("P")
T = TypeVar("T")
API_VERSION: Final = "2025-08-20"
POOL = 32
PAGE = 100
ONCE: RequestOptions = {"max_retries": 0}
# Clocks differ, and a send may follow the commit that announced it after a while.
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=30)
NOTE = 500
LIBRARIES = {
    "https://connect.squareup.com": "https://web.squarecdn.com/v1/square.js",
    "https://connect.squareupsandbox.com": "https://sandbox.web.squarecdn.com/v1/square.js",
}
PRODUCTION = "https://connect.squareup.com"
EVENTS = "payment.created payment.updated refund.created refund.updated dispute.created dispute.state.updated"


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
        tells_every_charge=True,
        absent_after_seconds=60,
        evidence_characters=500,
    )

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._base = credentials.api_base.rstrip("/")
        self._location = dict(credentials.extra).get("location_id") or None
        timeout = httpx.Timeout(credentials.read_timeout, connect=credentials.connect_timeout)
        limits = httpx.Limits(max_connections=POOL, max_keepalive_connections=POOL)
        http = httpx.Client(timeout=timeout, limits=limits, trust_env=False)
        finalize(self, http.close)
        self._client = Square(
            base_url=self._base,
            token=credentials.secret_key,
            version=API_VERSION,
            timeout=timeout,  # type: ignore[arg-type]  # handed on to httpx; a number would be the connect timeout too
            httpx_client=http,
        )
        self._payments = self._client.payments

    def prepare(self, _charge: Charge) -> Prepared:
        """Nothing: at Square a charge begins with the bank."""
        return Prepared(None)

    def submit(self, charge: Charge) -> Outcome:
        """Take the money, or hold it. 3-D Secure has happened in the browser, in the token or in `verification`."""
        try:
            answer = _ask(self._payments.create, **self._creation(charge), request_options=ONCE)
        except ApiError as error:
            return read_refusal(error)
        except httpx.HTTPError as error:
            return Unknown(read_reason(error))
        return read_outcome(answer)

    def find(self, lookup: Lookup) -> Outcome:
        """Read the payment by its id, or look for our reference; not found is absent only when it cannot come any more."""
        try:
            payment = self._fetch(lookup)
        except (ApiError, httpx.HTTPError) as error:
            return Unknown(read_reason(error), lookup.external_id)
        if payment is not None:
            return read_payment(payment)
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
                _ask(self._payments.cancel, lookup.external_id, request_options=ONCE)
            else:
                _ask(self._payments.cancel_by_idempotency_key, idempotency_key=lookup.reference, request_options=ONCE)
        except ApiError as error:
            if isinstance(read_refusal(error), Unknown):
                return Unknown(read_reason(error), lookup.external_id)
        except httpx.HTTPError as error:
            return Unknown(read_reason(error), lookup.external_id)
        return self.find(lookup)

    def void(self, lookup: Lookup, _reference: str) -> Outcome:
        """Let go of what is held. Square has no key for this; a repeated void is told apart by reading."""
        return self.cancel(lookup)

    def capture(self, lookup: Lookup, amount: int, reference: str) -> Outcome:
        """Take `amount` minor units of what is held; the rest is let go. One capture only.

        A part is taken by lowering the payment and completing it. Each step names the version it saw, so that of two captures
        at once only one passes.
        """
        external_id = lookup.external_id
        try:
            payment = self._fetch(lookup)
            if payment is None or payment.status != "APPROVED":
                return self.find(lookup) if payment is None else read_payment(payment)
            external_id = payment.id
            if read_amount(payment.amount_money) != amount:
                payment = _ask(
                    self._payments.update,
                    payment.id,
                    idempotency_key=f"{reference}:{amount}"[-45:],
                    payment={"amount_money": _money(amount, lookup.currency), "version_token": payment.version_token},
                    request_options=ONCE,
                ).payment
            if payment is None or read_amount(payment.amount_money) != amount:
                return Unknown("empty_answer", external_id)
            answer = _ask(
                self._payments.complete, payment.id, version_token=payment.version_token, request_options=ONCE
            )
        except ApiError as error:
            return self._too_late(error, lookup, external_id)
        except httpx.HTTPError as error:
            return Unknown(read_reason(error), external_id)
        return read_outcome(answer, external_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give back part or all of a completed payment. Square keeps no reference of ours; it stands in the reason."""
        try:
            answer = _ask(
                self._client.refunds.refund_payment,
                idempotency_key=request.reference,
                payment_id=request.external_payment_id,
                amount_money=_money(request.amount, request.currency),
                reason=write_reason(request),
                request_options=ONCE,
            )
        except ApiError as error:
            refused = read_refusal(error)
            if isinstance(refused, Unknown):
                return RefundOutcome("unknown", message=refused.reason)
            first = first_error(error)
            return RefundOutcome("failed", message=first.detail if first else None)
        except httpx.HTTPError as error:
            return RefundOutcome("unknown", message=read_reason(error))
        return read_refund(answer.refund)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """Read a refund by its id, or look for our reference in the reasons of the payment's refunds."""
        refunds = self._client.refunds
        try:
            if external_id:
                return read_refund(_ask(refunds.get, external_id, request_options=ONCE).refund)
            payment = _ask(self._payments.get, request.external_payment_id, request_options=ONCE).payment
            if payment is None:
                return RefundOutcome("unknown", message="empty_answer")
            for refund_id in payment.refund_ids or ():
                refund = _ask(refunds.get, refund_id, request_options=ONCE).refund
                if refund is not None and read_reference(refund.reason) == request.reference:
                    return read_refund(refund)
        except (ApiError, httpx.HTTPError) as error:
            return RefundOutcome("unknown", message=read_reason(error))
        return RefundOutcome("absent")

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | Unknown:
        """Keep a card for its customer, who is entered if Square does not know them yet.

        `token` is the browser's, unused, or the id of a payment that was taken with it (a token can be used once only).
        """
        try:
            customer_id = wanted.holder.external_id or self._enter_customer(wanted.holder)
            card = _ask(
                self._client.cards.create,
                idempotency_key=wanted.reference,
                source_id=wanted.token,
                card={
                    "customer_id": customer_id,
                    "reference_id": wanted.reference,
                    **({"cardholder_name": wanted.holder.name[:96]} if wanted.holder.name else {}),
                },
                request_options=ONCE,
            ).card
        except ApiError as error:
            return read_refusal(error)
        except httpx.HTTPError as error:
            return Unknown(read_reason(error))
        if card is None or not card.id or not customer_id:
            return Unknown("empty_answer")
        return SavedCard(card.id, customer_id, read_card(card))

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Yield the charges, then the refunds, created from `start` to `end` (aware). Raises ConnectionError."""
        window: dict[str, Any] = {"begin_time": _instant(start), "end_time": _instant(end), "sort_order": "ASC"}
        window |= {"location_id": self._location, "limit": PAGE, "request_options": ONCE}
        try:
            for payment in self._payments.list(**window):
                yield read_listed("charge", payment)
            for refund in self._client.refunds.list(**window):
                yield read_listed("refund", refund)
        except (ApiError, httpx.HTTPError) as error:
            raise ConnectionError(f"Square did not answer: {read_reason(error)}") from error

    def client_config(self) -> dict[str, str | None]:
        """What the checkout page needs for Square.payments(application_id, location_id)."""
        script = dict(self._credentials.extra).get("script_url") or LIBRARIES.get(self._base)
        return {
            "processor": "square",
            "script": script or f"{self._base}/js/square/v1/square.js",
            "application_id": self._credentials.publishable_key,
            "location_id": self._location,
            "environment": "production" if self._base == PRODUCTION else "sandbox",
        }

    def check(self) -> str | None:
        """None when the credentials work, else a sentence that says what is wrong."""
        sandbox = self._credentials.publishable_key.startswith("sandbox-")
        if sandbox is (self._base == PRODUCTION):
            return "The application ID does not belong to this environment of Square."
        try:
            location = _ask(self._client.locations.get, self._location or "main", request_options=ONCE).location
        except ApiError as error:
            return read_complaint(error, self._location)
        except httpx.HTTPError:
            return f"Square could not be reached at {self._base}."
        if location is None or location.status != "ACTIVE":
            return "Square says that the location is not active."
        if "CREDIT_CARD_PROCESSING" not in (location.capabilities or ()):
            return "Square does not process cards at this location yet; finish the setup in the Square dashboard."
        return None

    def listen(self, url: str) -> str:
        """Have Square send its events to `url` and to no other hook of ours; answers the signature key."""
        subscriptions = self._client.webhooks.subscriptions
        for one in list(subscriptions.list(include_disabled=True, request_options=ONCE)):
            if one.id and "/hooks/square/" in (one.notification_url or ""):
                subscriptions.delete(one.id, request_options=ONCE)
        made = subscriptions.create(
            subscription={
                "name": "Ballast",
                "event_types": EVENTS.split(),
                "notification_url": url,
                "api_version": API_VERSION,
            },
            request_options=ONCE,
        ).subscription
        return str(made.signature_key) if made else ""

    def parse_event(self, raw: bytes, headers: Mapping[str, str], url: str) -> ProcessorEvent:
        """Verify the signature over `url`, exactly as Square knows it, and the raw bytes; read the envelope.

        Square signs no timestamp: a replay is told by the event's id.
        """
        return read_event(raw, headers, url, self._credentials.webhook_secret)

    def _creation(self, charge: Charge) -> dict[str, Any]:
        said: dict[str, Any] = {
            "source_id": charge.payment_method,
            "idempotency_key": charge.reference,
            "reference_id": charge.reference,
            "amount_money": _money(charge.amount, charge.currency),
            "autocomplete": charge.capture,
            "customer_details": {"customer_initiated": not charge.off_session, "seller_keyed_in": False},
        }
        if self._location:
            said["location_id"] = self._location
        if charge.holder and charge.holder.external_id:
            said["customer_id"] = charge.holder.external_id
        if charge.verification:
            said["verification_token"] = charge.verification
        if charge.description:
            said["note"] = charge.description[:NOTE]
        return said

    def _fetch(self, lookup: Lookup) -> Payment | None:
        """The payment, or None where there is none."""
        if lookup.external_id:
            found = _ask(self._payments.get, lookup.external_id, request_options=ONCE).payment
            return found if isinstance(found, Payment) else None
        return self._search(lookup)

    def _search(self, lookup: Lookup) -> Payment | None:
        """The payment with our reference, or None. Square has no search by it; time and amount narrow the list."""
        end = lookup.sent_at + AFTER
        window: dict[str, Any] = {
            "begin_time": _instant(lookup.sent_at - BEFORE),
            "end_time": _instant(end) if end < clock.real_time() else None,
            "location_id": self._location,
            "total": lookup.amount,
        }

        def search() -> list[Payment]:
            listed = self._payments.list(**window, sort_order="ASC", limit=PAGE, request_options=ONCE)
            return [one for one in listed if one.reference_id == lookup.reference]

        return next(iter(_ask(search)), None)

    def _too_late(self, error: ApiError, lookup: Lookup, external_id: str | None) -> Outcome:
        """What became of a payment that Square would not change: done by someone else, or really refused."""
        refused = read_refusal(error, external_id)
        if isinstance(refused, Unknown):
            return refused
        now = self.find(lookup)
        return refused if isinstance(now, Approved) and not now.captured else now

    def _enter_customer(self, holder: Holder) -> str | None:
        said: dict[str, Any] = {"reference_id": holder.reference}
        if holder.email:
            said["email_address"] = holder.email
        if holder.name or not holder.email:
            said["given_name"] = (holder.name or holder.reference)[:300]
        key = f"{holder.reference}:customer"
        made = _ask(self._client.customers.create, idempotency_key=key, **said, request_options=ONCE).customer
        return made.id if made else None


def _ask(call: Callable[P, T], *args: P.args, **said: P.kwargs) -> T:
    """Call the SDK. It trips over an answer of another shape than it knows: that is no answer, whatever Square did."""
    try:
        answer = call(*args, **said)
    except (AttributeError, TypeError, ValueError) as error:
        raise httpx.DecodingError(f"Square's answer could not be read: {error}") from error
    if answer is None:
        raise httpx.DecodingError("Square's answer was null")
    return answer


def _money(amount: int, currency: str) -> MoneyParams:
    return {"amount": amount, "currency": currency.upper()}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
