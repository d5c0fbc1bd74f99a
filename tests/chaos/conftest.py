"""A whole stack for each test process, with timeouts that a test can wait for; every test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack

# An attempt is looked up after connect + read timeout + 5 s, a delivery is claimed again after 4 × its timeout + 30 s.
ENVIRONMENT = {
    "PROCESSOR_CONNECT_TIMEOUT": "1",
    "PROCESSOR_READ_TIMEOUT": "3",
    "BRAINTREE_READ_TIMEOUT": "3",
    "WEBHOOK_TIMEOUT": "1",
    "WEBHOOK_RETRY_DELAYS": "1,1,2,2,2",
}


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
