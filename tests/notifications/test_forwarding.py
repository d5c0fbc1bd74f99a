"""`flask listen`: what was told and what is told, on a developer's machine, each once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from ballast.clock import shifted
from ballast.db import organization
from ballast.errors import InvalidRequest
from ballast.local.postgres import Postgres
from ballast.models import Event
from ballast.notifications import forwarding
from ballast.notifications.forwarding import Wire, forward, read_span
from ballast.notifications.posting import Answer
from tests.notifications.acts import SECRET, only, publish
from tests.notifications.endpoint import Endpoint, serving
from tests.world import World

ROOT = Path(__file__).parents[2]


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    only(world)
    with serving() as made:
        yield made


def await_received(endpoint: Endpoint, count: int, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while len(endpoint.received) < count and time.monotonic() < until:
        time.sleep(0.02)
    assert len(endpoint.received) >= count


def test_the_past_comes_first_and_then_what_happens_each_once(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "EVERY_SECONDS", 0.05)
    with shifted(timedelta(hours=-3)):
        publish(world)
    with shifted(timedelta(hours=-1)):
        publish(world, "refund.created")
    stop, said = threading.Event(), list[tuple[str, int | None]]()

    def say(event: Event, answer: Answer) -> None:
        said.append((event.type, answer.status))

    def listen() -> None:
        with world.app.app_context(), organization(world.acme.id):
            forward(world.acme.id, Wire(endpoint.url, SECRET), timedelta(hours=2), stop, say)

    working = threading.Thread(target=copy_context().run, args=(listen,))
    working.start()
    await_received(endpoint, 1)
    publish(world, count=3)
    await_received(endpoint, 4)
    time.sleep(0.3)
    stop.set()
    working.join(10)
    assert said == [("refund.created", 204)] + [("payment_intent.succeeded", 204)] * 3
    told = [json.loads(got.body) for got in endpoint.received]
    assert [one["sequence"] for one in told] == [1, 2, 3, 4]
    Webhook(SECRET).verify(endpoint.received[-1].body, endpoint.received[-1].headers)


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2w", "1.5h", "²h", "999999h"])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_span(text)


def test_a_span_is_seconds_minutes_hours_or_days() -> None:
    assert [read_span(text).total_seconds() for text in ("90s", "15m", "2h", "7d")] == [90, 900, 7200, 604_800]


def test_the_command_forwards_until_it_is_interrupted(world: World, endpoint: Endpoint, postgres: Postgres) -> None:
    publish(world)
    command = [sys.executable, "-m", "flask", "--app", "app", "listen", "--forward-to", endpoint.url, "--since", "1h"]
    env = os.environ | {"BALLAST_ENV": "test", "DATABASE_URL": postgres.app_url, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--secret", SECRET], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        await_received(endpoint, 1, 40)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "payment_intent.succeeded" in out
    assert "1 sent." in out
    Webhook(SECRET).verify(endpoint.received[0].body, endpoint.received[0].headers)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--forward-to", "nowhere"], "begins with https://"),
        (["--forward-to", "http://localhost:3000/", "--since", "soon"], "Say how far back"),
        (["--forward-to", "http://localhost:3000/", "--events", "nothing"], "is no event type"),
        (["--forward-to", "http://localhost:3000/", "--organization", "nobody"], "There is no organization nobody"),
    ],
)
def test_a_command_that_cannot_be_carried_out_says_why(world: World, more: list[str], said: str) -> None:
    answer = world.app.test_cli_runner().invoke(args=["listen", *more])
    assert answer.exit_code == 1
    assert said in answer.output
