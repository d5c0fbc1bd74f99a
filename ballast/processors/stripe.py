"""Stripe, through its official SDK.

A PaymentIntent is created unconfirmed, its id is committed by the caller, and only then confirmed; an unknown outcome is resolved by
reading it, never by replaying (Stripe stores and replays a 500, and keys lapse). Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus

import stripe

from ballast.clock import real_time
from ballast.processors import stripe_answers as answers
from ballast.processors import stripe_cards as cards
from ballast.processors import stripe_disputes as disputes
from ballast.processors import stripe_events as events
from ballast.processors.base import (
    ONE_CAPTURE_ONLY,
    ActionRequired,
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
from ballast.processors.stripe_answers import ATTEMPT, FAILURES, PAYMENT, REFUND
from ballast.processors.stripe_cards import WITH_CARD
from ballast.processors.stripe_client import make_client
from ballast.processors.urls import is_hook_of_ours, local_policy

REFUND_REASONS = {"duplicate", "fraudulent", "requested_by_customer"}
# Where an intent whose id we lost may lie: made before the last moment at which it may have been sent, by clocks that differ.
BEFORE, AFTER = timedelta(minutes=60), timedelta(minutes=5)
API: Final = "https://api.stripe.com"
LIBRARY: Final = "https://js.stripe.com/endive/stripe.js"
# Source: docs.stripe.com/security/guide#content-security-policy.
POLICY: Final = (
    ("script-src", ("https://js.stripe.com", "https://*.js.stripe.com")),
    ("frame-src", ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com")),
    ("connect-src", (API,)),
)

WITH_FEE: Final = {"expand": ["data.balance_transaction"]}

# Stripe counts these in other minor units than ISO 4217 does (docs.stripe.com/currencies, special cases). Refused rather than
# charged a hundred times too much or too little.
OTHER_MINOR_UNITS = frozenset({"ISK", "MGA", "UGX"})


# On cards, unless the network grants longer. Source: docs.stripe.com/payments/place-a-hold-on-a-payment-method.
AUTHORIZATION_DAYS: Final = 7


class StripeAdapter:
    """One Stripe account. Holds one SDK client and one connection pool; shared by all threads of a process.

    `extra` may hold `js_url`, where the browser library lies.
    """

    capabilities = Capabilities(
        prepares=True,
        challenge="inside",
        saves="with_charge",
        multiple_captures=False,
        idempotent_void=True,
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
        self._client = make_client(credentials)
        self._intents = self._client.v1.payment_intents
        self._refunds = self._client.v1.refunds

    def prepare(self, charge: Charge) -> Prepared | Declined | NotSent:
        """Create the PaymentIntent, unconfirmed: whatever happens to the answer, nothing is charged."""
        if charge.currency in OTHER_MINOR_UNITS:
            return Declined(
                "configuration", "currency_unsupported", f"We don't take {charge.currency} through Stripe yet."
            )
        try:
            if charge.one_time and charge.save and not cards.is_new(self._client, charge.payment_method):
                return Declined("hard", "card_not_new", NOT_NEW)
            customer = cards.customer_for(self._client, charge)
            intent = self._post("/v1/payment_intents", _creation(charge, customer), f"{charge.reference}:create")
        except FAILURES as error:
            return answers.refused(error) or answers.not_sent(error)
        return Prepared(intent.id, intent.client_secret)

    def submit(self, charge: Charge) -> Outcome:
        """Confirm the prepared PaymentIntent."""
        assert charge.external_id, "prepare() comes first"
        params: dict[str, Any] = {"payment_method": charge.payment_method, "expand": WITH_CARD}
        if charge.off_session:
            params["off_session"] = True
        elif charge.return_url:
            params["return_url"] = charge.return_url
        try:
            path = f"/v1/payment_intents/{quote_plus(charge.external_id)}/confirm"
            intent = self._post(path, params, f"{charge.reference}:confirm")
        except FAILURES as error:
            return answers.unsubmitted(error, charge.external_id)
        return answers.outcome_of(intent)

    def _post(self, path: str, params: dict[str, Any], key: str) -> answers.Seen:
        """What the two calls of every charge say, past the SDK's objects: those are a third of a call's CPU, for a few fields."""
        said = self._client.raw_request("post", path, idempotency_key=key, **params)
        return answers.Seen(said.data)

    def find(self, lookup: Lookup) -> Outcome:
        """Read the PaymentIntent, or look for our reference; one whose id we never learned was never confirmed."""
        try:
            external_id = lookup.external_id or self._search(lookup)
            if external_id is None:
                patience = timedelta(seconds=self.capabilities.absent_after_seconds)
                is_over = real_time() - lookup.sent_at > patience
                return NotSent("absent") if is_over else Unknown("not_found_yet")
            return answers.outcome_of(self._intents.retrieve(external_id, {"expand": WITH_CARD}))
        except FAILURES as error:
            return answers.unknown(error, lookup.external_id)

    def cancel(self, lookup: Lookup) -> Outcome:
        """Cancel the PaymentIntent; when that is too late, say what became of it.

        Without a key of ours: canceling twice is harmless, and under one key Stripe would answer a stored 500 for a day.
        """
        try:
            external_id = lookup.external_id or self._search(lookup)
            if external_id is None:
                return self.find(lookup)
            return answers.outcome_of(self._intents.cancel(external_id, {"expand": WITH_CARD}))
        except stripe.InvalidRequestError:
            return self.find(lookup)
        except FAILURES as error:
            return answers.unknown(error, lookup.external_id)

    def capture(self, lookup: Lookup, amount: int, reference: str, final: bool = True) -> Outcome:
        """Take `amount` minor units of what is held; Stripe lets the rest go."""
        if not final:
            return ONE_CAPTURE_ONLY
        params: Any = {"amount_to_capture": amount, "expand": WITH_CARD}
        try:
            external_id = lookup.external_id or self._search(lookup)
            if external_id is None:
                return self.find(lookup)
            return answers.outcome_of(self._intents.capture(external_id, params, {"idempotency_key": reference}))
        except FAILURES as error:
            refusal = answers.refused(error, lookup.external_id)
            if refusal is None and not isinstance(error, stripe.InvalidRequestError):
                return answers.unknown(error, lookup.external_id)
            now = self.find(lookup)
            return refusal if refusal and isinstance(now, Approved) and not now.captured else now

    def void(self, lookup: Lookup, _reference: str) -> Outcome:
        """Let go of what is held, by canceling: see there for why without the reference."""
        return self.cancel(lookup)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Refund part or all of a captured PaymentIntent."""
        params: dict[str, Any] = {
            "payment_intent": request.external_payment_id,
            "amount": request.amount,
            "metadata": {REFUND: request.reference},
        }
        if request.reason in REFUND_REASONS:
            params["reason"] = request.reason
        try:
            found = self._refunds.create(params, {"idempotency_key": request.reference})  # type: ignore[arg-type]
        except stripe.InvalidRequestError as error:
            return RefundOutcome("failed", message=error.user_message or str(error))
        except FAILURES as error:
            return answers.unrefunded(error)
        return answers.refunded(found)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """Read a refund by its id, or look for our reference among the payment's refunds."""
        try:
            if external_id:
                return answers.refunded(self._refunds.retrieve(external_id))
            listed = self._refunds.list({"payment_intent": request.external_payment_id, "limit": 100})
            for refund in listed.auto_paging_iter():
                if answers.reference_of(refund, REFUND) == request.reference:
                    return answers.refunded(refund)
        except FAILURES as error:
            return answers.unrefunded(error)
        return RefundOutcome("absent")

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | ActionRequired | Unknown:
        """Keep a card by a SetupIntent; its bank may want to see the holder."""
        return cards.save_card(self._client, wanted)

    def identify(self, payment_method: str) -> Card | None:
        """The card a token of the browser stands for."""
        return cards.identify(self._client, payment_method)

    def forget_card(self, external_id: str) -> Removed | Declined | Unknown:
        """Store a card no more; may be repeated."""
        return cards.forget_card(self._client, external_id)

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Yield the charges, then the refunds, created from `start` up to `end` (aware). Raises UnavailableError."""
        window: Any = {"created": _between(start, end), "limit": 100}
        try:
            for charge in self._client.v1.charges.list(window | WITH_FEE).auto_paging_iter():
                yield answers.listed_charge(charge)
            for refund in self._refunds.list(window).auto_paging_iter():
                yield answers.listed_refund(refund)
        except FAILURES as error:
            raise UnavailableError(answers.reason_of(error)) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise UnavailableError("unreadable") from error

    def list_payouts(self, start: datetime, end: datetime) -> Iterator[ListedPayout]:
        """Yield the payouts created from `start` up to `end` (aware). Raises UnavailableError."""
        window: Any = {"created": _between(start, end), "limit": 100}
        try:
            for payout in self._client.v1.payouts.list(window).auto_paging_iter():
                yield answers.listed_payout(payout)
        except FAILURES as error:
            raise UnavailableError(answers.reason_of(error)) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise UnavailableError("unreadable") from error

    def list_disputes(self, start: datetime, end: datetime) -> Iterator[str]:
        """Yield the ids of the disputes opened from `start` up to `end` (aware). Raises UnavailableError."""
        return disputes.list_disputes(self._client, {"created": _between(start, end), "limit": 100})

    def find_dispute(self, external_id: str) -> Dispute | Unknown:
        """How a dispute stands."""
        return disputes.find_dispute(self._client, external_id)

    def submit_evidence(self, external_id: str, text: str) -> Dispute | Declined | Unknown:
        """Answer a dispute, for good."""
        return disputes.submit_evidence(self._client, external_id, text)

    def accept_dispute(self, external_id: str) -> Dispute | Declined | Unknown:
        """Give in; at Stripe the dispute is lost then."""
        return disputes.accept_dispute(self._client, external_id)

    def client_config(self, _currency: str) -> ClientConfig:
        """What the checkout page needs for Stripe(publishable_key)."""
        base = self._credentials.api_base.rstrip("/")
        given = dict(self._credentials.extra).get("js_url")
        script = given or (LIBRARY if base == API else f"{base}/js/stripe/endive/stripe.js")
        policy = POLICY if base == API else local_policy(script, base)
        return ClientConfig("stripe", (script,), (("publishable_key", self._credentials.publishable_key),), policy)

    def check(self) -> Connection:
        """Whether the secret key opens an account."""
        try:
            account = self._client.v1.accounts.retrieve_current()
        except (stripe.AuthenticationError, stripe.PermissionError):
            return Connection("Stripe did not accept the secret key.", field="secret_key")
        except FAILURES as error:
            reason = answers.reason_of(error)
            return Connection(f"Stripe did not answer ({reason}). Try again in a moment.", reason=reason)
        return Connection(None, account.id, answers.name_of(account))

    def listen(self, url: str) -> str:
        """Have Stripe send its events to `url` and to no other hook of ours; answers the signing secret. Raises UnavailableError."""
        endpoints = self._client.v1.webhook_endpoints
        try:
            made = endpoints.create({"url": url, "enabled_events": ["*"]})
            for endpoint in list(endpoints.list({"limit": 100}).auto_paging_iter()):
                if is_hook_of_ours(endpoint.url, url) and endpoint.id != made.id:
                    endpoints.delete(endpoint.id)
        except FAILURES as error:
            raise UnavailableError(answers.reason_of(error)) from error
        return str(made.secret)

    def answer_challenge(self, _challenge: str) -> str:
        """Stripe has none. Raises BadSignature."""
        raise BadSignature("Stripe asks no challenge")

    def parse_event(self, raw: bytes, headers: Mapping[str, str], _url: str) -> ProcessorEvent:
        """Verify `Stripe-Signature` over the raw bytes (tolerance 300 s) and read the envelope. Raises BadSignature,
        UnreadableEvent.
        """
        return events.read_event(raw, headers, self._credentials.webhook_secret)

    def _search(self, lookup: Lookup) -> str | None:
        """The id of the intent with our reference. A list, because Stripe's search lags and is not there for India."""
        between = {
            "gte": int((lookup.sent_at - BEFORE).timestamp()),
            "lt": math.ceil((lookup.sent_at + AFTER).timestamp()),
        }
        window: Any = {"created": between, "limit": 100}
        found = self._intents.list(window).auto_paging_iter()
        return next((one.id for one in found if answers.reference_of(one, ATTEMPT) == lookup.reference), None)


def _between(start: datetime, end: datetime) -> dict[str, int]:
    return {"gte": math.ceil(start.timestamp()), "lt": math.ceil(end.timestamp())}


def _creation(charge: Charge, customer: str | None) -> Any:
    params: dict[str, Any] = {
        "amount": charge.amount,
        "currency": charge.currency.lower(),
        "capture_method": "automatic" if charge.capture else "manual",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {ATTEMPT: charge.reference, PAYMENT: charge.payment_id},
    }
    if customer:
        params["customer"] = customer
    if customer and charge.save:
        params["setup_future_usage"] = "off_session"
    if charge.description:
        params["description"] = charge.description[:1000]
    return params
