"""The ledger: accounts and transfers. Append-only; Postgres refuses UPDATE and DELETE on transfers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, money_checks, one_of, reference, within

# code → kind. Debit raises assets and expenses; credit raises liabilities, income.
CHART: Final = {
    "processor_receivable": "asset",
    "payouts_in_transit": "asset",  # on their way from a processor to the bank
    "bank": "asset",  # payouts that arrived
    "customer_credit": "liability",
    "late_receipts": "liability",  # taken for an attempt that had been given up, until it has gone back
    "receivables": "asset",
    "financing_receivable": "asset",  # installments: principal, all interest of the schedule, late fees
    "other_receipts": "asset",  # money that came by another road than a processor
    "unearned_interest": "liability",
    "charge_off_allowance": "liability",  # stands against what was charged off
    "tax_payable": "liability",
    "sales": "income",
    "subscription_revenue": "income",
    "interest_income": "income",
    "financing_fees": "income",  # origination
    "late_fees": "income",
    "recoveries": "income",  # of what had been charged off
    "bad_debt": "expense",
    "refunds": "expense",
    "processor_fees": "expense",
    "disputes": "expense",
}


class BalanceSnapshot(Scoped, Base):
    """What was moved from one account to another in all, as far as it is added up; what waits is in `FigureChange` rows.

    Kept by pair of accounts, so that every balance, and what moved at a processor alone, is a sum of a few rows at any size.
    """

    __tablename__ = "balance_snapshots"

    currency: Mapped[str] = mapped_column(primary_key=True)
    debit: Mapped[str] = mapped_column(primary_key=True, doc="the code of the account")
    credit: Mapped[str] = mapped_column(primary_key=True, doc="the code of the account")
    count: Mapped[int] = mapped_column(default=0, server_default="0")
    amount: Mapped[int] = mapped_column(default=0, server_default="0")


class LedgerAccount(Scoped, Base):
    """One account per code and currency. It holds no running balance: that would be a hot row."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("organization_id", "code", "currency"),
        one_of("kind", ("asset", "liability", "income", "expense", "equity")),
    )

    id: Mapped[str] = id_column("acc")
    code: Mapped[str]
    kind: Mapped[str]
    currency: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class LedgerTransfer(Scoped, Base):
    """A positive amount from one account to another: it cannot be out of balance. One per source and kind."""

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        *money_checks(),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        within("debit_account_id", "ledger_accounts"),
        within("credit_account_id", "ledger_accounts"),
        within("payment_id", "payments"),
        UniqueConstraint("organization_id", "source", "kind"),
        Index("ix_ledger_transfers_payment", "organization_id", "payment_id"),
        Index("ix_ledger_transfers_debit", "organization_id", "debit_account_id", "id"),
        Index("ix_ledger_transfers_credit", "organization_id", "credit_account_id", "id"),
    )

    id: Mapped[str] = id_column("tr")
    kind: Mapped[str]
    source: Mapped[str]
    debit_account_id: Mapped[str] = reference("acc")
    credit_account_id: Mapped[str] = reference("acc")
    amount: Mapped[int]
    currency: Mapped[str]
    payment_id: Mapped[str | None] = reference("pay")
    posted_at: Mapped[datetime] = created_column()


def accounts_of(organization_id: str, currency: str) -> Select[LedgerAccount]:
    """The organization's accounts in a currency."""
    return select(LedgerAccount).where(
        LedgerAccount.organization_id == organization_id, LedgerAccount.currency == currency
    )
