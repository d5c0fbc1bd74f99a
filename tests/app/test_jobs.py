"""Every scheduled job exists, runs on an empty world, and is taken from a queue that a worker works."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ballast
from ballast import queue
from tests.world import World


def find(job: str) -> Any:
    module, _, name = job.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("job", queue.SCHEDULE)
def test_a_scheduled_job_is_a_function_that_needs_no_arguments(job: str) -> None:
    found = find(job)
    assert inspect.isfunction(found)
    inspect.signature(found).bind()


@pytest.mark.parametrize("job", queue.SCHEDULE)
def test_a_scheduled_job_waits_in_a_queue_that_a_worker_works_and_is_swept_again(job: str) -> None:
    name, seconds = queue.SCHEDULE[job]
    assert name in queue.QUEUES
    assert 0 < seconds <= 3600


def test_every_wake_up_is_scheduled_too_so_that_a_lost_one_costs_seconds() -> None:
    named = {queue.DELIVER, queue.SEND_EMAILS, queue.APPLY_INBOX, queue.RESOLVE, queue.REFUND}
    named |= {queue.ANSWER_DISPUTES}
    assert named <= set(queue.SCHEDULE)
    assert all(queue.SCHEDULE[job][1] <= 10 for job in named)


@pytest.mark.parametrize("job", queue.SCHEDULE)
def test_a_job_with_nothing_to_do_does_nothing(world: World, job: str) -> None:
    with world.worker_app.app_context():
        find(job)()  # making the world has left something: entries to seal
        assert find(job)() == 0


def test_a_worker_for_a_queue_that_is_none_ends_and_says_so() -> None:
    root = Path(ballast.__file__).parent.parent
    env = os.environ | {"BALLAST_ENV": "test"}
    command = [sys.executable, "worker.py", "webhooks", "nowhere"]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No such queue: nowhere." in done.stderr
