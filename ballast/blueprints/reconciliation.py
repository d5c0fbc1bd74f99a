"""Reconciliation in the dashboard: days that were compared with the processors' lists, what differed, mending it, and payouts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import accounts
from ballast.billing.reconciliation import days, reading, repairing
from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models import Payout, Reconciliation
from ballast.web import Page, dashboard, filter_url, keyset, render, requires, see_other

blueprint = Blueprint("reconciliation", __name__, url_prefix="/admin/reconciliation")
dashboard(blueprint)

RIGHT: Final = "replay"
# What each class of drift means, for the person who reads it.
MEANING: Final = {
    "missing_here": "The processor has it, and Ballast does not.",
    "missing_there": "Ballast has it, and the processor does not.",
    "amount_differs": "The ledger has another amount than the processor took.",
    "state_differs": "It stands otherwise at the processor than here.",
    "fee_unknown": "The processor has not said what it kept.",
}


@blueprint.get("")
def index() -> Response:
    """Days that were compared, the latest asked for first."""
    return _index()


def _index(status: int = 200, problem: str | None = None) -> Response:
    page = _page(reading.listed(g.organization.id), Reconciliation, "rec")
    yesterday = real_time().date() - timedelta(days=1)
    return render(
        "admin/reconciliation/index.html",
        "list" if problem is None else None,
        status,
        rows=[{"run": row[0], "account": row[1]} for row in page.rows],
        accounts=accounts.all_of(g.organization.id),
        typed={"day": request.form.get("day", yesterday.isoformat())[:40], "account": request.form.get("account", "")},
        problem=problem,
        may_ask=users.may(g.role, RIGHT),
        **_edges("reconciliation.index", page),
    )


@blueprint.post("")
@requires(RIGHT)
def ask() -> Response:
    """Have a day compared, again if it was before."""
    organization_id, account_id = g.organization.id, request.form.get("account", "")
    end_reading()
    try:
        with transaction():
            run_id = days.ask(organization_id, account_id, _read_day(request.form.get("day", "")))
    except BallastError as error:
        db.session.rollback()
        return _index(422, error.message)
    return see_other(url_for("reconciliation.show", reconciliation_id=run_id))


def _read_day(typed: str) -> date:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise InvalidRequest("day_invalid", "Write a day such as 2026-11-27.", param="day") from None


@blueprint.get("/payouts")
def payouts() -> Response:
    """What the processors sent to the bank, as the latest comparisons learned it."""
    page = _page(reading.payouts(g.organization.id), Payout, "po")
    return render(
        "admin/reconciliation/payouts.html",
        "list",
        200,
        rows=[{"payout": row[0], "account": row[1]} for row in page.rows],
        **_edges("reconciliation.payouts", page),
    )


@blueprint.get("/<reconciliation_id>")
def show(reconciliation_id: str) -> Response:
    """One day: what was compared and what differs."""
    found = reading.read(g.organization.id, reconciliation_id)
    return render(
        "admin/reconciliation/show.html",
        "live",
        run=found.reconciliation,
        account=found.account,
        drifts=found.drifts,
        payments=reading.payments_of(g.organization.id, found.drifts),
        meaning=MEANING,
        may_repair=users.may(g.role, RIGHT),
    )


@blueprint.get("/drifts/<drift_id>")
@requires(RIGHT)
def rehearse(drift_id: str) -> Response:
    """What mending it would do: the processor is asked, and nothing is changed."""
    return _review(drift_id)


@blueprint.post("/drifts/<drift_id>")
@requires(RIGHT)
def repair(drift_id: str) -> Response:
    """Record what the processor says now."""
    organization_id = g.organization.id
    try:
        plan = repairing.repair(organization_id, drift_id)
    except BallastError as error:
        db.session.rollback()
        if error.status == 404:
            raise
        return _review(drift_id, error.status)
    flash(plan.sentence, "success")
    drift = repairing.find(organization_id, drift_id)
    return see_other(url_for("reconciliation.show", reconciliation_id=drift.reconciliation_id))


def _review(drift_id: str, status: int = 200) -> Response:
    organization_id = g.organization.id
    plan = repairing.rehearse(organization_id, drift_id)
    drift = repairing.find(organization_id, drift_id)
    found = reading.read(organization_id, drift.reconciliation_id)
    return render(
        "admin/reconciliation/repair.html",
        None,
        status,
        drift=drift,
        run=found.reconciliation,
        account=found.account,
        plan=plan,
        meaning=MEANING,
    )


def _page(wanted: Any, model: Any, prefix: str) -> Page:
    return keyset(wanted, model.id, prefix, request.args.get("before"), request.args.get("after"))


def _edges(route: str, page: Page) -> dict[str, str | None]:
    return {
        "previous_url": filter_url(route, {}, before=page.before),
        "next_url": filter_url(route, {}, after=page.after),
    }
