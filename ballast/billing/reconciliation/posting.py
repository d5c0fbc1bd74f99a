"""What a processor kept and what it sent to the bank, in the ledger: once each, however often a day is compared."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast.billing import ledger
from ballast.billing.reconciliation.comparing import OurCharge
from ballast.billing.reconciliation.matching import FEE, Place
from ballast.clock import real_time
from ballast.db import among, gather, transaction
from ballast.ids import new_id
from ballast.models import Payout
from ballast.models.states import may_move, move
from ballast.processors.lists import Fee, ListedPayout


def post_fees(place: Place, fees: Iterable[tuple[OurCharge, Fee]]) -> int:
    """Post the fees of these charges; answers how many were new."""
    new = [(ours, fee) for ours, fee in fees if fee.amount > 0 and ours.posted and not ours.fee_is_posted]
    if new:
        with transaction():
            gather()
            for ours, fee in new:
                source = ours.attempt_id
                ledger.post(
                    place.organization_id,
                    FEE,
                    source,
                    "processor_fees",
                    "processor_receivable",
                    fee.amount,
                    fee.currency,
                )
    return len(new)


def record_payouts(place: Place, found: list[ListedPayout]) -> None:
    """Write down payouts as they stand now, and post what they moved."""
    if not found:
        return
    with transaction() as session:
        session.execute(_insertion(place, found))
        wanted = select(Payout).where(
            Payout.organization_id == place.organization_id,
            Payout.processor_account_id == place.account_id,
            among(Payout.external_id, {one.external_id for one in found}),
        )
        rows = {row.external_id: row for row in session.scalars(wanted.order_by(Payout.id).with_for_update())}
        for told in found:
            _follow(rows[told.external_id], told)


def _insertion(place: Place, found: list[ListedPayout]):  # type: ignore[no-untyped-def]
    rows = [
        {
            "organization_id": place.organization_id,
            "id": new_id("po"),
            "processor_account_id": place.account_id,
            "external_id": one.external_id,
            "amount": one.amount,
            "currency": one.currency,
            "status": "in_transit",
            "arrives_on": one.arrives_on,
            "sent_at": one.created_at,
            "created_at": real_time(),
        }
        for one in found
    ]
    unique = ["organization_id", "processor_account_id", "external_id"]
    return insert(Payout).values(rows).on_conflict_do_nothing(index_elements=unique)


def _follow(row: Payout, told: ListedPayout) -> None:
    """Bring a payout to what was told; each posting has its source once, so telling it again moves nothing."""
    _post(row, "payout", "payouts_in_transit", "processor_receivable")
    row.arrives_on = told.arrives_on
    was = row.status
    if told.status == was or not may_move(row.machine, was, told.status):
        return
    move(row, told.status)
    if row.status == "paid":
        _post(row, "payout_paid", "bank", "payouts_in_transit")
    elif was == "paid":
        _post(row, "payout_returned", "processor_receivable", "bank")
    else:
        _post(row, "payout_failed", "processor_receivable", "payouts_in_transit")


def _post(row: Payout, kind: str, debit: str, credit: str) -> None:
    """A negative payout is a debit of the bank: it goes the other way."""
    if row.amount < 0:
        debit, credit = credit, debit
    if row.amount:
        ledger.post(row.organization_id, kind, row.id, debit, credit, abs(row.amount), row.currency)
