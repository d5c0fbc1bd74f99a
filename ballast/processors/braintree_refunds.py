"""Giving money back at Braintree: a refund after settlement, a void before it, and both only once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from ballast import money
from ballast.clock import real_time
from ballast.processors import braintree_answers as answers
from ballast.processors.base import RefundOutcome, RefundRequest
from ballast.processors.braintree_answers import OpenError, RefusedError, ask, codes_of
from ballast.processors.braintree_merchant import Merchant

ABSENT_AFTER: Final = timedelta(seconds=60)
VOIDABLE = {"authorized", "submitted_for_settlement"}
REFUNDABLE = {"settling", "settled"}
# Money that has been taken and cannot be given back yet.
WAITING_STATES = answers.CAPTURED - REFUNDABLE
WAITING = RefundOutcome("pending_settlement")


def refund(merchant: Merchant, request: RefundRequest) -> RefundOutcome:
    """Give money back. Before settlement a whole charge is voided, and a part of one has to wait."""
    try:
        legs = merchant.legs(merchant.load(request.external_payment_id))
        given = _given(merchant, legs, request.reference)
        left = request.amount - _sum(given)
        if given and left <= 0:
            return answers.refunded(given[0])
        return _give_back(merchant, request, legs, left)
    except OpenError as error:
        return answers.unrefunded(error)
    except RefusedError as error:
        return RefundOutcome("failed", message=error.code)


def find_refund(merchant: Merchant, request: RefundRequest, external_id: str | None) -> RefundOutcome:
    """What became of a refund: by its id, by our reference, or by the charge that was voided instead."""
    asked_at = real_time()
    try:
        if external_id and external_id != request.external_payment_id:
            return answers.refunded(merchant.load(external_id))
        legs = merchant.legs(merchant.load(request.external_payment_id))
        given = _given(merchant, legs, request.reference)
    except (OpenError, RefusedError) as error:
        return answers.unrefunded(error)
    if given:
        is_sure = len(given) == 1 or _sum(given) == request.amount
        return answers.refunded(given[0]) if is_sure else RefundOutcome("unknown", message="partly_refunded")
    if any(leg.status == "voided" and answers.amount_of(leg) == request.amount for leg in legs):
        return RefundOutcome("succeeded", request.external_payment_id)
    if _may_be_absent(merchant, request, asked_at):
        return RefundOutcome("absent")
    return RefundOutcome("unknown", message="not_found_yet")


def _may_be_absent(merchant: Merchant, request: RefundRequest, asked_at: datetime) -> bool:
    """Whether a refund that is not found may be sent again: with a key it is the same refund; without one only after a minute."""
    return merchant.keyed if request.sent_at is None else asked_at - request.sent_at > ABSENT_AFTER


def _give_back(merchant: Merchant, request: RefundRequest, legs: list[Any], amount: int) -> RefundOutcome:
    """From one transaction if one holds enough, else from several of the parts the charge was captured in."""
    for leg in legs:
        if leg.status == "voided" and answers.amount_of(leg) == amount:
            return RefundOutcome("succeeded", request.external_payment_id)
    for leg in legs:
        if leg.status in VOIDABLE and answers.amount_of(leg) == amount:
            return _void(merchant, request, leg)
    settled = [leg for leg in legs if leg.status in REFUNDABLE]
    if len(legs) == 1 and settled:
        return _refund(merchant, request, legs[0], amount, request.reference)
    held = {str(leg.id): _held(merchant, leg) for leg in settled}
    if sum(held.values()) < amount:
        coming = sum(answers.amount_of(leg) for leg in legs if leg.status in WAITING_STATES)
        enough_later = sum(held.values()) + coming >= amount
        return WAITING if enough_later else RefundOutcome("failed", message="refund_amount_too_large")
    enough = [leg for leg in settled if held[str(leg.id)] >= amount]
    if enough:
        return _refund(merchant, request, enough[0], amount, request.reference)
    return _refund_several(merchant, request, settled, held, amount)


def _refund_several(
    merchant: Merchant, request: RefundRequest, legs: list[Any], held: dict[str, int], amount: int
) -> RefundOutcome:
    """One refund from each part until the amount is reached; stops at the first that is not sure, to be looked up."""
    outcome = RefundOutcome("failed", message="refund_amount_too_large")
    first: str | None = None
    for leg in legs:
        part = min(amount, held[str(leg.id)])
        if part < 1:
            continue
        outcome = _refund(merchant, request, leg, part, f"{request.reference}:{leg.id}")
        if outcome.status != "succeeded":
            return outcome if first is None else RefundOutcome("unknown", message="partly_refunded")
        first, amount = first or outcome.external_id, amount - part
    return RefundOutcome(outcome.status, first, outcome.message)


def _refund(merchant: Merchant, request: RefundRequest, leg: Any, amount: int, key: str) -> RefundOutcome:
    params = {"amount": money.to_decimal(amount, request.currency), "order_id": request.reference}
    keyed = params | ({"api_request_key": key} if merchant.keyed else {})
    result = ask(lambda: merchant.transactions.refund(leg.id, keyed))
    if _key_is_useless(merchant, result):
        given = _given(merchant, [merchant.load(leg.id)], request.reference)
        if given:
            return answers.refunded(given[0])
        result = ask(lambda: merchant.transactions.refund(leg.id, params))
    return _read(result)


def _key_is_useless(merchant: Merchant, result: Any) -> bool:
    """Whether the merchant is not allowed keys, or this one belongs to a request that was refused before the charge had settled."""
    codes = codes_of(result)
    if answers.KEY_NOT_ALLOWED in codes:
        merchant.keyed = False
    return answers.KEY_NOT_ALLOWED in codes or answers.KEY_OF_A_FAILED_REQUEST in codes


def _void(merchant: Merchant, request: RefundRequest, leg: Any) -> RefundOutcome:
    params = {"api_request_key": f"{request.reference}:void"} if merchant.keyed else None
    result = ask(lambda: merchant.transactions.void(leg.id, params))
    if _key_is_useless(merchant, result):
        result = ask(lambda: merchant.transactions.void(leg.id))
    if result.is_success:
        return RefundOutcome("succeeded", request.external_payment_id)
    if merchant.load(leg.id).status == "voided":
        return RefundOutcome("succeeded", request.external_payment_id)
    return WAITING


def _read(result: Any) -> RefundOutcome:
    if result.is_success or result.transaction is not None:
        return answers.refunded(result.transaction)
    codes = set(codes_of(result))
    if codes & answers.NOT_SETTLED:
        return WAITING
    if codes & answers.KEY_TROUBLE:
        return RefundOutcome("unknown", message=result.message)
    return RefundOutcome("failed", message=result.message)


def _held(merchant: Merchant, leg: Any) -> int:
    """What is left of a settled transaction after its refunds, those that came back not counted."""
    return answers.amount_of(leg) - _sum(_credits(merchant, leg))


def _given(merchant: Merchant, legs: list[Any], reference: str) -> list[Any]:
    """The refunds of a charge that bear our reference. Read from the charge itself, because a search may lag behind."""
    return [one for leg in legs for one in _credits(merchant, leg) if one.order_id == reference]


def _credits(merchant: Merchant, leg: Any) -> list[Any]:
    return [merchant.load(key) for key in getattr(leg, "refund_ids", None) or []]


def _sum(transactions: list[Any]) -> int:
    return sum(answers.amount_of(one) for one in transactions if answers.refunded(one).status != "failed")
