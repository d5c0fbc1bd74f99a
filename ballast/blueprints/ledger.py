"""The ledger in the dashboard: the trial balance of each currency, and every transfer."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, request
from sqlalchemy import Select

from ballast import answers
from ballast.billing import trial_balance
from ballast.ids import to_uuid
from ballast.models import LedgerAccount, LedgerTransfer
from ballast.money import to_decimal
from ballast.web import dashboard, filter_url, keyset, render

blueprint = Blueprint("ledger", __name__, url_prefix="/admin/ledger")
dashboard(blueprint)

ROUTE: Final = "ledger.transfers"
COLUMNS: Final[answers.Columns] = {
    "id": lambda transfer, _debit, _credit: transfer.id,
    "kind": lambda transfer, _debit, _credit: transfer.kind,
    "debit": lambda _transfer, debit, _credit: debit.code,
    "credit": lambda _transfer, _debit, credit: credit.code,
    "amount": lambda transfer, _debit, _credit: to_decimal(transfer.amount, transfer.currency),
    "currency": lambda transfer, _debit, _credit: transfer.currency,
    "source": lambda transfer, _debit, _credit: transfer.source,
    "payment": lambda transfer, _debit, _credit: transfer.payment_id,
    "posted_at": lambda transfer, _debit, _credit: transfer.posted_at,
}


@blueprint.get("")
def index() -> Response:
    """Accounts and what stands on them, by currency."""
    return render("admin/ledger/index.html", balances=trial_balance.read(g.organization))


@blueprint.get("/transfers")
def transfers() -> Response:
    """Transfers, newest first, of all accounts or of one."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), LedgerTransfer.id, "tr", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/ledger/transfers.html",
        "list",
        rows=[{"transfer": row[0], "debit": row[1], "credit": row[2]} for row in page.rows],
        account=_named(page.rows, chosen["account"]),
        export_url=filter_url("ledger.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/transfers/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("transfers", _wanted(_chosen()), LedgerTransfer.id, COLUMNS)


def _chosen() -> dict[str, str]:
    account = request.args.get("account", "")
    return {"account": account if to_uuid(account, "acc") else ""}


def _wanted(chosen: dict[str, str]) -> Select[LedgerTransfer, LedgerAccount, LedgerAccount]:
    return trial_balance.transfers(g.organization.id, chosen["account"])


def _named(rows: list[tuple[LedgerTransfer, LedgerAccount, LedgerAccount]], account_id: str) -> LedgerAccount | None:
    """The account whose transfers these are: each of them names it."""
    return next((one for _, debit, credit in rows for one in (debit, credit) if one.id == account_id), None)
