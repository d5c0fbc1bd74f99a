"""Card testing in the dashboard: what was held back in the last day and by which rule, and the limits, which owners set."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for

from ballast.billing import held_back, velocity
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.models.held_back import RULES
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("card_testing", __name__, url_prefix="/admin/settings/card-testing")
dashboard(blueprint)

RIGHT: Final = "settings"
# rule → its name, what it counts
WORDS: Final = {
    "address": ("One address", "By one shopper's address on the network, at the checkout"),
    "card": ("One card", "Of one card, at the checkout and over the API"),
    "organization": ("Everybody", "Of all your shoppers together"),
}


@blueprint.get("")
def index() -> Response:
    """What was held back, and the limits."""
    return _page()


@blueprint.post("")
@requires(RIGHT)
def change() -> Response:
    """Set the limits; an empty one is the usual one."""
    typed = {rule: request.form.get(rule, "").strip()[:12] for rule in RULES}
    if not any(rule in request.form for rule in RULES):
        return _page({"address": "Enter a number, or nothing for the usual one."})
    end_reading()
    try:
        wanted = {rule: _read(rule, text) for rule, text in typed.items()}
        with transaction():
            held_back.change(g.organization.id, wanted)
    except BallastError as error:
        return _page({error.param or "address": error.message}, typed)
    flash("Saved.", "success")
    return see_other(url_for(".index"))


def _read(rule: str, typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit()):
        raise InvalidRequest("limit_invalid", "Enter a number, or nothing for the usual one.", param=rule)
    return int(typed)


def _page(errors: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> Response:
    rows = held_back.last_day(g.organization.id)
    totals = {rule: sum(row.count for row in rows if row.rule == rule) for rule in RULES}
    own: dict[str, Any] = g.organization.card_testing
    return render(
        "admin/settings/card_testing.html",
        status=422 if errors else 200,
        rows=rows,
        total=sum(totals.values()),
        totals=totals,
        words=WORDS,
        limits=velocity.limits_of(g.organization),
        usual=velocity.DEFAULTS[g.organization.mode],
        values=typed or {rule: str(own.get(rule, "")) for rule in RULES},
        errors=errors or {},
        may_change=users.may(g.role, RIGHT),
    )
