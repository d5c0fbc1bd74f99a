"""Posting to the ledger: in the transaction of the fact, once per fact."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast.clock import now
from ballast.db import db, insert_row, once
from ballast.ids import new_id
from ballast.models import LedgerAccount, LedgerTransfer
from ballast.models.ledger import CHART

# Behind an attempt's id and a slash: the goods' part of a payment that an invoice has its own part of.
ORDER_PART: Final = "order"


def post(
    organization_id: str,
    kind: str,
    source: str,
    debit: str,
    credit: str,
    amount: int,
    currency: str,
    payment_id: str | None = None,
) -> None:
    """Move `amount` minor units from account code `credit` to account code `debit`.

    `source` is the id of the fact; a second posting of the same kind for it does nothing. In the caller's transaction.
    """
    accounts = _accounts(organization_id, currency, (debit, credit))
    values = {
        "organization_id": organization_id,
        "id": new_id("tr"),
        "kind": kind,
        "source": source,
        "debit_account_id": accounts[debit],
        "credit_account_id": accounts[credit],
        "amount": amount,
        "currency": currency,
        "payment_id": payment_id,
        "posted_at": now(),
    }
    insert_row(LedgerTransfer, values, once_per=("organization_id", "source", "kind"))


def _accounts(organization_id: str, currency: str, codes: tuple[str, ...]) -> dict[str, str]:
    """The ids of the accounts, opened if this is their first use. Ids never change, so a transaction reads them once."""
    found = once(("ledger", organization_id, currency), lambda: _read_accounts(organization_id, currency))
    if not found.keys() >= set(codes):
        found |= _open_accounts(organization_id, currency, codes, found)
    return found


def _read_accounts(organization_id: str, currency: str) -> dict[str, str]:
    wanted = select(LedgerAccount.code, LedgerAccount.id).where(
        LedgerAccount.organization_id == organization_id, LedgerAccount.currency == currency
    )
    return {row[0]: row[1] for row in db.session.execute(wanted)}


def _open_accounts(
    organization_id: str, currency: str, codes: tuple[str, ...], found: dict[str, str]
) -> dict[str, str]:
    missing = [
        {
            "organization_id": organization_id,
            "id": new_id("acc"),
            "code": code,
            "kind": CHART[code],
            "currency": currency,
        }
        for code in sorted(codes)  # in one order everywhere, so that two who open the same accounts do not deadlock
        if code not in found
    ]
    db.session.execute(
        insert(LedgerAccount)
        .values(missing)
        .on_conflict_do_nothing(index_elements=["organization_id", "code", "currency"])
    )
    return _read_accounts(organization_id, currency)
