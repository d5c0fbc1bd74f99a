"""Of a web process's threads one is always free of processors."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ballast.billing import bulkhead
from tests.shopper import Shopper
from tests.world import Api, World

Patch = pytest.MonkeyPatch


@pytest.fixture
def narrow(monkeypatch: Patch) -> Iterator[None]:
    """A process with two threads, which waits for nobody long."""
    monkeypatch.setenv(bulkhead.THREADS, "2")
    monkeypatch.setattr(bulkhead, "PATIENCE", 0.2)
    bulkhead._ours.cache_clear()
    yield
    bulkhead._ours.cache_clear()


def test_where_all_wait_nobody_else_is_let_in_and_after_one_wait_in_vain_at_once(monkeypatch: Patch) -> None:
    monkeypatch.setattr(bulkhead, "PATIENCE", 0.2)
    two = bulkhead.Bulkhead(2)
    assert [two.enter(), two.enter()] == [True, True]
    began = time.monotonic()
    assert not two.enter()
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    assert [two.enter() for _ in range(50)] == [False] * 50
    assert time.monotonic() - began < 0.2
    two.leave()
    assert [two.enter(), two.enter()] == [True, False]


def test_a_process_nobody_told_its_threads_has_no_limit(monkeypatch: Patch) -> None:
    monkeypatch.delenv(bulkhead.THREADS, raising=False)
    bulkhead._ours.cache_clear()
    assert bulkhead._ours() is None


@pytest.mark.usefixtures("narrow")
def test_a_charge_that_is_turned_away_was_not_sent_and_may_be_tried_again(
    world: World, api: Api, monkeypatch: Patch
) -> None:
    counted: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(bulkhead.metrics, "count", lambda name, **labels: counted.append((name, labels)))
    with bulkhead.place("stripe") as has_place:
        assert has_place
        turned_away = api.pay()
    assert (turned_away.status_code, turned_away.get_json()["status"]) == (201, "requires_confirmation")
    assert world.charges() == []
    payment_id = turned_away.get_json()["id"]
    again = api.post(f"/payments/{payment_id}/confirm", {})
    assert (again.status_code, again.get_json()["status"]) == (200, "succeeded")
    assert len(world.charges()) == 1
    assert ("ballast_turned_away_total", {"processor": "stripe"}) in counted


@pytest.mark.usefixtures("narrow")
def test_a_place_is_given_back_whatever_happens(world: World, api: Api) -> None:
    for method in ("pm_card_visa", "pm_card_visa_chargeDeclined", "pm_nothing_like_it"):
        api.pay(payment_method=method)
    world.fault(kind="error_before", operation="payment_intents.create", count=5)
    api.pay()
    ours = bulkhead._ours()
    assert ours is not None
    assert ours._free._value == 1  # type: ignore[attr-defined]


@pytest.mark.usefixtures("narrow")
def test_a_checkout_whose_card_field_would_wait_says_so_and_is_well_again_afterwards(
    world: World, shopper: Shopper
) -> None:
    world.use("braintree")
    token = shopper.buy()
    with bulkhead.place("stripe"):
        assert shopper.client.get(f"/checkout/{token}").status_code == 503
    assert shopper.client.get(f"/checkout/{token}").status_code == 200
