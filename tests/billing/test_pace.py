"""The pace at which processors are asked: shared by all workers through Redis, and kept without it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from ballast import config
from ballast.billing import pace
from ballast.billing.pace import HORIZON, Pace
from ballast.config import Settings
from ballast.ids import new_id

RATE = 200.0
SECONDS = 1.6
# Takes slots as fast as they are given, and says when they are on the clock of the whole machine.
TAKER = """
import json, sys, time
from ballast import config
from ballast.billing.pace import Pace
from ballast.config import Settings

account, url, rate, until = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
config.use(Settings(_env_file=None, ballast_env="test", redis_url=url))
pace, sent = Pace(account, rate), []
print("ready", flush=True)
sys.stdin.readline()
until += time.monotonic()
while time.monotonic() < until:
    sent += [slot for slot in pace.take(7) if slot < until]
    time.sleep(0.01)
print(json.dumps(sent))
"""


@pytest.fixture
def redis_at(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have this process look for Redis at another address; it knows the real one to begin with."""

    def move(url: str) -> None:
        monkeypatch.setattr(config, "_current", settings.model_copy(update={"redis_url": url}))

    monkeypatch.setattr(pace, "_left_alone_until", {})
    move(settings.redis_url)
    return move


def test_two_workers_together_exceed_a_pace_by_no_more_than_a_twentieth_in_any_second(settings: Settings) -> None:
    account = new_id("pac")
    command = [sys.executable, "-c", TAKER, account, settings.redis_url, str(RATE), str(SECONDS)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    shares = [json.loads(worker.communicate("go\n")[0]) for worker in workers]
    sent = sorted(shares[0] + shares[1])
    busiest = max(sum(1 for other in sent if moment <= other < moment + 1) for moment in sent)
    assert busiest <= 1.05 * RATE
    assert len(sent) >= 0.8 * RATE * SECONDS
    assert min(len(share) for share in shares) > len(sent) / 5


@pytest.mark.usefixtures("redis_at")
def test_slots_are_a_gap_apart_and_none_is_given_far_ahead() -> None:
    asked = Pace(new_id("pac"), 50.0)
    slots = asked.take(1000)
    assert len(slots) == pytest.approx(50 * HORIZON + 1, abs=1)
    assert slots[-1] <= time.monotonic() + HORIZON + 0.05
    assert asked.take(10) == []
    assert all(later - earlier == pytest.approx(0.02, abs=0.001) for earlier, later in pairwise(slots))


def test_without_redis_each_worker_keeps_its_part_of_the_pace(redis_at: Callable[[str], None]) -> None:
    account = new_id("pac")
    mine, other = Pace(account, 50.0), Pace(account, 50.0)
    mine._name, other._name = "one", "two"
    mine.take(1)
    other.take(1)
    mine.take(1)
    redis_at("redis://127.0.0.1:9/0")
    gaps = [later - earlier for earlier, later in pairwise(mine.take(8))]
    assert gaps == pytest.approx([2 / 50] * 7)
    redis_at("redis://127.0.0.1:10/0")
    alone = Pace(new_id("pac"), 50.0)
    gaps = [later - earlier for earlier, later in pairwise(alone.take(8))]
    assert gaps == pytest.approx([1 / 50] * 7)
