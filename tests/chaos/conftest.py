"""A whole stack for each test process, with timeouts that a test can wait for; every test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.campaign.running import ENVIRONMENT
from tests.stack import Stack


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("chaos"))
    stack.start(**ENVIRONMENT)
    yield stack
    stack.stop()


@pytest.fixture
def stack(running_stack: Stack) -> Iterator[Stack]:
    """The whole product, whose processor behaves and whose parts all run, before and after."""
    running_stack.await_health()
    yield running_stack
    running_stack.forget_faults()
    running_stack.await_health()
