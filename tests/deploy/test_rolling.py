"""A rolling restart in small; `make rolling` is the long form."""

from __future__ import annotations

import pytest

from tests.deploy import rolling
from tests.deploy.hand import ByHand

pytestmark = pytest.mark.stack
RENEWALS = 80


def test_everything_is_restarted_under_load_and_nobody_notices(production: ByHand) -> None:
    """Web, workers and cron once each, in the middle of a batch of renewals: no request fails, nothing is charged twice or never."""
    report = rolling.roll(production, rate=20, count=RENEWALS, is_over=lambda rounds: rounds == 1)
    assert report.findings == []
    assert set(report.restarts) == {"web-1", "web-2", "worker-1", "worker-2", "cron"}
    assert report.renewed_before_first_restart < RENEWALS, "the batch was over before anything was restarted"
    assert set(report.load.counts) == {"read", "create", "confirm"}
