"""Braintree, through its official SDK.

One sale is the whole charge: 3-D Secure comes before it, in the browser. It carries our attempt id twice, as `order_id`, by which an
unknown outcome is looked up, and as `api_request_key` where the merchant is allowed one. A charge that cannot be found may still be
on its way for a minute: only then it is absent. Sources: developer.paypal.com/braintree (duplicate checking, idempotency, statuses).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from braintree import TransactionSearch

from ballast import money
from ballast.clock import real_time
from ballast.processors import braintree_answers as answers
from ballast.processors import braintree_cards as cards
from ballast.processors import braintree_disputes as disputes
from ballast.processors import braintree_events as events
from ballast.processors import braintree_refunds as refunds
from ballast.processors.base import (
    Approved,
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
from ballast.processors.braintree_answers import OpenError, RefusedError, ask, codes_of
from ballast.processors.braintree_merchant import Merchant
from ballast.processors.braintree_page import Page
from ballast.processors.declines import PUBLIC_SENTENCE
from ballast.processors.lists import Listed, ListedPayout

# What a one-time token of the browser looks like; anything else names a stored card.
NONCE = re.compile(r"fake-.+-nonce|token[a-z]{2}_.+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NONCE_IS_USED = {"93107", "91731", "91564"}
PARTS_NOT_SUPPORTED, ALREADY_SUBMITTED, TOO_LATE_TO_VOID = "915102", "91507", "91504"
# Braintree knows the first of a series and the ones that follow. Source: …/reference/request/transaction/sale (transaction_source).
SOURCES = {
    ("recurring", True): "recurring_first",
    ("recurring", False): "recurring",
    ("installment", True): "installment_first",
    ("installment", False): "installment",
    ("unscheduled", False): "unscheduled",
}


# The shortest of the networks'; Braintree tells each in `authorization_expires_at`. Source: …/guides/transactions (authorization).
AUTHORIZATION_DAYS = 7


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
        asks_for_page=True,
        tells_every_charge=False,
        tells_fees=False,
        tells_payouts=False,
        absent_after_seconds=int(refunds.ABSENT_AFTER.total_seconds()),
        authorization_days=AUTHORIZATION_DAYS,
        evidence_characters=disputes.EVIDENCE_CHARACTERS,
    )

    def __init__(self, credentials: Credentials) -> None:
        self._merchant = Merchant(credentials)
        self._page = Page(self._merchant)
        self._gateway = self._merchant.gateway
        self._transactions = self._merchant.transactions

    def prepare(self, _charge: Charge) -> Prepared | Declined | NotSent:
        """Nothing to do: Braintree learns of a charge when its bank is asked."""
        return Prepared(None)

    def submit(self, charge: Charge) -> Outcome:
        """Sell: the charge and its capture in one, or an authorization alone. The holder of a card to be stored is made first."""
        try:
            made = self._make(charge)
        except OpenError as error:
            return answers.not_sent(error)
        except RefusedError as error:
            return answers.misconfigured(error.code)
        if isinstance(made, Declined):
            return made
        try:
            outcome = self._sell(charge, made)
        except OpenError as error:
            return answers.unsubmitted(error)
        except RefusedError as error:
            return answers.misconfigured(error.code)
        return outcome if charge.save or not isinstance(outcome, Approved) else replace(outcome, saved=None)

    def find(self, lookup: Lookup) -> Outcome:
        """Read a charge by its id, or look for our reference; absent only a minute after it may have been sent."""
        asked_at = real_time()
        try:
            found = self._find(lookup)
            outcome = self._merchant.read(found) if found else None
        except (OpenError, RefusedError) as error:
            return answers.unknown(error, lookup.external_id)
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

    def capture(self, lookup: Lookup, amount: int, reference: str, final: bool = True) -> Outcome:
        """Take `amount` minor units of an authorization; may be repeated under its reference. Answers what was taken in all.

        The rest is let go, or stays held for more parts where this is not `final` and the merchant is allowed parts.
        """
        try:
            return self._capture(lookup, self._id_of(lookup), amount, reference, final)
        except OpenError as error:
            return answers.unknown(error, lookup.external_id)
        except RefusedError as error:
            return answers.misconfigured(error.code, lookup.external_id)

    def void(self, lookup: Lookup, reference: str) -> Outcome:
        """Give up an authorization, or a charge that is not settling yet; when that is too late, say what became of it."""
        try:
            return self._void(lookup, self._id_of(lookup), reference)
        except (OpenError, RefusedError) as error:
            return answers.unknown(error, lookup.external_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back. Before settlement a whole charge is voided, and a part of one has to wait."""
        return refunds.refund(self._merchant, request)

    def find_refund(self, request: RefundRequest, external_id: str | None) -> RefundOutcome:
        """What became of a refund: by its id, by our reference, or by the charge that was voided instead."""
        return refunds.find_refund(self._merchant, request, external_id)

    def save_card(self, wanted: SaveCard) -> SavedCard | Declined | Unknown:
        """Store a card whose bank knows it. Its token is our reference, so that asking twice stores it once."""
        return cards.save_card(self._merchant, wanted)

    def identify(self, payment_method: str) -> Card | None:
        """The card a nonce stands for."""
        return cards.identify(self._merchant, payment_method)

    def forget_card(self, external_id: str) -> Removed | Declined | Unknown:
        """Store a card no more; may be repeated."""
        return cards.forget_card(self._merchant, external_id)

    def list_window(self, start: datetime, end: datetime) -> Iterator[Listed]:
        """Yield what was created from `start` up to `end`, newest first, parts of a capture as one. Raises UnavailableError."""
        between = TransactionSearch.created_at.between(answers.naive(start), answers.naive(end))
        try:
            pages = iter(ask(lambda: self._transactions.search(between)).items)
            while (transaction := ask(lambda: next(pages, False))) is not False:
                if getattr(transaction, "authorized_transaction_id", None):
                    continue
                if start <= (line := answers.listed(transaction)).created_at < end:  # the search includes both ends
                    yield line
        except (OpenError, RefusedError) as error:
            raise UnavailableError(str(error)) from error

    def list_payouts(self, _start: datetime, _end: datetime) -> Iterator[ListedPayout]:
        """Nothing: Braintree tells what it disbursed in reports of its control panel."""
        return iter(())

    def list_disputes(self, start: datetime, end: datetime) -> Iterator[str]:
        """Yield the ids of the disputes opened from `start` up to `end` (aware). Raises UnavailableError."""
        return disputes.list_disputes(self._merchant, start, end)

    def find_dispute(self, external_id: str) -> Dispute | Unknown:
        """How a dispute stands."""
        return disputes.find_dispute(self._merchant, external_id)

    def submit_evidence(self, external_id: str, text: str) -> Dispute | Declined | Unknown:
        """Answer a dispute, for good."""
        return disputes.submit_evidence(self._merchant, external_id, text)

    def accept_dispute(self, external_id: str) -> Dispute | Declined | Unknown:
        """Give in."""
        return disputes.accept_dispute(self._merchant, external_id)

    def client_config(self, currency: str) -> ClientConfig:
        """What the checkout page needs. Waits no longer than a page may (2 s to connect, 5 s to read). Raises UnavailableError."""
        return self._page.client_config(currency)

    def listen(self, _url: str) -> str:
        """Braintree takes an address in its control panel only. Raises UnavailableError."""
        raise UnavailableError("by_hand_only")

    def answer_challenge(self, challenge: str) -> str:
        """What to answer to `GET …?bt_challenge=`. Raises BadSignature for what is no challenge."""
        return events.answer_challenge(self._merchant, challenge)

    def parse_event(self, raw: bytes, _headers: Mapping[str, str], _url: str) -> ProcessorEvent:
        """Verify and read a notification; the signature stands in the body. Raises BadSignature."""
        return events.read_event(self._merchant, raw)

    def check(self) -> Connection:
        """Whether the keys open the merchant, and whether the merchant accounts that a setting names are among its own."""
        try:
            accounts = self._merchant.list_accounts()
        except RefusedError as error:
            said = f"Braintree refused these keys ({error.code}). Check the merchant ID and both keys."
            return Connection(said, field="secret_key")
        except OpenError as error:
            said = f"Braintree did not answer ({error.reason}). Try again in a moment."
            return Connection(said, reason=error.reason)
        if not accounts:
            return Connection("This Braintree merchant has no active merchant account.", field="merchant_id")
        named = self._merchant.named
        if strange := [pair for pair in named.items() if pair not in accounts]:
            said = f"This Braintree merchant has no active merchant account {strange[0][1]} in {strange[0][0]}."
            return Connection(said, field="merchant_accounts")
        currencies = tuple(named or dict(accounts))
        return Connection(None, self._merchant.merchant_id, self._merchant.merchant_id, currencies=currencies)

    def _make(self, charge: Charge) -> dict[str, Any] | Declined:
        """The parameters of the sale, or why it cannot be made. Raises OpenError, RefusedError."""
        account = self._merchant.account(charge.currency)
        if account is None:
            return answers.misconfigured("merchant_account_missing")
        if self._is_unasked(charge):
            return Declined("authentication", "authentication_required", PUBLIC_SENTENCE["authentication"])
        required = self._is_verified(charge) if charge.verification else False
        if isinstance(required, Declined):
            return required
        made = _sale(charge, account, required)
        if charge.save and charge.holder:
            customer = charge.holder.external_id or cards.enter_customer(self._merchant, charge.holder)
            if isinstance(customer, Declined):
                return customer
            made["customer_id"] = customer
            made["options"]["store_in_vault_on_success"] = True
        return made

    def _is_unasked(self, charge: Charge) -> bool:
        """Whether a browser sends a new card without what 3-D Secure came to, at a merchant that requires it: a hidden field is easily
        left out."""
        return self._merchant.asks_holders and charge.one_time and not charge.off_session and not charge.verification

    def _is_verified(self, charge: Charge) -> bool | Declined:
        """Whether the holder has confirmed, so that the gateway may insist on it; False for a card that cannot be asked about."""
        info = ask(lambda: self._gateway.payment_method_nonce.find(charge.verification)).three_d_secure_info
        if info is not None and (info.liability_shifted or not info.liability_shift_possible):
            return bool(info.liability_shifted)
        return Declined(
            "authentication", str(info.status) if info else "not_verified", PUBLIC_SENTENCE["authentication"]
        )

    def _sell(self, charge: Charge, made: dict[str, Any]) -> Outcome:
        keyed = {"api_request_key": charge.reference} if self._merchant.keyed else {}
        result = ask(lambda: self._transactions.sale(made | keyed))
        if answers.KEY_NOT_ALLOWED in codes_of(result):
            self._merchant.keyed = False
            earlier = self._earlier(charge)
            if earlier:
                return earlier
            result = ask(lambda: self._transactions.sale(dict(made)))
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
        try:
            found = self._merchant.search(charge.reference, charge.amount, charge.currency)
        except (
            OpenError
        ) as error:  # Too late to look is not too late to have sent: a request of this attempt may have charged.
            raise OpenError("key_trouble" if error.reason == answers.TOO_LATE else error.reason) from error
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

    def _capture(self, lookup: Lookup, charge_id: str, amount: int, reference: str, final: bool) -> Outcome:
        """In one piece, which lets go of the rest; as a part where more may come, or where others came before."""
        if not self._merchant.keyed and self._merchant.list_orders(reference, "sale"):
            return self.find(lookup)
        decimal = money.to_decimal(amount, lookup.currency)
        key = {"api_request_key": reference} if self._merchant.keyed else {}
        if amount == lookup.amount or (final and not self._is_in_parts(charge_id)):
            result = ask(lambda: self._transactions.submit_for_settlement(charge_id, decimal, dict(key)))
        else:
            params = {"order_id": reference} | key | ({"final_capture": True} if final else {})
            result = ask(lambda: self._transactions.submit_for_partial_settlement(charge_id, decimal, params))
        codes = codes_of(result)
        if answers.KEY_NOT_ALLOWED in codes:
            self._merchant.keyed = False
            return self._capture(lookup, charge_id, amount, reference, final)
        if PARTS_NOT_SUPPORTED in codes:
            result = ask(lambda: self._transactions.submit_for_settlement(charge_id, decimal))
        return self._read_capture(charge_id, result)

    def _is_in_parts(self, charge_id: str) -> bool:
        """Whether parts of it were captured before: Braintree takes the last of several as a part too."""
        return bool(getattr(self._merchant.load(charge_id), "partial_settlement_transaction_ids", None))

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
            return answers.unknown(error, charge_id)
        if answers.KEY_NOT_ALLOWED in codes_of(result):
            self._merchant.keyed = False
            return self._void(lookup, charge_id, None)
        if result.is_success:
            return NotSent("voided", charge_id)
        known = Lookup(lookup.reference, charge_id, lookup.amount, lookup.currency, lookup.sent_at)
        return self.find(known)


def _sale(charge: Charge, account: str, required: bool) -> dict[str, Any]:
    """The parameters of a sale. A nonce that 3-D Secure was done for is paid with instead of what it was done for."""
    options: dict[str, Any] = {"submit_for_settlement": charge.capture}
    if required:
        options["three_d_secure"] = {"required": True}
    token = charge.verification or charge.payment_method
    is_new = charge.one_time or charge.verification is not None
    params: dict[str, Any] = {
        "amount": money.to_decimal(charge.amount, charge.currency),
        "order_id": charge.reference,
        "merchant_account_id": account,
        "payment_method_nonce" if is_new or NONCE.fullmatch(token) else "payment_method_token": token,
        "options": options,
    }
    source = SOURCES.get((charge.series or "", charge.first_of_series))
    if charge.off_session and source is None:
        source = "unscheduled"
    if charge.device_data:
        params["device_data"] = charge.device_data
    return params | ({"transaction_source": source} if source else {})
