"""What stands on each account of the ledger, now or at the end of a day, from what is added up behind the transfers; no transfer is
summed here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Date, Select, cast, func, or_, select
from sqlalchemy.orm import aliased

from ballast.billing import balances
from ballast.db import db
from ballast.models import DailyFigure, FigureChange, LedgerAccount, LedgerTransfer, Organization

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


def read(organization: Organization, day: date | None = None) -> list[Balance]:
    """The trial balance of each currency: now, or at the end of a day of the organization's time zone."""
    organization_id = organization.id
    posted = _posted_until(organization, day) if day else _posted(organization_id)
    accounts = db.session.scalars(select(LedgerAccount).where(LedgerAccount.organization_id == organization_id))
    rows: dict[str, list[Row]] = {}
    for account in sorted(accounts, key=lambda one: (ORDER.index(one.kind), one.code)):
        sums = (posted[f"{side}/{account.code}", account.currency] for side in ("debit", "credit"))
        rows.setdefault(account.currency, []).append(Row(account, *sums))
    return [Balance(currency, found) for currency, found in sorted(rows.items())]


def of_account(organization: Organization, account: LedgerAccount, day: date) -> Row:
    """One account at the end of a day of the organization's time zone."""
    posted = _posted_until(organization, day)
    return Row(account, *(posted[f"{side}/{account.code}", account.currency] for side in ("debit", "credit")))


def posted_in_all(organization: Organization) -> Counter[tuple[str, str]]:
    """What the days that are added up, and what waits, come to by side with account, and currency."""
    return _posted_until(organization, date.max)


def _posted(organization_id: str) -> Counter[tuple[str, str]]:
    """By side with account, and currency."""
    posted: Counter[tuple[str, str]] = Counter()
    for one in balances.moved(organization_id):
        posted[f"debit/{one.debit}", one.currency] += one.amount
        posted[f"credit/{one.credit}", one.currency] += one.amount
    return posted


def _posted_until(organization: Organization, day: date) -> Counter[tuple[str, str]]:
    """As `_posted`, to the end of a day: of the days that are added up, and of what waits and falls into them."""
    found: Counter[tuple[str, str]] = Counter()
    kept = select(DailyFigure.figure, DailyFigure.currency, func.sum(DailyFigure.amount)).where(
        DailyFigure.organization_id == organization.id,
        or_(DailyFigure.figure.like("debit/%"), DailyFigure.figure.like("credit/%")),
        DailyFigure.day <= day,
    )
    for figure, currency, amount in db.session.execute(kept.group_by(DailyFigure.figure, DailyFigure.currency)):
        found[figure, currency] += int(amount)
    waiting = select(FigureChange.figure, FigureChange.currency, func.sum(FigureChange.amount)).where(
        FigureChange.organization_id == organization.id,
        FigureChange.figure.op("~")("^(moved|debit|credit)/"),
        cast(func.timezone(organization.timezone, FigureChange.at), Date) <= day,
    )
    for figure, currency, amount in db.session.execute(waiting.group_by(FigureChange.figure, FigureChange.currency)):
        for part in _parts(figure):
            found[part, currency] += int(amount)
    return found


def _parts(figure: str) -> tuple[str, ...]:
    side, first, *second = figure.split("/")
    return (f"debit/{first}", f"credit/{second[0]}") if side == "moved" else (figure,)


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
