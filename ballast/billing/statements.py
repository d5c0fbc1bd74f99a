"""A statement of one account of the ledger: what stood on it before the first day, what moved, what stands after the last.

The sums come from days that are added up, so a statement costs the same however much moved; the transfers are read page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sqlalchemy import Select, select

from ballast import sheets
from ballast.billing import lookup, trial_balance
from ballast.clock import now
from ballast.db import db, end_reading, organization
from ballast.errors import InvalidRequest
from ballast.models import LedgerAccount, LedgerTransfer, Organization
from ballast.money import to_decimal
from ballast.templating import zone

LONGEST: Final = timedelta(days=366)
BATCH: Final = 500
HEADS: Final = ("id", "posted_at", "kind", "source", "payment", "debit", "credit", "balance", "currency")


@dataclass(frozen=True)
class Statement:
    """Both days are included. Minor units; `opening` and `closing` are positive on the side that the account's kind has them."""

    account: LedgerAccount
    start: date
    end: date
    opening: int
    debits: int
    credits: int

    @property
    def closing(self) -> int:
        return self.opening + self.signed(self.debits - self.credits)

    def signed(self, net: int) -> int:
        """Debits less credits, as the account's kind counts them."""
        return net if self.account.kind in trial_balance.DEBIT_KINDS else -net


def month_of(owner: Organization) -> tuple[date, date]:
    """The present month so far."""
    today = now().astimezone(zone(owner.timezone)).date()
    return today.replace(day=1), today


def check(start: date, end: date) -> tuple[date, date]:
    """The same days. Raises InvalidRequest(`period_invalid`)."""
    if not start <= end <= start + LONGEST:
        raise InvalidRequest("period_invalid", "Choose a first and a last day, a year apart at most.", param="from")
    return start, end


def read(owner: Organization, account_id: str, start: date, end: date) -> Statement:
    """The statement. Raises NotFound."""
    wanted = select(LedgerAccount).where(LedgerAccount.organization_id == owner.id, LedgerAccount.id == account_id)
    account = lookup.find(wanted, account_id, "acc", "account")
    before, after = (trial_balance.of_account(owner, account, day) for day in (start - timedelta(days=1), end))
    debits, credits = after.debits - before.debits, after.credits - before.credits
    return Statement(account, start, end, before.balance, debits, credits)


def moved(owner: Organization, statement: Statement) -> Select[LedgerTransfer, LedgerAccount, LedgerAccount]:
    """The transfers of the days."""
    tz = zone(owner.timezone)
    first = datetime.combine(statement.start, time(), tz)
    after = datetime.combine(statement.end + timedelta(days=1), time(), tz)
    wanted = trial_balance.transfers(owner.id, statement.account.id)
    return wanted.where(LedgerTransfer.posted_at >= first, LedgerTransfer.posted_at < after)


def lines(owner: Organization, statement: Statement) -> Iterator[str]:
    """The statement as lines of CSV, oldest first; each batch is a transaction of its own."""
    account, balance = statement.account, statement.opening
    account_id, currency, organization_id = account.id, account.currency, owner.id
    wanted = moved(owner, statement).order_by(LedgerTransfer.id)
    yield sheets.line(HEADS)
    yield sheets.line(("", statement.start, "opening", "", "", "", "", to_decimal(balance, currency), currency))
    last: str | None = None
    while rows := _batch(organization_id, wanted, last):
        for transfer in rows:
            is_debit = transfer.debit_account_id == account_id
            balance += statement.signed(transfer.amount if is_debit else -transfer.amount)
            yield _line(transfer, is_debit, balance)
        last = rows[-1].id
    yield sheets.line(("", statement.end, "closing", "", "", "", "", to_decimal(balance, currency), currency))


def _batch(
    organization_id: str, wanted: Select[LedgerTransfer, LedgerAccount, LedgerAccount], last: str | None
) -> list[LedgerTransfer]:
    with organization(organization_id):
        newer = wanted.where(LedgerTransfer.id > last) if last is not None else wanted
        found = [row[0] for row in db.session.execute(newer.limit(BATCH))]
        db.session.expunge_all()
        end_reading()
        return found


def _line(transfer: LedgerTransfer, is_debit: bool, balance: int) -> str:
    amount = to_decimal(transfer.amount, transfer.currency)
    sides = (amount, "") if is_debit else ("", amount)
    said = (transfer.id, transfer.posted_at, transfer.kind, transfer.source, transfer.payment_id)
    return sheets.line((*said, *sides, to_decimal(balance, transfer.currency), transfer.currency))
