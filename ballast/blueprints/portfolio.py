"""The portfolio in the dashboard: what is lent, how much of it is behind, what is coming and what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from flask import Blueprint, Response, g, request, url_for

from ballast.billing import scales
from ballast.billing.financing import portfolio
from ballast.billing.financing.portfolio import BEHIND, Month, Standing
from ballast.clock import now
from ballast.money import format_money
from ballast.templating import zone
from ballast.web import dashboard, render

blueprint = Blueprint("portfolio", __name__, url_prefix="/admin/financing/portfolio")
dashboard(blueprint)

ROUTE: Final = "portfolio.index"


@blueprint.get("")
def index() -> Response:
    """One currency at a time: that of most agreements, unless another is chosen."""
    found = portfolio.standing(g.organization.id)
    chosen = next((one for one in found if one.currency == request.args.get("currency")), found[0] if found else None)
    return render(
        "admin/agreements/portfolio.html",
        standing=chosen,
        currencies=_chips(found, chosen),
        **(_of(chosen) if chosen else {}),
    )


def _chips(found: Sequence[Standing], chosen: Standing | None) -> list[dict[str, Any]]:
    """One for each currency, where there is more than one."""
    if len(found) < 2:
        return []
    return [
        {"label": one.currency, "url": url_for(ROUTE, currency=one.currency), "current": one is chosen} for one in found
    ]


def _of(chosen: Standing) -> dict[str, Any]:
    today, currency = now().astimezone(zone(g.organization.timezone)).date(), chosen.currency
    return {
        "currency": currency,
        "interest": portfolio.interest(g.organization.id, currency),
        "losses": portfolio.losses(g.organization.id, currency),
        "coming": _coming(portfolio.expected(g.organization.id, currency, today), currency),
        "roll": _roll(portfolio.roll(g.organization.id, currency, today), currency),
        "behind": BEHIND,
    }


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"


def _coming(weeks: list[tuple[date, int]], currency: str) -> dict[str, Any]:
    """Bars for the weeks, with a sentence."""
    total, most = sum(amount for _, amount in weeks), max(amount for _, amount in weeks)
    best = next(day for day, amount in weeks if amount == most)
    said = f"{format_money(total, currency)} falls due in the next {len(weeks)} weeks"
    return {
        "bars": [{"label": _day(day), "value": value, "text": format_money(value, currency)} for day, value in weeks],
        "ticks": scales.ticks(most, currency),
        "sentence": f"{said}, most in the week of {_day(best)} with {format_money(most, currency)}."
        if total
        else f"Nothing falls due in the next {len(weeks)} weeks.",
    }


def _roll(months: list[Month], currency: str) -> dict[str, Any]:
    """Stacks for the months, with a sentence; `parts` in the order of BEHIND."""
    last, before = months[-1], months[-2]
    if not any(month.total for month in months):
        said = "Nothing was past due at the end of any of the last twelve months."
    else:
        said = (
            f"{format_money(last.total, currency)} of installments is past due today, "
            f"{format_money(before.total, currency)} was on {_day(before.on)}."
        )
    return {
        "stacks": [
            {
                "label": "Today" if month is last else f"{month.on:%b}",
                "title": "Today" if month is last else f"{_day(month.on)}, {month.on.year}",
                "parts": [{"value": value, "text": format_money(value, currency)} for value in month.behind.values()],
                "text": format_money(month.total, currency),
            }
            for month in months
        ],
        "ticks": scales.ticks(max(month.total for month in months), currency),
        "sentence": said,
    }
