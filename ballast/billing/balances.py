"""What stands on the accounts of the ledger and what an organization has at its processors: from snapshots and what followed them, so
that the cost is the same at any number of transfers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, union_all

from ballast.db import db
from ballast.models import BalanceSnapshot, FigureChange, Refund
from ballast.models.states import UNSETTLED_REFUND

PROCESSOR: Final = "processor_receivable"
# name → (accounts, 1 if debits raise it, -1 if credits do), of what moved at a processor, orders and invoices alike. What an invoice
# captures settles what was owed for it.
FIGURES: Final = {
    "receivable": ((PROCESSOR,), 1),
    "sales": (("sales", "receivables"), -1),
    "refunds": (("refunds",), 1),
    "disputes": (("disputes",), 1),
    "fees": (("processor_fees",), 1),
    "payouts": (("payouts_in_transit",), 1),
}


@dataclass(frozen=True)
class Moved:
    """What went from one account to another in all; minor units."""

    currency: str
    debit: str
    credit: str
    count: int
    amount: int


def moved(organization_id: str) -> list[Moved]:
    """Every pair of accounts between which something moved: the snapshots, and what waits to be added to them."""
    kept = select(
        BalanceSnapshot.currency,
        BalanceSnapshot.debit,
        BalanceSnapshot.credit,
        BalanceSnapshot.count,
        BalanceSnapshot.amount,
    ).where(BalanceSnapshot.organization_id == organization_id)
    waiting = select(
        FigureChange.currency,
        func.split_part(FigureChange.figure, "/", 2),
        func.split_part(FigureChange.figure, "/", 3),
        FigureChange.count,
        FigureChange.amount,
    ).where(FigureChange.organization_id == organization_id, FigureChange.figure.like("moved/%"))
    both = union_all(kept, waiting).subquery()
    pair = (both.c.currency, both.c.debit, both.c.credit)
    wanted = select(*pair, func.sum(both.c.count), func.sum(both.c.amount)).group_by(*pair).order_by(*pair)
    return [Moved(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in db.session.execute(wanted)]


def by_currency(organization_id: str) -> list[dict[str, Any]]:
    """For each currency: what moved at the processors, by FIGURES, and `pending_refunds`; minor units, in the order of the codes."""
    there = [one for one in moved(organization_id) if PROCESSOR in (one.debit, one.credit)]
    pending = _pending_refunds(organization_id)
    return [
        {"currency": currency}
        | {name: sign * _net(there, currency, codes) for name, (codes, sign) in FIGURES.items()}
        | {"pending_refunds": pending.get(currency, 0)}
        for currency in sorted({one.currency for one in there})
    ]


def _net(moves: Iterable[Moved], currency: str, codes: tuple[str, ...]) -> int:
    """Debits less credits of these accounts."""
    ours = [one for one in moves if one.currency == currency]
    return sum(one.amount for one in ours if one.debit in codes) - sum(
        one.amount for one in ours if one.credit in codes
    )


def _pending_refunds(organization_id: str) -> dict[str, int]:
    wanted = (
        select(Refund.currency, func.sum(Refund.amount))
        .where(Refund.organization_id == organization_id, Refund.status.in_(UNSETTLED_REFUND))
        .group_by(Refund.currency)
    )
    return {currency: int(total) for currency, total in db.session.execute(wanted)}
