"""What an organization has at its processors, summed from the ledger: of what moved there, orders and invoices alike."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, select, union_all

from ballast.db import db
from ballast.models import LedgerAccount, LedgerTransfer, Refund
from ballast.models.states import UNSETTLED_REFUND

# name → (accounts, 1 if debits raise it, -1 if credits do). What an invoice captures settles what was owed for it.
FIGURES: Final = {
    "receivable": (("processor_receivable",), 1),
    "sales": (("sales", "receivables"), -1),
    "refunds": (("refunds",), 1),
    "disputes": (("disputes",), 1),
}


def by_currency(organization_id: str) -> list[dict[str, Any]]:
    """For each currency: the figures of the ledger and `pending_refunds`, minor units, in the order of the codes."""
    balances = _balances(organization_id)
    pending = _pending_refunds(organization_id)
    return [
        {"currency": currency}
        | {
            name: sign * sum(balances.get((currency, code), 0) for code in codes)
            for name, (codes, sign) in FIGURES.items()
        }
        | {"pending_refunds": pending.get(currency, 0)}
        for currency in sorted({currency for currency, _code in balances})
    ]


def _balances(organization_id: str) -> dict[tuple[str, str], int]:
    """Debits less credits by (currency, account code), of transfers from or to a processor: every one of those is read, as
    docs/decisions/0004 has it for now."""
    there = select(LedgerAccount.id).where(
        LedgerAccount.organization_id == organization_id, LedgerAccount.code == "processor_receivable"
    )
    moved_there = LedgerTransfer.debit_account_id.in_(there) | LedgerTransfer.credit_account_id.in_(there)
    ours = and_(LedgerTransfer.organization_id == organization_id, moved_there)
    debits = select(LedgerTransfer.debit_account_id.label("account_id"), LedgerTransfer.amount).where(ours)
    taken = select(LedgerTransfer.credit_account_id, -LedgerTransfer.amount).where(ours)
    moved = union_all(debits, taken).subquery()
    wanted = (
        select(LedgerAccount.currency, LedgerAccount.code, func.sum(moved.c.amount))
        .join(moved, moved.c.account_id == LedgerAccount.id)
        .where(LedgerAccount.organization_id == organization_id)
        .group_by(LedgerAccount.currency, LedgerAccount.code)
    )
    return {(currency, code): int(total) for currency, code, total in db.session.execute(wanted)}


def _pending_refunds(organization_id: str) -> dict[str, int]:
    wanted = (
        select(Refund.currency, func.sum(Refund.amount))
        .where(Refund.organization_id == organization_id, Refund.status.in_(UNSETTLED_REFUND))
        .group_by(Refund.currency)
    )
    return {currency: int(total) for currency, total in db.session.execute(wanted)}
