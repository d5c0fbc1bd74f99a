"""Webhook deliveries a second by one worker process, their rows in Postgres moved with them, against RQ with a job for each.

The events are there before; what is timed is from the first delivery to the last. The merchant's server is a program of its own and
answers at once or after 100 ms. Six endpoints of eight calls each: 48 under way at a time.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psutil
import psycopg
from sqlalchemy import text

from ballast import create_app
from ballast.config import Settings
from ballast.db import db, organization, transaction
from ballast.identity import users
from ballast.ids import new_id
from ballast.local.ports import any_free
from ballast.notifications import webhooks
from ballast.security import new_webhook_secret
from bench.stack import ROOT
from bench.usage import measured

ENDPOINTS: Final = 6
# About one kilobyte on its way.
DATA: Final = {"object": "payment", "amount": 2000, "currency": "USD", "description": "x" * 700}
# Deliveries and jobs of the baseline, by the sink's delay in seconds.
SIZES: Final = {0.0: (9_000, 400), 0.1: (3_000, 60)}
PATIENCE: Final = 240


def measure(local: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Deliveries a second, their ratio to the baseline and the worker's CPU for each, by the sink's delay."""
    result: dict[str, Any] = {}
    for delay, (count, jobs) in SIZES.items():
        with sink(delay) as url:
            found = deliver(local, settings, url, count)
            base = baseline(local, url, jobs)
        name = f"deliveries_{round(delay * 1000)}ms"
        result |= {f"{name}_{key}": value for key, value in found.items()}
        result |= {f"{name}_rq": round(base, 1), f"{name}_ratio": round(found["per_second"] / base, 1)}
    return result


@contextmanager
def sink(delay: float) -> Iterator[str]:
    """The address of a server that answers after `delay` seconds."""
    port = any_free()
    with subprocess.Popen([sys.executable, "-m", "bench.sink", str(port), str(delay)], cwd=ROOT) as process:
        time.sleep(1)
        try:
            yield f"http://127.0.0.1:{port}/hook"
        finally:
            process.terminate()


def deliver(local: dict[str, Any], settings: Settings, url: str, count: int) -> dict[str, float]:
    """Publish while the worker stands still, let it go, and watch."""
    worker = psutil.Process(local["pids"]["worker"])
    worker.send_signal(signal.SIGSTOP)
    try:
        publish(settings, url, count)
    finally:
        worker.send_signal(signal.SIGCONT)
    with psycopg.connect(local["database_url"], autocommit=True) as connection:
        with measured(local) as used:
            await_last(connection)
        seconds = seconds_taken(connection, count)
    return {
        "per_second": round(count / seconds, 1),
        "worker_cpu_ms": round(1000 * used["worker"] / count, 3),
        "postgres_cpu_ms": round(1000 * used["postgres"] / count, 3),
    }


def publish(settings: Settings, url: str, count: int) -> None:
    """Six endpoints and an even part of the events for each."""
    app = create_app("app", settings)
    with app.app_context():
        found = users.organization_by_slug("acme")
        assert found, "the local stack seeds it"
        with organization(found.id):
            with transaction() as session:
                session.execute(text("update webhook_endpoints set enabled = false"))
                for number in range(ENDPOINTS):
                    webhooks.create_endpoint(found.id, url, [f"bench_{number}.*"], new_webhook_secret())
            for first in range(0, count, 1000):
                with transaction():
                    for number in range(first, min(first + 1000, count)):
                        kind = f"bench_{number % ENDPOINTS}.made"
                        webhooks.publish(found.id, kind, "payment", new_id("pay"), dict(DATA))
        db.session.remove()
        db.engine.dispose()


def await_last(connection: psycopg.Connection[Any]) -> None:
    """Until nothing is left. Looks at the head of each endpoint's lane, for what this costs counts as Postgres' CPU."""
    left = """select from webhook_endpoints as e where e.enabled and e.event_types[1] like 'bench%' and exists (
        select from webhook_deliveries as d where d.organization_id = e.organization_id and d.endpoint_id = e.id
        and d.status in ('pending', 'failed'))"""
    until = time.monotonic() + PATIENCE
    while connection.execute(left).rowcount:
        if time.monotonic() > until:
            raise RuntimeError("the deliveries did not arrive in time")
        time.sleep(0.5)


def seconds_taken(connection: psycopg.Connection[Any], count: int) -> float:
    """From the first delivery to the last, by the rows themselves."""
    asked = """select count(*), extract(epoch from max(d.delivered_at) - min(d.delivered_at))::float8
        from webhook_deliveries as d join webhook_endpoints as e on e.organization_id = d.organization_id and e.id = d.endpoint_id
        where e.enabled and e.event_types[1] like 'bench%' and d.status = 'delivered'"""
    row = connection.execute(asked).fetchone()
    if row is None or row[0] != count:
        raise RuntimeError(f"of {count} deliveries only {row and row[0]} arrived")
    return float(row[1])


def baseline(local: dict[str, Any], url: str, jobs: int) -> float:
    """RQ, one job each, in one process."""
    command = [sys.executable, "-m", "bench.one_job_each", local["redis_url"], url, local["database_url"], str(jobs)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
