"""Proving that the ledger is what it should be: all that is kept of it is added up anew from its transfers, and the facts of payments
are looked for in it. The first row that is wrong is named.

Read by a worker's role in one snapshot, so that who posts meanwhile changes nothing of the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import case, func, or_, select, text
from sqlalchemy.orm import aliased

from ballast.billing import balances, trial_balance
from ballast.db import db
from ballast.models import LedgerAccount, LedgerTransfer, Organization, Payment, Refund

GUARD: Final = "ledger_transfers_append_only"
Sums = Counter[tuple[str, str, str]]


@dataclass(frozen=True)
class Proof:
    """What became of one organization's ledger. `broken` says what is wrong first, None when nothing is."""

    slug: str
    transfers: int
    broken: str | None


def verify(organization_id: str | None = None) -> list[Proof]:
    """Verify one organization's ledger, or all of them. Outside of a transaction, as the worker's role."""
    db.session.rollback()
    db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    wanted = select(Organization).order_by(Organization.id)
    if organization_id is not None:
        wanted = wanted.where(Organization.id == organization_id)
    try:
        missing = _missing_guard()
        return [_verify(owner, missing) for owner in db.session.scalars(wanted)]
    finally:
        db.session.rollback()


def _missing_guard() -> str | None:
    """What Postgres should refuse, it must be able to refuse."""
    enabled = text("select tgenabled from pg_trigger where tgname = :name")
    found = db.session.execute(enabled, {"name": GUARD}).scalar()
    return (
        None if found in ("O", "A") else "the trigger that refuses changes of ledger_transfers is missing or disabled"
    )


def _verify(owner: Organization, missing: str | None) -> Proof:
    sums, counts = _recompute(owner.id)
    checks: tuple[Callable[[], str | None], ...] = (
        lambda: _wrong_currency(owner.id),
        lambda: _wrong_balance(owner.id, sums),
        lambda: _wrong_days(owner, sums),
        lambda: _unposted_capture(owner.id),
        lambda: _unposted_refund(owner.id),
    )
    broken = missing or next((found for check in checks if (found := check())), None)
    return Proof(owner.slug, sum(counts.values()), broken)


def _recompute(organization_id: str) -> tuple[Sums, Sums]:
    """Amount and count by currency, debited and credited account, from every transfer."""
    debit, credit, moved = aliased(LedgerAccount), aliased(LedgerAccount), LedgerTransfer
    pair = (moved.currency, debit.code, credit.code)
    wanted = (
        select(*pair, func.sum(moved.amount), func.count())
        .join(debit, (debit.organization_id == moved.organization_id) & (debit.id == moved.debit_account_id))
        .join(credit, (credit.organization_id == moved.organization_id) & (credit.id == moved.credit_account_id))
        .where(moved.organization_id == organization_id)
        .group_by(*pair)
    )
    sums, counts = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for currency, debited, credited, amount, count in db.session.execute(wanted):
        sums[currency, debited, credited], counts[currency, debited, credited] = int(amount), int(count)
    return sums, counts


def _wrong_currency(organization_id: str) -> str | None:
    moved, account = LedgerTransfer, LedgerAccount
    either = or_(account.id == moved.debit_account_id, account.id == moved.credit_account_id)
    wanted = (
        select(moved.id, moved.currency, account.code, account.currency)
        .join(account, (account.organization_id == moved.organization_id) & either)
        .where(moved.organization_id == organization_id, account.currency != moved.currency)
    )
    row = db.session.execute(wanted.order_by(moved.id).limit(1)).first()
    return f"transfer {row[0]} is in {row[1]}, and its account {row[2]} in {row[3]}" if row else None


def _wrong_balance(organization_id: str, sums: Sums) -> str | None:
    """Whether a balance that is kept is another than its transfers come to."""
    kept = Counter({(one.currency, one.debit, one.credit): one.amount for one in balances.moved(organization_id)})
    for pair in sorted(sums.keys() | kept.keys()):
        if kept[pair] != sums[pair]:
            currency, debit, credit = pair
            return (
                f"balance_snapshots {currency} {debit}/{credit} is {kept[pair]}, and its transfers come to {sums[pair]}"
            )
    return None


def _wrong_days(owner: Organization, sums: Sums) -> str | None:
    """Whether the days of an account are together another than its transfers come to. (A changed time zone moves no past day.)"""
    days = trial_balance.posted_in_all(owner)
    whole: Counter[tuple[str, str]] = Counter()
    for (currency, debit, credit), amount in sums.items():
        whole[f"debit/{debit}", currency] += amount
        whole[f"credit/{credit}", currency] += amount
    for figure in sorted(days.keys() | whole.keys()):
        if days[figure] != whole[figure]:
            return f"daily_figures {figure[0]} {figure[1]} come to {days[figure]}, and the transfers to {whole[figure]}"
    return None


def _unposted_capture(organization_id: str) -> str | None:
    """The first payment of which the ledger has another amount than was captured."""
    posted = func.coalesce(func.sum(LedgerTransfer.amount), 0)
    joined = (LedgerTransfer.organization_id == Payment.organization_id) & (LedgerTransfer.payment_id == Payment.id)
    wanted = (
        select(Payment.id, Payment.amount_captured, posted)
        .outerjoin(LedgerTransfer, joined & (LedgerTransfer.kind == "capture"))
        .where(Payment.organization_id == organization_id)
        .group_by(Payment.organization_id, Payment.id)
        .having(posted != Payment.amount_captured)
        .order_by(Payment.id)
    )
    row = db.session.execute(wanted.limit(1)).first()
    return f"payment {row[0]} has captured {row[1]}, and the ledger has {int(row[2])}" if row else None


def _unposted_refund(organization_id: str) -> str | None:
    """The first refund of which the ledger has another amount than went back.

    (Payment by payment: a transfer names its refund by the public id, which the database cannot make of the row's.)
    """
    went = func.sum(Refund.amount).filter(Refund.status == "succeeded")
    gone = (
        select(Refund.payment_id, func.coalesce(went, 0).label("amount"))
        .where(Refund.organization_id == organization_id)
        .group_by(Refund.payment_id)
        .subquery()
    )
    moved = LedgerTransfer
    back = func.sum(case((moved.kind == "refund", moved.amount), else_=-moved.amount))
    posted = (
        select(moved.payment_id, back.label("amount"))
        .where(moved.organization_id == organization_id, moved.kind.in_(("refund", "refund_returned")))
        .group_by(moved.payment_id)
        .subquery()
    )
    kept = func.coalesce(posted.c.amount, 0)
    both = select(gone.c.payment_id, gone.c.amount, kept).outerjoin(posted, posted.c.payment_id == gone.c.payment_id)
    row = db.session.execute(both.where(kept != gone.c.amount).order_by(gone.c.payment_id).limit(1)).first()
    return f"of payment {row[0]} {int(row[1])} went back, and the ledger has {int(row[2])}" if row else None
