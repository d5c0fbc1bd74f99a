"""Fixtures of the financing tests."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
import requests

from ballast.db import db
from tests.conftest import KeptWorld, empty, fill
from tests.financing.acts import Lender
from tests.financing.servant import Servant
from tests.world import World


@pytest.fixture
def lender(world: World) -> Lender:
    return Lender(world)


@pytest.fixture
def servant(world: World) -> Servant:
    return Servant(world)


@pytest.fixture
def start_over(world: World, kept_world: KeptWorld, superuser: psycopg.Connection) -> Callable[[], None]:
    """The world as it was when the test began, sandbox included."""

    def again() -> None:
        db.session.remove()
        empty(superuser)
        fill(superuser, kept_world[1])
        requests.post(f"{world.sandbox_url}/_sandbox/reset", timeout=5).raise_for_status()
        world.tell_receiver()

    return again
