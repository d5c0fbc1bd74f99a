"""The release before serves while its data migrate to this one: `make migration-drill FROM=<commit>`.

The older release is checked out beside this one and started as its users start it. Clients create and confirm payments all the time;
meanwhile this release's migrations run on its database; the older one goes on serving on the new tables; then this one takes over the
same data. Every request was answered, and what the processor took is what the payments say.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import requests

from tests.local.checkout import clean_environment, wait_for

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 6
# The load runs before the migrations, under them and after them.
SECONDS = 90
BEFORE = 10.0
PAYMENT = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}
COUNT = "select count(*), coalesce(sum(amount_captured), 0) from payments where status = 'succeeded'"


def drill(commit: str, folder: Path) -> list[str]:
    """What was found, a sentence each; prints figures on its way."""
    older, state = folder / "older", folder / "state"
    git("clone", "-q", "--shared", str(ROOT), str(older))
    git("-C", str(older), "checkout", "-q", commit)
    (older / ".venv").symlink_to(ROOT / ".venv")
    with stack(older, state) as local:
        before = revision(local)
        load = start_load(older, local)
        time.sleep(BEFORE)
        began = time.monotonic()
        migrate(local)
        took = time.monotonic() - began
        served = json.loads(load.communicate(timeout=SECONDS + 60)[0])
        print(
            f"{before} to {revision(local)} in {took:.1f} s; {served['requests']} payments, {served['errors']} failed"
        )
        findings = [f"{served['errors']} requests failed"] if served["errors"] else []
        findings += [] if took < SECONDS - BEFORE - 5 else ["the load ended before the migrations"]
    with stack(ROOT, state) as local:
        findings += compare(local)
        headers = {"X-API-Key": local["api_key"], "Idempotency-Key": str(uuid4())}
        answer = requests.post(f"{local['web']}/api/v1/payments", json=PAYMENT, headers=headers, timeout=30)
        if answer.status_code != 201:
            findings.append(f"this release answers {answer.status_code}: {answer.text[:200]}")
    return findings


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True)


@contextmanager
def stack(where: Path, state: Path) -> Iterator[dict[str, Any]]:
    """A release's own local stack, on data that outlive it."""
    published = state / "local.json"
    published.unlink(missing_ok=True)
    environment = clean_environment() | {"BALLAST_STATE_DIR": str(state)}
    command = [str(where / ".venv" / "bin" / "python"), "app.py"]
    process = subprocess.Popen(command, cwd=where, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: published.exists() or process.poll() is not None, 180)
        yield json.loads(published.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def start_load(older: Path, local: dict[str, Any]) -> subprocess.Popen[str]:
    words = ["-m", "bench.load", local["web"], local["api_key"], str(CLIENTS), str(SECONDS)]
    command = [str(older / ".venv" / "bin" / "python"), *words]
    return subprocess.Popen(command, cwd=older, stdout=subprocess.PIPE, text=True)


def migrate(local: dict[str, Any]) -> None:
    """As an upgrade does, by this release, while the older one serves."""
    environment = clean_environment() | {
        "DATABASE_URL": local["database_app_url"],
        "DATABASE_OWNER_URL": local["database_url"],
        "BALLAST_ENV": "local",
        "PATH": os.environ["PATH"],
    }
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"], cwd=ROOT, env=environment, check=True
    )


def revision(local: dict[str, Any]) -> str:
    with psycopg.connect(local["database_url"]) as connection:
        row = connection.execute("select version_num from alembic_version").fetchone()
    assert row
    return str(row[0])


def compare(local: dict[str, Any]) -> list[str]:
    """What the processor took against what the payments say, once nothing is open any more."""
    open_ = "select 1 from attempts where status in ('created', 'submitted', 'unknown') limit 1"

    def ask(statement: str) -> Any:
        with psycopg.connect(local["database_url"]) as connection:
            return connection.execute(statement).fetchone()

    wait_for(lambda: ask(open_) is None, 90)
    charges = [
        one
        for one in requests.get(f"{local['sandbox']}/_sandbox/charges", timeout=30).json()
        if one["status"] != "canceled"
    ]
    ours, theirs = ask(COUNT), (len(charges), sum(one["amount_captured"] for one in charges))
    print(f"{ours[0]} payments, {theirs[0]} charges")
    return [] if tuple(ours) == theirs else [f"payments say {tuple(ours)}, the processor {theirs}"]


def main() -> int:
    """Run the drill; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="migration-drill", description=__doc__)
    parser.add_argument("commit", help="the older release")
    with tempfile.TemporaryDirectory(prefix="ballast-migration-") as folder:
        Path(folder).chmod(0o755)
        findings = drill(parser.parse_args().commit, Path(folder))
    print("\n".join(findings or ["No request was lost, and every charge is a payment."]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
