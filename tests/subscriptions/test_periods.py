"""Periods tile: for every anchor day, interval and time zone, over ten years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.billing.subscriptions.periods import Rhythm, add_days

ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo")
PER_YEAR = {"day": 366, "week": 53, "month": 12, "year": 1}
EPOCH = datetime(2009, 1, 1, tzinfo=UTC)
anchors = st.integers(0, 22 * 366 * 86_400).map(lambda seconds: EPOCH + timedelta(seconds=seconds))


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@given(
    anchors, st.sampled_from(ZONES), st.sampled_from(("day", "week", "month", "year")), st.integers(1, 13), st.data()
)
def test_periods_tile(anchor: datetime, zone: str, interval: str, count: int, data: st.DataObject) -> None:
    rhythm = Rhythm(anchor, zone, interval, count)
    number = data.draw(st.integers(0, max(1, 10 * PER_YEAR[interval] // count)))
    begin, end = rhythm.period(number)
    assert begin < end == rhythm.period(rhythm.after(number))[0]
    assert rhythm.boundary(number + 1) <= end


@given(anchors, st.sampled_from(ZONES), st.integers(1, 120))
def test_a_month_keeps_the_anchors_day_and_clamps_it(anchor: datetime, zone: str, number: int) -> None:
    begin = local(Rhythm(anchor, zone, "month").boundary(number), zone)
    wanted = local(anchor, zone)
    last_day = (begin.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    months = (begin.year - wanted.year) * 12 + begin.month - wanted.month
    shifted = abs(begin - begin.replace(hour=wanted.hour, minute=wanted.minute)) > timedelta(0)
    assert months == number
    assert begin.day == min(wanted.day, last_day.day) or shifted


@pytest.mark.parametrize("day", [29, 30, 31])
def test_an_anchor_late_in_january_comes_back_after_february(day: int) -> None:
    rhythm = Rhythm(datetime(2026, 1, day, 12, tzinfo=UTC), "UTC", "month")
    days = [(rhythm.boundary(n).month, rhythm.boundary(n).day) for n in range(5)]
    assert days == [(1, day), (2, 28), (3, day), (4, min(day, 30)), (5, day)]
    assert rhythm.boundary(25).day == min(day, 29)  # February 2028


def test_a_leap_day_yearly() -> None:
    rhythm = Rhythm(datetime(2024, 2, 29, tzinfo=UTC), "UTC", "year")
    assert [rhythm.boundary(n).date().isoformat() for n in range(5)] == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]


def test_new_york_keeps_its_hour_over_both_changes_of_the_clocks() -> None:
    zone = "America/New_York"
    rhythm = Rhythm(datetime(2026, 2, 8, 2, 30, tzinfo=ZoneInfo(zone)), zone, "month")
    hours = [local(rhythm.boundary(n), zone).strftime("%d %H:%M") for n in range(10)]
    assert hours == ["08 02:30", "08 03:30", *["08 02:30"] * 8]  # 8 March 02:30 does not exist
    autumn = Rhythm(datetime(2026, 10, 1, 1, 30, tzinfo=ZoneInfo(zone)), zone, "month").boundary(1)
    assert autumn == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # the first of two


def test_a_day_in_kolkata_begins_at_half_past() -> None:
    start = datetime(2026, 3, 1, 0, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
    begin, end = Rhythm(start, "Asia/Kolkata", "day").period(3)
    assert (begin, end) == (datetime(2026, 3, 3, 18, 30, tzinfo=UTC), datetime(2026, 3, 4, 18, 30, tzinfo=UTC))


def test_the_day_apia_skipped_is_not_billed() -> None:
    zone = "Pacific/Apia"
    rhythm = Rhythm(datetime(2011, 12, 28, 10, 0, tzinfo=ZoneInfo(zone)), zone, "day")
    number, days = 0, []
    for _ in range(4):
        days.append(local(rhythm.boundary(number), zone).day)
        number = rhythm.after(number)
    assert days == [28, 29, 31, 1]


@given(anchors, st.sampled_from(ZONES), st.integers(0, 400))
def test_days_are_local_days(anchor: datetime, zone: str, days: int) -> None:
    later = local(add_days(anchor, days, zone), zone)
    assert abs(later - (local(anchor, zone) + timedelta(days=days))) <= timedelta(hours=24)
