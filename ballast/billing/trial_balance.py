"""What stands on each account of the ledger, from the days that are added up behind the transfers; no transfer is summed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, or_, select, union_all
from sqlalchemy.orm import aliased

from ballast.db import db
from ballast.models import DailyFigure, FigureChange, LedgerAccount, LedgerTransfer

# What a debit raises.
DEBIT_KINDS: Final = ("asset", "expense")
ORDER: Final = ("asset", "liability", "equity", "income", "expense")


@dataclass(frozen=True)
class Row:
    """An account. Minor units; `balance` is positive on the side that its kind has it."""

    account: LedgerAccount
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        net = self.debits - self.credits
        return net if self.account.kind in DEBIT_KINDS else -net


@dataclass(frozen=True)
class Balance:
    """A currency's accounts. They balance, since a transfer debits what it credits."""

    currency: str
    rows: list[Row]

    @property
    def debits(self) -> int:
        return sum(row.debits for row in self.rows)

    @property
    def credits(self) -> int:
        return sum(row.credits for row in self.rows)


def read(organization_id: str) -> list[Balance]:
    """The trial balance of each currency."""
    posted = _posted(organization_id)
    accounts = db.session.scalars(select(LedgerAccount).where(LedgerAccount.organization_id == organization_id))
    rows: dict[str, list[Row]] = {}
    for account in sorted(accounts, key=lambda one: (ORDER.index(one.kind), one.code)):
        sums = (posted.get((f"{side}/{account.code}", account.currency), 0) for side in ("debit", "credit"))
        rows.setdefault(account.currency, []).append(Row(account, *sums))
    return [Balance(currency, found) for currency, found in sorted(rows.items())]


def _posted(organization_id: str) -> dict[tuple[str, str], int]:
    parts = []
    for model in (DailyFigure, FigureChange):
        of_ledger = or_(model.figure.like("debit/%"), model.figure.like("credit/%"))
        parts.append(
            select(model.figure, model.currency, func.sum(model.amount).label("amount"))
            .where(model.organization_id == organization_id, of_ledger)
            .group_by(model.figure, model.currency)
        )
    both = union_all(*parts).subquery()
    wanted = select(both.c.figure, both.c.currency, func.sum(both.c.amount)).group_by(both.c.figure, both.c.currency)
    return {(figure, currency): int(amount) for figure, currency, amount in db.session.execute(wanted)}


def transfers(organization_id: str, account_id: str = "") -> Select[LedgerTransfer, LedgerAccount, LedgerAccount]:
    """Transfers with the account that was debited and the one that was credited; of one account alone where it is named."""
    debit, credit = aliased(LedgerAccount), aliased(LedgerAccount)
    moved = LedgerTransfer
    wanted = (
        select(moved, debit, credit)
        .join(debit, (debit.organization_id == moved.organization_id) & (debit.id == moved.debit_account_id))
        .join(credit, (credit.organization_id == moved.organization_id) & (credit.id == moved.credit_account_id))
        .where(moved.organization_id == organization_id)
    )
    if account_id:
        wanted = wanted.where(or_(moved.debit_account_id == account_id, moved.credit_account_id == account_id))
    return wanted
