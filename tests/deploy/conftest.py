"""What compose.yaml describes, started once for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.hand import ByHand
from tests.deploy.hand import running as running_by_hand


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByHand]:
    """As small as an operator may make it, and with no limit for a program that asks very often."""
    small = {
        "WEB_PROCESSES": "1",
        "WEB_DRAIN_SECONDS": "1.5",
        "WEB_LOOK_SECONDS": "0.5",
        "RATE_LIMIT_DEFAULT_RPM": "1000000",
    }
    with running_by_hand(tmp_path_factory.mktemp("deployed"), **small) as stack:
        yield stack


@pytest.fixture
def production(deployed: ByHand, monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """The same, whose certificate clients trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(deployed.certificate))
    return deployed
