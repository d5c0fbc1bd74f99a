"""Fixtures of the billing tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ballast import clock
from tests.billing.acts import Shopper
from tests.world import Api, World


@pytest.fixture(autouse=True)
def time_flies() -> Iterator[None]:
    """Whatever a test did to the clock is undone."""
    before = clock._real.get()
    yield
    clock._real.set(before)


@pytest.fixture
def shopper(world: World) -> Shopper:
    return Shopper(world)


@pytest.fixture
def unpaid(api: Api) -> str:
    """The id of a payment of $20.00 that nobody has tried yet."""
    answer = api.pay(confirm=False)
    assert answer.status_code == 201
    return str(answer.get_json()["id"])


@pytest.fixture
def paid(api: Api) -> str:
    """The id of a payment of $20.00 that was charged."""
    answer = api.pay()
    assert answer.status_code == 201
    return str(answer.get_json()["id"])
