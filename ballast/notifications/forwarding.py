"""`flask listen`: events forwarded to a developer's machine as they happen, signed as any delivery is.

Nothing is recorded: this is a look over the shoulder, not an endpoint. A failure is said and not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Signal
from typing import Final

from sqlalchemy import select

from ballast import config
from ballast.clock import now, real_time
from ballast.db import db, end_reading
from ballast.errors import InvalidRequest
from ballast.models import Event
from ballast.notifications.deliveries import fits
from ballast.notifications.posting import Answer, post
from ballast.notifications.signatures import body_of, signed_headers

# An id is given before its transaction commits, so an event may appear behind one that was read already.
OVERLAP: Final = timedelta(seconds=30)
EVERY_SECONDS: Final = 1.0
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Wire:
    """Where to, under which secret, and which types."""

    url: str
    secret: str
    patterns: tuple[str, ...] = ("*",)


def read_span(text: str) -> timedelta:
    """`90s`, `15m`, `2h` or `7d`. Raises InvalidRequest(`since_invalid`)."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not (number.isascii() and number.isdigit()) or len(number) > 5:
        raise InvalidRequest("since_invalid", "Say how far back as 90s, 15m, 2h or 7d.", param="since")
    return timedelta(seconds=int(number) * UNITS[unit])


def forward(
    organization_id: str, wire: Wire, since: timedelta | None, stop: Signal, say: Callable[[Event, Answer], None]
) -> int:
    """Send what was told in the last `since`, oldest first, then what is told until `stop`; answers how many were sent.

    `sequence` counts what is sent here, from 1.
    """
    sent = 0
    for event in _as_told(organization_id, wire, now() - (since or timedelta()), stop):
        sent += 1
        body = body_of(event, sent)
        headers = signed_headers(event.id, body, [wire.secret], int(real_time().timestamp()))
        end_reading()
        # A developer's own machine is where this is meant to go.
        say(event, post(wire.url, body, headers, config.current().webhook_timeout, allow_private=True))
    return sent


def _as_told(organization_id: str, wire: Wire, start: datetime, stop: Signal) -> Iterator[Event]:
    """Events from `start` on, each once; returns when told to stop, between two of them."""
    seen: dict[str, datetime] = {}
    after = start
    while not stop.is_set():
        for event in _told_since(organization_id, wire.patterns, after):
            if event.id in seen:
                continue
            seen[event.id] = event.created_at
            yield event
            if stop.is_set():
                return
        end_reading()
        after = max([start, *(at - OVERLAP for at in seen.values())])
        seen = {known: at for known, at in seen.items() if at >= after}
        stop.wait(EVERY_SECONDS)


def _told_since(organization_id: str, patterns: tuple[str, ...], start: datetime) -> list[Event]:
    wanted = (
        select(Event)
        .where(Event.organization_id == organization_id, Event.created_at >= start, fits(patterns))
        .order_by(Event.created_at, Event.id)
    )
    found = list(db.session.scalars(wanted))
    for event in found:
        db.session.expunge(event)
    return found
