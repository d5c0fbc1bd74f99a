"""Jinja: one environment for pages and mails. Plain Jinja, no Flask: the web adds its own globals on top."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ballast.clock import now
from ballast.money import format_money

HERE = Path(__file__).parent
STATIC = HERE / "static"
# How the path of a picture begins that a merchant has uploaded; its id follows.
UPLOADED = "images/"


@cache
def environment() -> Environment:
    """The process's Jinja environment: strict, autoescaping, macros as the global `ui`."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html", "svg", "xml")),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    prepare(made)
    return made


def prepare(made: Environment) -> None:
    """Give an environment Ballast's filters and globals."""
    made.filters.update(
        money=format_money,
        datetime=show_datetime,
        time=show_time,
        date=show_date,
        relative=show_relative,
        json=show_json,
        percent=show_percent,
        share=show_share,
        apr=show_apr,
        every=show_every,
    )
    made.globals["static_url"] = static_url
    made.globals["ui"] = made.get_template("ui.html", globals=made.globals).module


def zone(name: str | None) -> tzinfo:
    """The time zone of that name, UTC where there is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def show_datetime(value: datetime, tz: str | None = None) -> str:
    """Nov 21, 2026, 11:55 PM, in the time zone given."""
    return format_datetime(value, "MMM d, y, h:mm a", tzinfo=zone(tz), locale="en_US")


def show_time(value: datetime, tz: str | None = None) -> str:
    """11:55:07 PM, in the time zone given."""
    return format_time(value.astimezone(zone(tz)), "h:mm:ss a", tzinfo=zone(tz), locale="en_US")


def show_date(value: datetime | date, tz: str | None = None) -> str:
    """Nov 21, 2026."""
    return _day(value.astimezone(zone(tz)).date() if isinstance(value, datetime) else value)


@lru_cache(maxsize=1024)
def _day(day: date) -> str:
    """Kept, because the mails of a night name the same few days."""
    return format_date(day, "MMM d, y", locale="en_US")


def read_day(typed: str, tz: str | None = None, later: int = 0) -> datetime:
    """The begin of a day that a date field carries (2026-12-24), or of one so many days later, in the time zone. Raises ValueError."""
    try:
        day = datetime.strptime(typed, "%Y-%m-%d").date()  # noqa: DTZ007  a day, which gets its zone below
        return datetime.combine(day + timedelta(days=later), time(), zone(tz))
    except OverflowError as error:
        raise ValueError(f"no such day: {typed[:40]}") from error


def show_relative(value: datetime) -> str:
    """3 minutes ago."""
    return format_timedelta(value - now(), add_direction=True, locale="en_US")


def show_percent(bps: int) -> str:
    """19%, 8.88%: a share in basis points."""
    return format_percent(Decimal(bps) / 10_000, "#,##0.##%", locale="en_US")


def show_share(part: int, whole: int, digits: int = 0) -> str:
    """75%, 12.5%: a part of a whole, of which 100% is all and nothing less; 0% of nothing."""
    share, step = Decimal(part) / whole if whole else Decimal(0), Decimal(1).scaleb(-digits - 2)
    shown = share.quantize(step, ROUND_HALF_UP)
    if shown == 1 and part < whole:
        shown -= step
    return format_percent(shown, f"#,##0.{'0' * digits}%" if digits else "#,##0%", locale="en_US")


def show_apr(percent: Decimal | str) -> str:
    """14.90%: an annual percentage rate, which has two decimals, in percent."""
    return format_percent(Decimal(percent) / 100, "0.00%", locale="en_US")


def show_every(interval: str, count: int = 1) -> str:
    """per month, every 3 months."""
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"


def show_json(value: Any) -> str:
    """Indented JSON for a person to read."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@cache
def _fingerprint(path: str, _changed: float) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def static_url(path: str) -> str:
    """The URL of a static file with a hash of its content, so that it may be cached for ever; of a picture that was uploaded
    (images/<id>) its own, whose content never changes either. Raises FileNotFoundError."""
    if path.startswith(UPLOADED):
        return f"/{path}"
    return f"/static/{path}?v={_fingerprint(path, (STATIC / path).stat().st_mtime)}"
