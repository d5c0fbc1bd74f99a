"""Stripe, through its official SDK.

A PaymentIntent is created unconfirmed, its id is committed by the caller, and only then confirmed; an unknown outcome is resolved by
reading it, never by replaying (Stripe stores and replays a 500, and keys lapse). Source: docs.stripe.com/api/idempotent_requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import requests
import stripe
from requests.adapters import HTTPAdapter

from ballast.processors.base import (
    ActionRequired,
    Approved,
    BadSignature,
    Card,
    Charge,
    Credentials,
    Declined,
    NotSent,
    Outcome,
    Prepared,
    ProcessorEvent,
    RefundOutcome,
    RefundRequest,
    Unknown,
)
from ballast.processors.declines import PUBLIC_SENTENCE, classify_stripe

API_VERSION: Final = "2026-10-28.endive"
POOL = 32
# The metadata keys that carry our ids, for resolving and reconciling.
ATTEMPT, PAYMENT, REFUND = "attempt", "payment", "refund"
REFUND_STATUS = {
    "pending": "processing",
    "requires_action": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
REFUND_REASONS = {"duplicate", "fraudulent", "requested_by_customer"}

# Stripe counts these in other minor units than ISO 4217 does (docs.stripe.com/currencies, special cases). Refused rather than
# charged a hundred times too much or too little.
OTHER_MINOR_UNITS = frozenset({"ISK", "MGA", "UGX"})

stripe.enable_telemetry = False


class StripeAdapter:
    """One Stripe account. Holds one SDK client and one connection pool; shared by all threads of a process."""

    def __init__(self, credentials: Credentials) -> None:
        self._webhook_secret = credentials.webhook_secret
        session = requests.Session()
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=POOL)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        http = stripe.RequestsClient(timeout=(credentials.connect_timeout, credentials.read_timeout), session=session)
        base = credentials.api_base
        self._client = stripe.StripeClient(
            credentials.secret_key,
            base_addresses={"api": base, "files": base, "connect": base, "meter_events": base},
            http_client=http,
            max_network_retries=0,
            stripe_version=API_VERSION,
        )
        self._intents = self._client.v1.payment_intents
        self._refunds = self._client.v1.refunds

    def prepare(self, charge: Charge) -> Prepared | Declined | NotSent:
        """Create the PaymentIntent, unconfirmed: whatever happens to the answer, nothing is charged."""
        if charge.currency in OTHER_MINOR_UNITS:
            return Declined(
                "configuration", "currency_unsupported", f"We don't take {charge.currency} through Stripe yet."
            )
        try:
            intent = self._intents.create(_creation(charge), {"idempotency_key": f"{charge.reference}:create"})
        except stripe.StripeError as error:
            return _refused(error) or NotSent(_reason(error))
        return Prepared(intent.id, intent.client_secret)

    def submit(self, charge: Charge) -> Outcome:
        """Confirm the prepared PaymentIntent."""
        assert charge.external_id, "prepare() comes first"
        params: dict[str, Any] = {"payment_method": charge.payment_method, "expand": ["payment_method"]}
        if charge.off_session:
            params["off_session"] = True
        elif charge.return_url:
            params["return_url"] = charge.return_url
        try:
            intent = self._intents.confirm(
                charge.external_id,
                params,  # type: ignore[arg-type]
                {"idempotency_key": f"{charge.reference}:confirm"},
            )
        except stripe.StripeError as error:
            return _refused(error, charge.external_id) or Unknown(_reason(error), charge.external_id)
        return _outcome(intent)

    def find(self, external_id: str) -> Outcome:
        """Read the PaymentIntent."""
        try:
            return _outcome(self._intents.retrieve(external_id, {"expand": ["payment_method"]}))
        except stripe.StripeError as error:
            return Unknown(_reason(error), external_id)

    def cancel(self, external_id: str, _reference: str) -> Outcome:
        """Cancel the PaymentIntent; when that is too late, say what became of it.

        Without a key of ours: canceling twice is harmless, and under one key Stripe would answer a stored 500 for a day.
        """
        try:
            return _outcome(self._intents.cancel(external_id, {"expand": ["payment_method"]}))
        except stripe.InvalidRequestError:
            return self.find(external_id)
        except stripe.StripeError as error:
            return Unknown(_reason(error), external_id)

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
        except stripe.StripeError as error:
            return RefundOutcome("unknown", message=_reason(error))
        return _refunded(found)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """Read a refund by its id, or look for our reference among the payment's refunds."""
        try:
            if external_id:
                return _refunded(self._refunds.retrieve(external_id))
            listed = self._refunds.list({"payment_intent": request.external_payment_id, "limit": 100})
            for refund in listed.auto_paging_iter():
                if refund.metadata and refund.metadata.to_dict().get(REFUND) == request.reference:
                    return _refunded(refund)
        except stripe.StripeError as error:
            return RefundOutcome("unknown", message=_reason(error))
        return RefundOutcome("absent")

    def listen(self, url: str) -> str:
        """Have Stripe send its events to `url` and to no other hook of ours; answers the signing secret."""
        endpoints = self._client.v1.webhook_endpoints
        for endpoint in endpoints.list({"limit": 100}).data:
            if "/hooks/stripe/" in endpoint.url:
                endpoints.delete(endpoint.id)
        return str(endpoints.create({"url": url, "enabled_events": ["*"]}).secret)

    def parse_event(self, raw: bytes, headers: Mapping[str, str]) -> ProcessorEvent:
        """Verify `Stripe-Signature` over the raw bytes (tolerance 300 s) and read the envelope."""
        signature = headers.get("Stripe-Signature", "")
        try:
            stripe.WebhookSignature.verify_header(
                raw.decode(), signature, self._webhook_secret, stripe.Webhook.DEFAULT_TOLERANCE
            )
            read = json.loads(raw)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise BadSignature(str(error)) from error
        if not self._webhook_secret or not _is_event(read):
            raise BadSignature("not an event, or nothing to verify it with")
        return ProcessorEvent(read["id"], read["type"], _subject(read))


