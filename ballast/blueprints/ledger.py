"""The ledger in the dashboard: the trial balance of each currency, every transfer, and a statement of each account."""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for
from sqlalchemy import Select

from ballast import answers
from ballast.billing import statements, trial_balance
from ballast.errors import InvalidRequest
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
    """Accounts and what stands on them, by currency; now, or at the end of a day."""
    try:
        day, problem = _read_day(request.args.get("day", "")), None
    except InvalidRequest as error:
        day, problem = None, error.message
    balances = trial_balance.read(g.organization, day)
    return render("admin/ledger/index.html", None, 422 if problem else 200, balances=balances, day=day, problem=problem)


def _read_day(typed: str) -> date | None:
    """Raises InvalidRequest(`day_invalid`)."""
    try:
        return date.fromisoformat(typed.strip()) if typed.strip() else None
    except ValueError:
        raise InvalidRequest("day_invalid", "Write a day such as 2026-11-27.", param="day") from None


@blueprint.get("/accounts/<ledger_account_id>")
def statement(ledger_account_id: str) -> Response:
    """An account from day to day: what stood on it, what moved, what stands on it. This month where nobody says."""
    problem = None
    try:
        period = _period()
    except InvalidRequest as error:
        period, problem = statements.month_of(g.organization), error.message
    found = statements.read(g.organization, ledger_account_id, *period)
    edges = (request.args.get("before"), request.args.get("after"))
    page = keyset(statements.moved(g.organization, found), LedgerTransfer.id, "tr", *edges)
    chosen = {"from": found.start.isoformat(), "to": found.end.isoformat()}
    return render(
        "admin/ledger/statement.html",
        "list" if problem is None else None,
        422 if problem else 200,
        statement=found,
        problem=problem,
        rows=[{"transfer": row[0], "debit": row[1], "credit": row[2]} for row in page.rows],
        export_url=f"{url_for('ledger.statement_file', ledger_account_id=ledger_account_id)}?{urlencode(chosen)}",
        previous_url=_statement_url(ledger_account_id, chosen, before=page.before),
        next_url=_statement_url(ledger_account_id, chosen, after=page.after),
    )


@blueprint.get("/accounts/<ledger_account_id>/statement.csv")
def statement_file(ledger_account_id: str) -> Response:
    """The same as a file, oldest first, with what stood on the account after each transfer."""
    found = statements.read(g.organization, ledger_account_id, *_period())
    return answers.file("statement", statements.lines(g.organization, found))


def _period() -> tuple[date, date]:
    """Raises InvalidRequest(`day_invalid`, `period_invalid`)."""
    first, last = statements.month_of(g.organization)
    start, end = (_read_day(request.args.get(name, "")) for name in ("from", "to"))
    return statements.check(start or (end.replace(day=1) if end else first), end or last)


def _statement_url(account_id: str, chosen: dict[str, str], **edge: str | None) -> str | None:
    url = url_for("ledger.statement", ledger_account_id=account_id)
    given = urlencode({name: value for name, value in {**chosen, **edge}.items() if value})
    return f"{url}?{given}" if any(edge.values()) else None


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
