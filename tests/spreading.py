"""How the tests are spread over processes (a pytest plugin): what shares a stack in one process, what takes longest first; and what
a process of tests leaves alone."""

from __future__ import annotations

import gc
import socket
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each of these folders runs on one whole stack, which takes longer to start than most of its tests.
SHARE_A_STACK: Final = ("tests/browser/", "tests/chaos/")
# In this order; all others follow. A long one that began last would leave the other process idle at the end.
FIRST: Final = (
    *SHARE_A_STACK,
    "tests/local/test_product.py",
    "tests/local/",
    "tests/api/test_schemathesis.py",
    "tests/billing/test_every_processor.py",
    "tests/billing/test_disputes.py",
    "tests/sandbox/",
    "tests/notifications/test_fairness.py",
    "tests/api/",
    "tests/billing/",
)


class Spreading(LoadScopeScheduling):  # type: ignore[misc]
    """Like `--dist loadscope`, by modules, but for the folders that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((folder for folder in SHARE_A_STACK if nodeid.startswith(folder)), None)
        return shared or str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return Spreading(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The sort is stable, so the tests of a module stay together and in their order."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    return next((turn for turn, place in enumerate(FIRST) if item.nodeid.startswith(place)), len(FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests and all of their modules stay to the end: the collector of garbage need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """pytest-rerunfailures tells the controller of each test in two small packets, of which the second would wait 40 ms for the
    first to be acknowledged (RFC 896)."""
    told = getattr(getattr(config, "failures_db", None), "sock", None)
    if told and hasattr(config, "workerinput"):
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
