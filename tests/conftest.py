"""The test world: a real PostgreSQL, a real Valkey and the real sandbox for each test process; fixed people in fixed roles.

Tables are emptied before each test that touches the database. No test needs the network beyond loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from ballast.billing import circuits
from ballast.config import Settings
from ballast.db import db
from ballast.local.ports import any_free
from ballast.local.postgres import Postgres
from ballast.local.valkey import Valkey
from tests.rows import KeptRows, empty
from tests.world import Browser, World, build_world

ROOT = Path(__file__).parent.parent
KeptWorld = tuple[World, KeptRows]


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own environment must not leak into a test."""
    for name in list(os.environ):
        if name.startswith(
            ("DATABASE_", "REDIS_", "STRIPE_", "BRAINTREE_", "SQUARE_", "RESEND_", "WEBHOOK_", "SANDBOX_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of this test process's own."""
    with Postgres(tmp_path_factory.mktemp("postgres"), fast=True) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey of this test process's own."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The processor sandbox, as a process of its own."""
    port = any_free()
    state = tmp_path_factory.mktemp("sandbox")
    command = [
        sys.executable,
        "-m",
        "ballast.sandbox",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--state",
        str(state),
    ]
    with (state / "log").open("w") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            await_answer(f"{url}/_sandbox/health")
            yield url
        finally:
            process.terminate()


def await_answer(url: str, patience: float = 30) -> None:
    """Until `url` answers, or fail."""
    until = time.monotonic() + patience
    while True:
        try:
            requests.get(url, timeout=2)
        except requests.RequestException:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def settings(postgres: Postgres, valkey: Valkey, sandbox_url: str) -> Settings:
    """Settings of the test world; short timeouts, so that a lost answer is noticed within the test."""
    return Settings(
        _env_file=None,
        ballast_env="test",
        database_url=postgres.app_url,
        database_owner_url=postgres.owner_url,
        database_worker_url=postgres.worker_url,
        redis_url=valkey.url,
        secret_key="a secret of the tests",
        jwt_secret="another secret of the tests, as long as its hash",
        public_url="http://127.0.0.1:9",
        sandbox_url=sandbox_url,
        stripe_secret_key="sk_test_ballast_tests",
        stripe_publishable_key="pk_test_ballast_tests",
        stripe_api_base=sandbox_url,
        stripe_js_url=f"{sandbox_url}/js/stripe/endive/stripe.js",
        braintree_base_url=sandbox_url,
        square_base_url=sandbox_url,
        resend_api_key="re_tests",
        resend_api_url=sandbox_url,
        resend_from_email="Acme Coffee <hello@acme.test>",
        processor_read_timeout=3.0,
        braintree_read_timeout=3.0,
        webhook_timeout=2.0,
        webhook_jitter=0.0,
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The web application, serving as `ballast_app` on a migrated database."""
    from ballast import create_app

    made = create_app("app", settings)
    made.testing = True
    made.test_client_class = Browser
    with made.app_context():
        from flask_migrate import upgrade

        upgrade()
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def worker_app(settings: Settings, app: Flask) -> Iterator[Flask]:
    """The worker's application, serving as `ballast_worker`."""
    from ballast import create_app

    made = create_app("worker", settings)
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def counted(valkey: Valkey) -> Iterator[Redis]:
    """What counts and remembers, to be emptied."""
    with Redis.from_url(valkey.url) as connection:
        yield connection


@pytest.fixture
def clean(superuser: psycopg.Connection, sandbox_url: str, counted: Redis) -> None:
    """Empty tables, an empty sandbox, nothing counted."""
    counted.flushdb()
    empty(superuser)
    requests.post(f"{sandbox_url}/_sandbox/reset", timeout=5).raise_for_status()


@pytest.fixture(scope="session")
def superuser(app: Flask, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Who may empty and fill even what refuses to change, in any order. One connection for all tests: what a new one has to learn
    about every table takes several times as long as the work itself."""
    database = postgres.superuser_url.rpartition("/")[0] + "/ballast"
    with psycopg.connect(database, autocommit=True, options="-c session_replication_role=replica") as connection:
        yield connection


@pytest.fixture(scope="session")
def kept_world(
    app: Flask, worker_app: Flask, superuser: psycopg.Connection, settings: Settings, sandbox_url: str
) -> KeptWorld:
    """The world as it was built once, with its rows: to put them back takes a tenth of the time that building takes."""
    empty(superuser)
    with app.app_context():
        world = build_world(app, worker_app, settings, sandbox_url)
        db.session.remove()
    return world, KeptRows(superuser)


@pytest.fixture
def world(kept_world: KeptWorld, clean: None) -> Iterator[World]:
    """Acme and its people, a stranger's organization, and the sandbox, inside the web application's context."""
    world, kept = kept_world
    kept.put_back()
    circuits._breaker.cache_clear()  # the accounts are the same ones as in the test before
    world.tell_receiver()
    with world.app.app_context():
        yield replace(world)


@pytest.fixture
def start_over(world: World, kept_world: KeptWorld, superuser: psycopg.Connection) -> Callable[[], None]:
    """The world as it was when the test began, sandbox included."""

    def again() -> None:
        db.session.remove()
        empty(superuser)
        kept_world[1].put_back()
        requests.post(f"{world.sandbox_url}/_sandbox/reset", timeout=5).raise_for_status()
        world.tell_receiver()

    return again


@pytest.fixture
def client(world: World) -> FlaskClient:
    """A browser nobody has signed in with."""
    return world.app.test_client()


@pytest.fixture
def api(world: World) -> Any:
    """Acme's program."""
    return world.api(world.acme.api_key)
