"""Whoever looks is told of a day that could not be compared, until it is: on the overview, by the doctor, and in the metrics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ballast import metrics
from ballast.billing import measuring
from ballast.models import ProcessorAccount, Reconciliation
from tests.billing.acts import as_worker, pause
from tests.books.test_doctor import examine
from tests.books.test_nights import a_day_given_up, archive, change, compared, night, until
from tests.books.test_pages import page
from tests.books.test_reconciling import today
from tests.world import World


@pytest.fixture(autouse=True)
def nobody_else(world: World) -> None:
    """Acme's account is the only one in use."""
    archive(world.stranger.id)


def test_a_day_that_could_not_be_compared_is_told_of_until_it_is(world: World) -> None:
    client = world.sign_in("admin")
    row = a_day_given_up(world)
    told = "1 day could not be compared with what a processor lists."
    assert told in page(client, "/admin/")
    shown = page(client, f"/admin/reconciliation/{row.id}")
    assert "could not be asked for a day (http_401). It is asked again each night for a week." in shown
    assert "<dt>Compared</dt>" not in shown
    assert said_by_doctor(world) == ["1 days that could not be compared with what a processor lists."]
    assert measured(world) == {"stripe": 1, "braintree": 0, "square": 0}
    until(today() + timedelta(days=2))
    night(world)
    assert compared(world)[0] == (row.day, "waiting")
    assert told in page(client, "/admin/"), "it is asked again, and has no answer yet"
    assert measured(world)["stripe"] == 1
    world.forget_faults()
    pause(hours=1)
    night(world)
    assert {status for _day, status in compared(world)} == {"done"}
    assert "could not be compared" not in page(client, "/admin/")
    assert said_by_doctor(world) == []
    assert measured(world)["stripe"] == 0


def test_a_hiccup_is_not_told_of_and_a_day_that_nobody_comes_to_is(world: World) -> None:
    until(today() + timedelta(days=1))
    world.fault(kind="error_before", operation="charges.list")
    night(world)
    assert compared(world) == [(today(), "waiting")]
    assert measured(world)["stripe"] == 0, "it is asked again in ten minutes"
    change(world.acme.id, Reconciliation, reason=None)
    pause(hours=20)
    assert measured(world)["stripe"] == 0
    pause(hours=5)
    assert measured(world)["stripe"] == 1


def test_what_is_long_ago_or_of_an_archived_account_is_told_of_no_more(world: World) -> None:
    a_day_given_up(world)
    archive(world.acme.id)
    assert measured(world)["stripe"] == 0
    change(world.acme.id, ProcessorAccount, archived_at=None)
    assert measured(world)["stripe"] == 1
    pause(days=31)
    assert measured(world)["stripe"] == 0


def said_by_doctor(world: World) -> list[str]:
    _code, found = examine(world)
    return [one["said"] for one in found["stuck"] if "compared" in one["said"]]


def measured(world: World) -> dict[str, float]:
    """By processor, as a worker writes it down for `/metrics`."""
    written: list[measuring.Sample] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "write_gauges", written.extend)
        as_worker(world, measuring.measure_due)()
    return {labels[0]: value for name, labels, value in written if name == "ballast_days_uncompared"}