def _is_event(read: Any) -> bool:
    return isinstance(read, dict) and isinstance(read.get("id"), str) and isinstance(read.get("type"), str)


def _subject(event: dict[str, Any]) -> str | None:
    """The PaymentIntent an event is about, itself or by way of a charge, a refund or a dispute."""
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    if not isinstance(subject, dict):
        return None
    about = subject if subject.get("object") == "payment_intent" else subject.get("payment_intent")
    found = about.get("id") if isinstance(about, dict) else about
    return found if isinstance(found, str) else None


def _creation(charge: Charge) -> Any:
    params: dict[str, Any] = {
        "amount": charge.amount,
        "currency": charge.currency.lower(),
        "capture_method": "automatic" if charge.capture else "manual",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {ATTEMPT: charge.reference, PAYMENT: charge.payment_id},
    }
    if charge.description:
        params["description"] = charge.description[:1000]
    return params


def _outcome(intent: Any) -> Outcome:
    """What a PaymentIntent's state means. Source: docs.stripe.com/payments/paymentintents/lifecycle."""
    match intent.status:
        case "succeeded":
            return Approved(intent.id, intent.amount_received, _card(intent.payment_method))
        case "requires_capture":
            return Approved(intent.id, 0, _card(intent.payment_method))
        case "requires_action":
            return ActionRequired(intent.id, _redirect_url(intent), intent.client_secret)
        case "requires_payment_method" | "canceled" if intent.last_payment_error:  # canceled after it was declined
            error = intent.last_payment_error.to_dict()
            return _declined(error.get("code"), error.get("decline_code"), error.get("advice_code"), intent.id)
        case "requires_payment_method" | "requires_confirmation" | "canceled":
            return NotSent(intent.status, intent.id)
        case status:
            return Unknown(status, intent.id)


def _redirect_url(intent: Any) -> str | None:
    action = intent.next_action.to_dict() if intent.next_action else {}
    redirect: str | None = (action.get("redirect_to_url") or {}).get("url")
    return redirect


def _refunded(refund: Any) -> RefundOutcome:
    return RefundOutcome(REFUND_STATUS.get(str(refund.status), "unknown"), refund.id)


def _card(method: Any) -> Card:
    """What may be shown; nothing for a method that is no card (Link, a bank account)."""
    card = getattr(method, "card", None)
    return Card(card.brand, card.last4, card.exp_month, card.exp_year) if card else Card(None, None)


def _refused(error: stripe.StripeError, external_id: str | None = None) -> Declined | None:
    """A refusal we can be sure of, or None when the outcome is open."""
    details = error.error.to_dict() if error.error is not None else {}
    if isinstance(error, stripe.CardError):
        return _declined(
            details.get("code"),
            details.get("decline_code"),
            details.get("advice_code"),
            external_id,
            details.get("payment_intent"),
        )
    if details.get("code") == "payment_intent_unexpected_state":
        return None
    if isinstance(error, (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)):
        code = str(details.get("code") or error.http_status or "invalid_request")
        return Declined("configuration", code, str(details.get("message") or error), external_id)
    return None


def _declined(
    code: str | None, decline_code: str | None, advice: str | None, external_id: str | None, intent: Any = None
) -> Declined:
    decline_class = classify_stripe(code, decline_code, advice)
    card = None
    if intent and (method := (intent.get("last_payment_error") or {}).get("payment_method")):
        shown = method.get("card") or {}
        card = Card(shown.get("brand"), shown.get("last4"), shown.get("exp_month"), shown.get("exp_year"))
    return Declined(
        decline_class, decline_code or code or "card_declined", PUBLIC_SENTENCE[decline_class], external_id, card
    )


def _reason(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.RateLimitError):
        return "rate_limited"
    return f"http_{error.http_status}" if error.http_status else "no_answer"
