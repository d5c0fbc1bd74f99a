"""The two clocks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ballast import clock

MOON = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


def test_both_clocks_are_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.real_time().tzinfo is UTC
    assert abs(clock.now() - clock.real_time()) < timedelta(seconds=5)


def test_a_held_clock_stands_still_and_real_time_goes_on() -> None:
    with clock.at(MOON):
        assert clock.now() == clock.now() == MOON
        assert clock.real_time() < MOON
    assert clock.now() < MOON


def test_a_clock_held_within_another_gives_back_the_outer_one_even_after_an_error() -> None:
    with clock.at(MOON):
        with pytest.raises(RuntimeError), clock.at(MOON + timedelta(days=1)):
            raise RuntimeError
        assert clock.now() == MOON


def test_the_clock_takes_any_zone_and_answers_in_utc() -> None:
    there = datetime(2030, 1, 2, 8, 34, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with clock.at(there):
        assert clock.now() == MOON
        assert clock.now().tzinfo is UTC


def test_the_clock_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="aware"), clock.at(datetime(2030, 1, 2)):  # noqa: DTZ001
        pass


def test_shifts_add_up_and_move_both_clocks() -> None:
    before = clock.real_time()
    with clock.shifted(timedelta(hours=2)), clock.shifted(timedelta(minutes=30)):
        assert timedelta(hours=2, minutes=30) <= clock.real_time() - before < timedelta(hours=2, minutes=31)
        assert clock.now() - before < timedelta(hours=2, minutes=31)
    assert clock.real_time() - before < timedelta(minutes=1)


def test_a_shift_does_not_move_a_held_clock() -> None:
    with clock.at(MOON), clock.shifted(timedelta(days=900)):
        assert clock.now() == MOON


def test_another_thread_keeps_its_own_time() -> None:
    seen: list[datetime] = []
    with clock.at(MOON):
        thread = threading.Thread(target=lambda: seen.append(clock.now()))
        thread.start()
        thread.join()
    assert seen[0] < MOON
