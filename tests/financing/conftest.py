"""Fixtures of the financing tests."""

from __future__ import annotations

import pytest

from tests.financing.acts import Lender
from tests.financing.servant import Servant
from tests.world import World


@pytest.fixture
def lender(world: World) -> Lender:
    return Lender(world)


@pytest.fixture
def servant(world: World) -> Servant:
    return Servant(world)
