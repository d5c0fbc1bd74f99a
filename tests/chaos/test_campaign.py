"""A short campaign: everybody pays while everything is killed, paused and lied to; afterwards every cent is explained.

The long form is `make chaos-long`; a seed that fails there is one more line here.
"""

from __future__ import annotations

import pytest

from tests.chaos.campaign.running import Plan, run
from tests.stack import Stack

pytestmark = pytest.mark.stack

SEEDS = (20261128,)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_charged_twice_lost_or_stuck(stack: Stack, seed: int) -> None:
    report = run(stack, Plan(seed, payments=60, kills=5))
    print("\n".join(report.lines()))
    assert report.findings == []
