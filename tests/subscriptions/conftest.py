"""Fixtures of the subscription tests."""

from __future__ import annotations

import pytest

from tests.subscriptions.acts import Desk
from tests.world import World


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)
