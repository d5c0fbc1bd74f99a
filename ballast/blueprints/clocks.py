"""The clock of a sandbox organization: where it stands, moving it on, and a calendar of what happened and what is coming."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, session, url_for
from sqlalchemy import select

from ballast.billing import calendar, clock_resets, clocks
from ballast.billing.calendar import Item
from ballast.billing.subscriptions import charging
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.identity import users
from ballast.models import Organization
from ballast.security import without_card_number
from ballast.templating import read_day, show_datetime, zone
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("clocks", __name__, url_prefix="/admin/clock")
dashboard(blueprint)

RIGHT: Final = "clock"
WAYS: Final = ("day", "week", "month", "next_event", "date")
# So many of a day show at once; the others unfold.
SHOWN: Final = 4


@blueprint.get("")
def show() -> Response:
    """Where it stands, how far an advance has come, and a month."""
    return _page()


@blueprint.post("")
@requires(RIGHT)
def advance() -> Response:
    """Have it moved on; the worker does it, and the page follows."""
    by, typed = request.form.get("by", ""), without_card_number(request.form.get("date", "").strip())[:40]
    began = now()
    end_reading()
    try:
        if by not in WAYS:
            raise InvalidRequest("clock_target_invalid", "Choose how far.", param="by")
        moment = _read_day(typed) if by == "date" else None
        with transaction() as rows:
            owner = rows.scalars(select(Organization).where(Organization.id == g.organization.id)).one()
            target = clocks.target_of(owner, by, moment)
            clocks.ask(owner.id, target)
    except BallastError as error:
        db.session.rollback()
        return _page(error.message, typed)
    flash(f"On its way to {show_datetime(target, g.organization.timezone)}.", "success")
    return see_other(url_for("clocks.show", began=began.isoformat()))


@blueprint.get("/reset")
@requires(RIGHT)
def review_reset() -> Response:
    """What starting over leaves behind."""
    return render("admin/clock/reset.html", problem=None)


@blueprint.post("/reset")
@requires(RIGHT)
def reset() -> Response:
    """Archive this organization and go on in a fresh one; its address, typed, says that it is meant."""
    organization_id, slug = g.organization.id, g.organization.slug
    if request.form.get("confirm", "").strip().lower() != slug:
        return render("admin/clock/reset.html", None, 422, problem=f"Type {slug} to confirm.")
    end_reading()
    try:
        session["organization"] = clock_resets.reset(organization_id)
    except Conflict as error:
        db.session.rollback()
        return render("admin/clock/reset.html", None, 409, problem=error.message)
    flash("This is a fresh sandbox. What was before is archived.", "success")
    return see_other(url_for("clocks.show"))


def _read_day(typed: str) -> datetime:
    """The begin of that day where the organization is."""
    try:
        return read_day(typed, g.organization.timezone)
    except ValueError as error:
        raise InvalidRequest("clock_target_invalid", "Write a day such as 2026-12-24.", param="date") from error


def _page(problem: str | None = None, typed: str = "") -> Response:
    owner = g.organization
    month = _month(request.args.get("month", ""))
    began = _began(request.args.get("began", ""))
    following = (month.replace(day=28) + timedelta(days=7)).replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    return render(
        "admin/clock/show.html",
        None if problem else "live",
        422 if problem else 200,
        owner=owner,
        may_move=users.may(g.role, RIGHT) and owner.mode == "sandbox",
        stands=now(),
        coming=charging.next_due(owner.id),
        moving=owner.clock_target_at is not None,
        percent=_percent(began, owner.clock_target_at),
        again_url=url_for("clocks.show", month=f"{month:%Y-%m}", began=began.isoformat()),
        problem=problem,
        typed=typed,
        month=month,
        weeks=_weeks(month),
        shown=SHOWN,
        today=_local(now()),
        urls={
            "before": url_for("clocks.show", month=f"{before:%Y-%m}") if before.year > 1 else None,
            "after": url_for("clocks.show", month=f"{following:%Y-%m}"),
            "today": url_for("clocks.show"),
        },
    )


def _percent(began: datetime, target: datetime | None) -> int:
    """How much of the way is behind it."""
    if target is None or target <= began:
        return 100
    return round(100 * min(max((now() - began) / (target - began), 0), 1))


def _began(given: str) -> datetime:
    """Where it stood when the advance was asked for, as the address says; else the present."""
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        return now()
    return found if found.tzinfo else now()


def _month(given: str) -> date:
    """The first day of the month that is shown."""
    try:
        found = datetime.strptime(given, "%Y-%m").date()  # noqa: DTZ007  a month of the calendar
    except ValueError:
        found = _local(now())
    return found.replace(day=1) if 1970 <= found.year <= 2999 else _local(now()).replace(day=1)


def _local(moment: datetime) -> date:
    return moment.astimezone(zone(g.organization.timezone)).date()


def _weeks(month: date) -> list[list[dict[str, Any] | None]]:
    """The month's days with what is on them, in weeks from Monday on; None outside of it."""
    tz = zone(g.organization.timezone)
    days = monthrange(month.year, month.month)[1]
    start = datetime.combine(month, time(), tz)
    end = datetime.combine(month + timedelta(days=days), time(), tz)
    on: dict[date, list[Item]] = {}
    for item in calendar.read(g.organization.id, start, end):
        on.setdefault(_local(item.at), []).append(item)
    cells: list[dict[str, Any] | None] = [None] * month.weekday()
    for number in range(days):
        day = month + timedelta(days=number)
        cells.append({"day": day, "things": [_linked(item) for item in on.get(day, [])]})
    cells += [None] * (-len(cells) % 7)
    return [cells[place : place + 7] for place in range(0, len(cells), 7)]


def _linked(item: Item) -> dict[str, Any]:
    """An item with the page of what it is about."""
    prefix = (item.about or "").partition("_")[0]
    url = {
        "sub": lambda: url_for("subscriptions.show", subscription_id=item.about),
        "in": lambda: url_for("invoices.show", invoice_id=item.about),
        "pay": lambda: url_for("admin.payment", payment_id=item.about),
    }.get(prefix)
    return {"item": item, "url": url() if url else None}
