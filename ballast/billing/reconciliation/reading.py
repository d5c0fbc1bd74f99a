"""Reconciliations for pages and commands."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from ballast.billing import lookup
from ballast.db import db
from ballast.models import Attempt, Drift, Payout, ProcessorAccount, Reconciliation, Refund
from ballast.models.customers import account_behind, account_of
from ballast.models.reconciliation import drifts_of, reconciliation_of


@dataclass(frozen=True)
class Run:
    """A day that was compared, its account, and what was found, the open drifts first."""

    reconciliation: Reconciliation
    account: ProcessorAccount
    drifts: list[Drift]

    @property
    def open(self) -> list[Drift]:
        return [drift for drift in self.drifts if drift.status == "open"]


def read(organization_id: str, reconciliation_id: str) -> Run:
    """One run. Raises NotFound."""
    wanted = reconciliation_of(organization_id, reconciliation_id)
    row: Reconciliation = lookup.find(wanted, reconciliation_id, "rec", "reconciliation")
    account = db.session.scalars(account_of(organization_id, row.processor_account_id)).one()
    return Run(row, account, list(db.session.scalars(drifts_of(organization_id, row.id))))


def listed(organization_id: str) -> Select[Reconciliation, ProcessorAccount]:
    """Every run with its account."""
    wanted = select(Reconciliation, ProcessorAccount).join(ProcessorAccount, account_behind(Reconciliation))
    return wanted.where(Reconciliation.organization_id == organization_id)


def payouts(organization_id: str) -> Select[Payout, ProcessorAccount]:
    """Every payout with its account."""
    wanted = select(Payout, ProcessorAccount).join(ProcessorAccount, account_behind(Payout))
    return wanted.where(Payout.organization_id == organization_id)


def payments_of(organization_id: str, drifts: list[Drift]) -> dict[str, str]:
    """Drift → the payment it is about, where it is one of ours."""
    found: dict[str, str] = {}
    for model, column in ((Attempt, "attempt_id"), (Refund, "refund_id")):
        named = {getattr(drift, column): drift.id for drift in drifts if getattr(drift, column)}
        wanted = select(model.id, model.payment_id).where(
            model.organization_id == organization_id, model.id.in_(list(named))
        )
        found |= {named[row_id]: payment_id for row_id, payment_id in db.session.execute(wanted) if named}
    return found


def open_drifts(organization_id: str) -> int:
    """How many are open."""
    wanted = select(func.count()).select_from(Drift)
    mine = (Drift.organization_id == organization_id, Drift.status == "open")
    return db.session.scalars(wanted.where(*mine)).one()


def accounts_in_use(organization_id: str | None = None) -> list[tuple[str, str]]:
    """Organization and account, of one or of all."""
    wanted = select(ProcessorAccount.organization_id, ProcessorAccount.id).where(ProcessorAccount.archived_at.is_(None))
    if organization_id is not None:
        wanted = wanted.where(ProcessorAccount.organization_id == organization_id)
    rows = [(row[0], row[1]) for row in db.session.execute(wanted.order_by(ProcessorAccount.id))]
    db.session.rollback()
    return rows
