"""Fixtures of the tests of the books."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.billing.conftest import time_flies
from tests.world import World

__all__ = ["time_flies"]


@pytest.fixture(autouse=True)
def healed(world: World) -> Iterator[None]:
    """The sandbox behaves again after each test."""
    yield
    world.forget_faults()
