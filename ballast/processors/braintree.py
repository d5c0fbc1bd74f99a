"""Braintree, through its official SDK.

One sale is the whole charge: 3-D Secure comes before it, in the browser. It carries our attempt id twice, as `order_id`, by which an
unknown outcome is looked up, and as `api_request_key` where the merchant is allowed one. A charge that cannot be found may still be
on its way for a minute: only then it is absent. Sources: developer.paypal.com/braintree (duplicate checking, idempotency, statuses).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs
from xml.parsers.expat import ExpatError

from braintree import TransactionSearch
from braintree.environment import Environment
from braintree.exceptions.invalid_challenge_error import InvalidChallengeError
from braintree.exceptions.invalid_signature_error import InvalidSignatureError

from ballast import money
from ballast.clock import real_time
from ballast.processors import braintree_answers as answers
from ballast.processors import braintree_refunds as refunds
from ballast.processors.base import (
    Approved,
    BadSignature,
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
from ballast.processors.braintree_answers import OpenError, RefusedError, ask, codes_of
from ballast.processors.braintree_merchant import Merchant
from ballast.processors.declines import PUBLIC_SENTENCE

SCRIPTS: Final = ("client", "hosted-fields", "three-d-secure", "data-collector")
# What a one-time token of the browser looks like; anything else names a stored card.
NONCE = re.compile(r"fake-.+-nonce|token[a-z]{2}_.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,36}")
ID_IS_TAKEN, TOKEN_IS_TAKEN, NONCE_IS_USED = "91609", "91719", {"93107", "91731", "91564"}
PARTS_NOT_SUPPORTED, ALREADY_SUBMITTED, TOO_LATE_TO_VOID = "915102", "91507", "91504"
# Braintree knows the first of a series and the ones that follow. Source: …/reference/request/transaction/sale (transaction_source).
SOURCES = {
    ("recurring", True): "recurring_first",
    ("recurring", False): "recurring",
    ("installment", True): "installment_first",
    ("installment", False): "installment",
    ("unscheduled", False): "unscheduled",
}


class BraintreeAdapter:
    """One Braintree merchant; shared by all threads of a process."""

    capabilities = Capabilities(
        prepares=False,
        challenge="before",
        saves="with_charge",
        multiple_captures=True,
        idempotent_void=True,
        refund_waits_for_settlement=True,
        registers_webhooks=False,
        tells_every_charge=False,
        absent_after_seconds=int(refunds.ABSENT_AFTER.total_seconds()),
        evidence_characters=500,
    )

    def __init__(self, credentials: Credentials) -> None:
        self._merchant = Merchant(credentials)
        self._gateway = self._merchant.gateway
        self._transactions = self._merchant.transactions

    def prepare(self, _charge: Charge) -> Prepared | Declined | NotSent:
        """Nothing to do: Braintree learns of a charge when its bank is asked."""
        return Prepared(None)

    def submit(self, charge: Charge) -> Outcome:
        """Sell: the charge and its capture in one, or an authorization alone."""
        try:
            account = self._merchant.account(charge.currency)
            required = self._is_verified(charge) if charge.verification else False
        except OpenError as error:
            return NotSent(error.reason)
        except RefusedError as error:
            return _misconfigured(error.code)
        if account is None or isinstance(required, Declined):
            return required if isinstance(required, Declined) else _misconfigured("merchant_account_missing")
        try:
            return self._sell(charge, account, required)
        except (OpenError, RefusedError) as error:
            return Unknown(error.reason) if isinstance(error, OpenError) else _misconfigured(error.code)

    def find(self, lookup: Lookup) -> Outcome:
        """Read a charge by its id, or look for our reference; absent only a minute after it may have been sent."""
        asked_at = real_time()
        try:
            found = self._find(lookup)
            outcome = self._merchant.read(found) if found else None
        except (OpenError, RefusedError) as error:
            return Unknown(str(error), lookup.external_id)
        is_over = asked_at - lookup.sent_at > refunds.ABSENT_AFTER
        if outcome is None:
            return NotSent("absent") if is_over else Unknown("not_found_yet")
        if isinstance(outcome, Declined) and outcome.code == "duplicate" and not is_over:
            return Unknown("duplicate", outcome.external_id)
        return outcome

    def cancel(self, lookup: Lookup) -> Outcome:
        """Void a charge that is only authorized; what was captured stays, and what is not found yet may still come."""
        outcome = self.find(lookup)
        if not isinstance(outcome, Approved) or outcome.captured:
            return outcome
        return self._void(lookup, outcome.external_id, None)

    def capture(self, lookup: Lookup, amount: int, reference: str) -> Outcome:
        """Take `amount` minor units of an authorization; may be repeated under its reference. Answers what was taken in all."""
        try:
            return self._capture(lookup, self._id_of(lookup), amount, reference)
        except OpenError as error:
            return Unknown(error.reason, lookup.external_id)
        except RefusedError as error:
            return _misconfigured(error.code, lookup.external_id)

    def void(self, lookup: Lookup, reference: str) -> Outcome:
        """Give up an authorization, or a charge that is not settling yet; when that is too late, say what became of it."""
        try:
            return self._void(lookup, self._id_of(lookup), reference)
        except (OpenError, RefusedError) as error:
            return Unknown(str(error), lookup.external_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back. Before settlement a whole charge is voided, and a part of one has to wait."""
        return refunds.refund(self._merchant, request)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """What became of a refund: by its id, by our reference, or by the charge that was voided instead."""
        return refunds.find_refund(self._merchant, request, external_id)

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | Unknown:
        """Store a card whose bank knows it. Its token is our reference, so that asking twice stores it once."""
        try:
            customer = wanted.holder.external_id or self._save_customer(wanted.holder)
            return customer if isinstance(customer, Declined) else self._store(wanted, customer)
        except OpenError as error:
            return Unknown(error.reason)
        except RefusedError as error:
            return _misconfigured(error.code)

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Every charge and refund created from `start` to `end`, newest first; parts of a capture count as their charge.

        Raises OpenError or RefusedError when the gateway does not answer.
        """
        between = TransactionSearch.created_at.between(answers.naive(start), answers.naive(end))
        pages = iter(ask(lambda: self._transactions.search(between)).items)
        while (transaction := ask(lambda: next(pages, False))) is not False:
            if not getattr(transaction, "authorized_transaction_id", None):
                yield answers.listed(transaction)

    def client_config(self, currency: str | None = None) -> dict[str, Any]:
        """What the checkout page needs. 3-D Secure is bound to a merchant account, so the currency should be named.

        Raises OpenError or RefusedError when the gateway gives no client token.
        """
        account = self._merchant.account(currency) if currency else None
        params = {"merchant_account_id": account} if account else {}
        return {
            "processor": "braintree",
            "scripts": [f"{self._merchant.scripts}/{name}.min.js" for name in SCRIPTS],
            "client_token": ask(lambda: self._gateway.client_token.generate(params)),
            "environment": "production" if self._merchant.environment is Environment.Production else "sandbox",
        }

    def answer_challenge(self, challenge: str) -> str:
        """What to answer to `GET …?bt_challenge=`. Raises BadSignature for what is no challenge."""
        try:
            return str(self._gateway.webhook_notification.verify(challenge))
        except InvalidChallengeError as error:
            raise BadSignature(str(error)) from error

    def parse_event(self, raw: bytes, _headers: Mapping[str, str], _url: str = "") -> ProcessorEvent:
        """Verify `bt_signature` over `bt_payload`. A notification has no id and no age: its id is made of what it says."""
        try:
            form = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=8)
            event = self._gateway.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0])
            subject = _subject(event)
            said = f"{event.kind}:{getattr(subject, 'id', 'none')}:{answers.aware(event.timestamp).isoformat()}"
        except (InvalidSignatureError, ExpatError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise BadSignature(str(error)) from error
        return ProcessorEvent(said, str(event.kind), _charge_of(subject))

    def check(self) -> str | None:
        """None when the keys open the merchant, else why not."""
        try:
            accounts = self._merchant.list_accounts()
        except RefusedError as error:
            return f"Braintree refused these keys ({error.code}). Check the merchant id and both keys."
        except OpenError as error:
            return f"Braintree did not answer ({error.reason}). Try again in a moment."
        return None if accounts else "This Braintree merchant has no active merchant account."

    def _is_verified(self, charge: Charge) -> bool | Declined:
        """Whether the holder has confirmed, so that the gateway may insist on it; False for a card that cannot be asked about."""
        info = ask(lambda: self._gateway.payment_method_nonce.find(charge.verification)).three_d_secure_info
        if info is not None and (info.liability_shifted or not info.liability_shift_possible):
            return bool(info.liability_shifted)
        return Declined(
            "authentication", str(info.status) if info else "not_verified", PUBLIC_SENTENCE["authentication"]
        )

    def _sell(self, charge: Charge, account: str, required: bool) -> Outcome:
        result = ask(lambda: self._transactions.sale(_sale(charge, account, required, self._merchant.keyed)))
        if answers.KEY_NOT_ALLOWED in codes_of(result):
            self._merchant.keyed = False
            earlier = self._earlier(charge)
            if earlier:
                return earlier
            result = ask(lambda: self._transactions.sale(_sale(charge, account, required, False)))
        if result.is_success:
            return self._merchant.read(result.transaction)
        return self._read_refusal(charge, result)

    def _read_refusal(self, charge: Charge, result: Any) -> Outcome:
        """What a sale that did not go through means; a duplicate, a used nonce and trouble with a key mean: look first."""
        codes = codes_of(result)
        is_duplicate = getattr(result.transaction, "gateway_rejection_reason", None) == "duplicate"
        if result.transaction is not None and not is_duplicate:
            return answers.outcome_of(result.transaction)
        is_trouble = is_duplicate or bool(answers.KEY_TROUBLE & set(codes))
        earlier = self._earlier(charge) if is_trouble or NONCE_IS_USED & set(codes) else None
        if earlier or is_trouble:
            return earlier or Unknown("duplicate" if is_duplicate else "key_trouble")
        return answers.invalid(codes, result.message)

    def _earlier(self, charge: Charge) -> Outcome | None:
        """What an earlier request of the same attempt came to, if the gateway knows one."""
        found = self._merchant.search(charge.reference, charge.amount, charge.currency)
        is_duplicate = getattr(found, "gateway_rejection_reason", None) == "duplicate"
        return self._merchant.read(found) if found and not is_duplicate else None

    def _find(self, lookup: Lookup) -> Any:
        if lookup.external_id:
            return self._merchant.load(lookup.external_id)
        return self._merchant.search(lookup.reference, lookup.amount, lookup.currency)

    def _id_of(self, lookup: Lookup) -> str:
        found = lookup.external_id or getattr(self._find(lookup), "id", None)
        if not found:
            raise OpenError("not_found_yet")
        return str(found)

    def _capture(self, lookup: Lookup, charge_id: str, amount: int, reference: str) -> Outcome:
        """In one piece if it is all, else as a part after which more may come, where the merchant is allowed parts."""
        if not self._merchant.keyed and self._merchant.list_orders(reference, "sale"):
            return self.find(lookup)
        decimal = money.to_decimal(amount, lookup.currency)
        key = {"api_request_key": reference} if self._merchant.keyed else {}
        if amount == lookup.amount:
            result = ask(lambda: self._transactions.submit_for_settlement(charge_id, decimal, dict(key)))
        else:
            params = {"order_id": reference} | key
            result = ask(lambda: self._transactions.submit_for_partial_settlement(charge_id, decimal, params))
        codes = codes_of(result)
        if answers.KEY_NOT_ALLOWED in codes:
            self._merchant.keyed = False
            return self._capture(lookup, charge_id, amount, reference)
        if PARTS_NOT_SUPPORTED in codes:
            result = ask(lambda: self._transactions.submit_for_settlement(charge_id, decimal))
        return self._read_capture(charge_id, result)

    def _read_capture(self, charge_id: str, result: Any) -> Outcome:
        codes = codes_of(result)
        if not result.is_success and result.transaction is None and ALREADY_SUBMITTED not in codes:
            return (
                Unknown("key_trouble", charge_id)
                if answers.KEY_TROUBLE & set(codes)
                else answers.invalid(codes, result.message)
            )
        outcome = self._merchant.read(self._merchant.load(charge_id))
        is_taken = isinstance(outcome, Approved) and outcome.captured
        return answers.invalid(codes, result.message) if codes and not is_taken else outcome

    def _void(self, lookup: Lookup, charge_id: str, reference: str | None) -> Outcome:
        key = {"api_request_key": reference} if reference and self._merchant.keyed else None
        try:
            result = ask(lambda: self._transactions.void(charge_id, key))
        except (OpenError, RefusedError) as error:
            return Unknown(str(error), charge_id)
        if answers.KEY_NOT_ALLOWED in codes_of(result):
            self._merchant.keyed = False
            return self._void(lookup, charge_id, None)
        if result.is_success:
            return NotSent("voided", charge_id)
        known = Lookup(lookup.reference, charge_id, lookup.amount, lookup.currency, lookup.sent_at)
        return self.find(known)

    def _save_customer(self, holder: Holder) -> str | Declined:
        """Make the customer under our own id; one that is there already is the same one."""
        customer_id = _identifier(holder.reference)
        first, _, last = (holder.name or "").rpartition(" ")
        params = {"id": customer_id, "email": holder.email, "first_name": first or None, "last_name": last or None}
        said = {name: value for name, value in params.items() if value}
        result = ask(lambda: self._gateway.customer.create(said))
        codes = codes_of(result)
        return customer_id if result.is_success or ID_IS_TAKEN in codes else answers.invalid(codes, result.message)

    def _store(self, wanted: SaveCard, customer_id: str) -> SavedCard | Declined:
        token = _identifier(wanted.reference)
        options = {"verify_card": True}
        params = {"customer_id": customer_id, "payment_method_nonce": wanted.token, "token": token, "options": options}
        result = ask(lambda: self._gateway.payment_method.create(params))
        codes = set(codes_of(result))
        if result.is_success:
            return SavedCard(token, customer_id, answers.card(result.payment_method))
        if TOKEN_IS_TAKEN in codes:
            return SavedCard(token, customer_id, answers.card(ask(lambda: self._gateway.payment_method.find(token))))
        return answers.unverified(result) or answers.invalid(codes, result.message)


def _sale(charge: Charge, account: str, required: bool, keyed: bool) -> dict[str, Any]:
    """The parameters of a sale. A nonce that 3-D Secure was done for is paid with instead of what it was done for."""
    options: dict[str, Any] = {"submit_for_settlement": charge.capture}
    if required:
        options["three_d_secure"] = {"required": True}
    token = charge.verification or charge.payment_method
    params: dict[str, Any] = {
        "amount": money.to_decimal(charge.amount, charge.currency),
        "order_id": charge.reference,
        "merchant_account_id": account,
        "payment_method_nonce" if charge.verification or NONCE.fullmatch(token) else "payment_method_token": token,
        "options": options,
    }
    source = SOURCES.get((charge.series or "", charge.first_of_series))
    if charge.off_session and source is None:
        source = "unscheduled"
    return (
        params
        | ({"transaction_source": source} if source else {})
        | ({"api_request_key": charge.reference} if keyed else {})
    )


def _identifier(reference: str) -> str:
    """Our id as Braintree takes it: itself, or its digest where it is too long or has other letters."""
    return reference if IDENTIFIER.fullmatch(reference) else hashlib.sha256(reference.encode()).hexdigest()[:36]


def _misconfigured(code: str, external_id: str | None = None) -> Declined:
    return Declined("configuration", code, PUBLIC_SENTENCE["configuration"], external_id)


def _subject(event: Any) -> Any:
    """What a notification is about, if it is anything we know."""
    nouns = ("transaction", "dispute", "disbursement", "transaction_review", "revoked_payment_method_metadata")
    return next((found for noun in nouns if (found := getattr(event, noun, None)) is not None), None)


def _charge_of(subject: Any) -> str | None:
    """The charge a notification is about: itself, or what was refunded, captured in part, disputed or reviewed."""
    dispute = getattr(subject, "transaction_details", None)
    names = ("refunded_transaction_id", "authorized_transaction_id", "transaction_id")
    about = next((found for name in names if (found := getattr(subject, name, None))), None)
    if dispute is not None:
        about = dispute.id
    elif about is None and hasattr(subject, "amount") and hasattr(subject, "type"):
        about = subject.id
    return str(about) if about else None
