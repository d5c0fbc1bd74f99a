"""The clock of a sandbox organization over the API: where it stands, and moving it on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flask import Response, g
from pydantic import BaseModel, Field
from sqlalchemy import select

from ballast.billing import clocks
from ballast.billing.catalog_payloads import iso
from ballast.billing.subscriptions import charging
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, once
from ballast.blueprints.api.fields import Moment, Strict, example
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.clock import now
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Organization

blueprint = make_blueprint(
    "api_clock",
    "Clock",
    "The time a sandbox organization lives in. Moved on, everything that falls due on the way happens, in order.",
    read="subscriptions:read",
    write="subscriptions:write",
    permission="clock",
)

By = Literal["day", "week", "month", "next_event", "date"]
CLOCK = {
    "object": "clock",
    "now": "2026-12-15T09:30:00+00:00",
    "is_real_time": False,
    "target": "2027-01-14T09:30:00+00:00",
    "problem": None,
    "next_event_at": "2026-12-28T09:30:00+00:00",
}


class ClockAdvance(Strict):
    """How far."""

    model_config = example({"by": "month"}, "forbid")

    by: By = Field(description="A day, 7 days, 30 days, to what falls due next, or to a `date`.")
    date: Moment | None = Field(default=None, description="With `date`: until when, within five years.")


class ClockOut(BaseModel):
    """Where the clock stands."""

    model_config = example(CLOCK)

    object: Literal["clock"]
    now: str = Field(description="ISO 8601, UTC: what time it is for you.")
    is_real_time: bool = Field(description="It runs with real time until it is moved once.")
    target: str | None = Field(description="Where an advance that is under way leads; null when it has arrived.")
    problem: str | None = Field(description="What an advance waits for.")
    next_event_at: str | None = Field(description="When the next thing falls due.")


@blueprint.get("/clock", summary="Get the clock", responses={200: ClockOut})
def get() -> Response:
    """Where it stands, and whether it is on its way."""
    return _answer(200)


@blueprint.post("/clock/advance", summary="Advance the clock", responses={200: ClockOut}, openapi_extensions=TAKES_KEY)
def advance(body: ClockAdvance) -> Response:
    """In a sandbox alone. It is on its way; ask for it until `target` is null. It never goes back."""
    if (body.by == "date") != (body.date is not None):
        raise InvalidRequest("parameter_conflict", "`by` date, and no other, has a date.", param="date")

    def begin() -> Done:
        clocks.ask(g.organization_id, clocks.target_of(_owner(), body.by, body.date))
        return Done(g.organization_id)

    return once(key_of_request(), begin, lambda _row: _answer(200))


def _owner() -> Organization:
    return db.session.scalars(select(Organization).where(Organization.id == g.organization_id)).one()


def _answer(status: int) -> Response:
    return json_answer(status, clock_payload(_owner(), charging.next_due(g.organization_id)))


def clock_payload(owner: Organization, coming: datetime | None) -> dict[str, Any]:
    """A clock as JSON."""
    return {
        "object": "clock",
        "now": (owner.clock_at or now()).isoformat(),
        "is_real_time": owner.clock_at is None,
        "target": iso(owner.clock_target_at),
        "problem": owner.clock_problem,
        "next_event_at": iso(coming),
    }
