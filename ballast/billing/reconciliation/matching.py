"""Our side of a processor's list: attempts and refunds by the processor's ids and by our references, in as many statements whatever
the number of lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from ballast.billing import balances
from ballast.billing.ledger import ORDER_PART
from ballast.billing.reconciliation.comparing import OurCharge, OurRefund
from ballast.db import among, db
from ballast.ids import to_uuid
from ballast.models import Attempt, InboxEvent, LedgerAccount, LedgerTransfer, Payment, Refund
from ballast.processors.lists import Listed

# What a processor's fee for a charge is posted as; its source is the attempt, like that of what was taken.
FEE: Final = "processor_fee"
PAGE: Final = 500


@dataclass(frozen=True)
class Place:
    """Whose account it is."""

    organization_id: str
    account_id: str


def charges_of(place: Place, lines: Sequence[Listed]) -> dict[str, OurCharge]:
    """By the processor's id and by our own, those among the lines that are ours."""
    named = among(Attempt.external_id, {line.external_id for line in lines})
    ours = among(Attempt.id, _ours(lines, "att"))
    return _by_both((one.attempt_id, one) for one in _charges(place, or_(named, ours)))


def refunds_of(place: Place, lines: Sequence[Listed]) -> dict[str, OurRefund]:
    """As `charges_of`."""
    named = among(Refund.external_id, {line.external_id for line in lines})
    ours = among(Refund.id, _ours(lines, "re"))
    found = db.session.execute(_refunds(place).where(or_(named, ours)))
    return _by_both((row[0].id, _refund(*row)) for row in found)


def charges_named(place: Place, attempt_ids: Iterable[str]) -> list[OurCharge]:
    """Those with these ids of ours."""
    return _charges(place, among(Attempt.id, attempt_ids))


def refunds_named(place: Place, refund_ids: Iterable[str]) -> list[OurRefund]:
    """Those with these ids of ours."""
    return [_refund(*row) for row in db.session.execute(_refunds(place).where(among(Refund.id, refund_ids)))]


def _ours(lines: Sequence[Listed], prefix: str) -> set[str]:
    return {line.reference for line in lines if line.reference and to_uuid(line.reference, prefix)}


def _by_both(found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    both: dict[str, Any] = {}
    for own_id, one in found:
        both[own_id] = one
        if one.external_id:
            both[one.external_id] = one
    return both


def charges_sent(place: Place, start: datetime, end: datetime) -> Iterator[list[OurCharge]]:
    """What was sent from `start` up to `end` (real time), page by page; the session is given back between them."""
    last: str | None = None
    while True:
        between = (Attempt.send_deadline_at >= start) & (Attempt.send_deadline_at < end)
        found = _charges(place, between if last is None else between & (Attempt.id > last), PAGE)
        db.session.rollback()
        if found:
            yield found
        if len(found) < PAGE:
            return
        last = found[-1].attempt_id


def refunds_sent(place: Place, start: datetime, end: datetime) -> list[OurRefund]:
    """The refunds that were sent, likewise; of a day there are few."""
    found = db.session.execute(_refunds(place).where(Refund.sent_at >= start, Refund.sent_at < end))
    return [_refund(*row) for row in found]


def _charges(place: Place, which: ColumnElement[bool], limit: int | None = None) -> list[OurCharge]:
    joined = (Payment.organization_id == Attempt.organization_id) & (Payment.id == Attempt.payment_id)
    wanted = (
        select(Attempt, Payment.status, Payment.amount_captured, Payment.amount_refunded)
        .join(Payment, joined)
        .where(
            Attempt.organization_id == place.organization_id, Attempt.processor_account_id == place.account_id, which
        )
        .order_by(Attempt.id)
        .limit(limit)
    )
    rows = db.session.execute(wanted).all()
    posted = _posted(place.organization_id, {row[0].id for row in rows})
    return [_charge(*row, posted) for row in rows]


def _posted(organization_id: str, attempt_ids: set[str]) -> dict[str, tuple[int, bool]]:
    """By attempt: what the ledger says was taken for it at the processor, its fee left aside, and whether the fee is posted."""
    at_processor = select(LedgerAccount.id).where(
        LedgerAccount.organization_id == organization_id, LedgerAccount.code == balances.PROCESSOR
    )
    moved, is_fee = LedgerTransfer, LedgerTransfer.kind == FEE
    signed = case(
        (moved.debit_account_id.in_(at_processor), moved.amount),
        (moved.credit_account_id.in_(at_processor), -moved.amount),
        else_=0,
    )
    # What a mixed order's payment took for the goods stands beside what it took for the invoice, as a part of the same attempt.
    sources = {*attempt_ids, *(f"{one}/{ORDER_PART}" for one in attempt_ids)}
    attempt = func.split_part(moved.source, "/", 1)
    wanted = (
        select(attempt, func.coalesce(func.sum(signed).filter(~is_fee), 0), func.bool_or(is_fee))
        .where(moved.organization_id == organization_id, among(moved.source, sources))
        .group_by(attempt)
    )
    return {source: (int(taken), fee) for source, taken, fee in db.session.execute(wanted)}


def _charge(
    attempt: Attempt, status: str, captured: int, refunded: int, posted: dict[str, tuple[int, bool]]
) -> OurCharge:
    taken, fee_is_posted = posted.get(attempt.id, (0, False))
    return OurCharge(
        attempt.id,
        attempt.external_id,
        attempt.status,
        status,
        attempt.amount,
        attempt.currency,
        captured,
        refunded,
        taken,
        fee_is_posted,
        attempt.send_deadline_at,
    )


def _refunds(place: Place) -> Select[Refund, str | None]:
    joined = (Attempt.organization_id == Refund.organization_id) & (Attempt.id == Refund.attempt_id)
    return (
        select(Refund, Attempt.external_id)
        .join(Attempt, joined)
        .where(Refund.organization_id == place.organization_id, Attempt.processor_account_id == place.account_id)
    )


def _refund(row: Refund, charge_external_id: str | None) -> OurRefund:
    return OurRefund(row.id, row.external_id, charge_external_id, row.status, row.amount, row.currency, row.sent_at)


def heard_of(place: Place, external_ids: set[str]) -> set[str]:
    """Those of these charges of which the processor sent us an event."""
    wanted = select(InboxEvent.subject_id).where(
        InboxEvent.organization_id == place.organization_id,
        InboxEvent.processor_account_id == place.account_id,
        among(InboxEvent.subject_id, external_ids),
    )
    return {str(found) for found in db.session.scalars(wanted.distinct())}
