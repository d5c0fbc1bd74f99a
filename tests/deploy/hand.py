"""What compose.yaml describes, started by hand where there is no Docker: the same commands in the same environment.

PostgreSQL and Valkey are those of the wheels, Caddy and PgBouncer the machine's, and the sandbox plays the processors.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from flask import Flask

from ballast import config
from ballast.billing import demo
from ballast.config import Settings
from ballast.db import db
from ballast.local import environment, ports, probes, processes, services
from ballast.local.postgres import Postgres
from ballast.local.valkey import Valkey
from ballast.wiring import build
from tests.deploy import bouncer
from tests.deploy.compose import ROOT, Service
from tests.deploy.compose import services as read_services
from tests.local.checkout import clean_environment, wait_for
from tests.stack import Stack

WEB = ("web-1", "web-2")
WORKERS = ("worker-1", "worker-2")
PATIENCE = 90.0


class ByHand(Stack):
    """The services of compose.yaml as processes of ours; what `Stack` asks of a running product can be asked of it."""

    # Past PgBouncer, to PostgreSQL itself: what Debian 12 has of it (1.18) follows no prepared statements.
    is_direct = False

    def __init__(self, folder: Path, **env: str) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.home = folder
        self.ports = {name: ports.any_free() for name in (*WEB, "caddy", "http", "admin", "sandbox")}
        sandbox = f"http://{ports.HOST}:{self.ports['sandbox']}"
        nothing = environment.Replaced(
            database=False, redis=False, stripe=False, braintree=False, square=False, resend=False
        )
        self.sandboxed = environment.describe_sandbox(sandbox, nothing)
        self.env = _secrets() | self.sandboxed | env | {"PUBLIC_URL": f"https://localhost:{self.ports['caddy']}"}
        self.services: dict[str, Service] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._hosts: dict[str, str] = {}
        self._open = ExitStack()
        self._starter = self._open.enter_context(ThreadPoolExecutor(1))

    @property
    def certificate(self) -> Path:
        """The authority that signed Caddy's certificate for localhost."""
        return self.home / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    def up(self) -> None:
        """As `docker compose up --wait` would, then the demo organization as an operator would make it."""
        if shutil.which("caddy") is None:
            pytest.skip("no caddy on this machine (apt-get install caddy; .ci/run does)")
        bouncer.version()
        self._start_servers()
        self._start_caddy()
        self.finish("migrate")
        self._start_sandbox()
        for name in (*WEB, *WORKERS, "cron"):
            self.begin_service(name)
        made = self._seed()
        self.await_services(*WEB, *WORKERS, "cron")
        self.local = {
            **made,
            "web": self.env["PUBLIC_URL"],
            "sandbox": self.env["SANDBOX_URL"],
            "database_url": self._postgres.owner_url,
            "database_app_url": self._postgres.app_url,
        }

    def down(self) -> None:
        """End everything."""
        processes.stop(self.running.values(), signal.SIGTERM, patience=20)
        self._open.close()

    def begin_service(self, name: str) -> None:
        """Start a service with its own command, from a thread that lives as long as the stack: what a thread started ends with it."""
        one = self.services[name]
        asked = self._command(one), self.log_of(name), self._environment(one), ROOT
        self.running[name] = self._starter.submit(processes.spawn, *asked).result()

    def await_services(self, *names: str) -> None:
        """Until these are ready, each asked as its healthcheck or its registration has it."""
        for name in names:
            wait_for(partial(self._is_ready, name), PATIENCE, partial(self.tell, name))

    def restart(self, name: str) -> float:
        """As `docker compose up -d --no-deps --wait NAME` for a new release: TERM, the grace period, another one.

        Answers what is left of the grace period, seconds; negative where Docker would have killed it.
        """
        process, grace = self.running[name], self.services[name].stop_seconds
        process.send_signal(signal.SIGTERM)
        if name in WEB:
            self._expect_goodbye(name)
        asked_at = time.monotonic()
        process.wait(grace + 20)
        left = grace - (time.monotonic() - asked_at)
        self.begin_service(name)
        self.await_services(name)
        return left

    def finish(self, name: str) -> None:
        """Run a service that ends, to its end."""
        one = self.services[name]
        env = self._environment(one)
        done = subprocess.run(
            self._command(one), check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stderr

    def query_as_superuser(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement about everybody's connections."""
        with psycopg.connect(self._postgres.superuser_url) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def log_of(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def _start_servers(self) -> None:
        self._postgres = self._open.enter_context(Postgres(self.home / "postgres"))
        valkey = self._open.enter_context(Valkey(self.home / "valkey"))
        self.bouncer = self._open.enter_context(bouncer.running(self._postgres, PGBOUNCER_POOL_SIZE="20"))
        self.env |= {
            "OWNER_PASSWORD": str(urlsplit(self._postgres.owner_url).password),
            "APP_PASSWORD": str(urlsplit(self._postgres.app_url).password),
            "WORKER_PASSWORD": str(urlsplit(self._postgres.worker_url).password),
            "VALKEY_PASSWORD": str(urlsplit(valkey.url).password),
            "WEB_UPSTREAMS": " ".join(f"{ports.HOST}:{self.ports[name]}" for name in WEB),
        }
        self._hosts = {
            "@pgbouncer:6432": f"@{ports.HOST}:{self._postgres.port if self.is_direct else self.bouncer.port}",
            "@postgres:5432": f"@{ports.HOST}:{self._postgres.port}",
            "@valkey:6379": f"@{ports.HOST}:{valkey.port}",
        }
        self.redis_url = valkey.url
        self.services = read_services(self._with_a_secret_in_a_file())

    def _with_a_secret_in_a_file(self) -> dict[str, str]:
        """.env of an operator who keeps one of the secrets elsewhere: production refuses to start without it."""
        folder = self.home / "secrets"
        folder.mkdir()
        (folder / "secret_key").write_text(self.env["SECRET_KEY"])
        kept = {name: value for name, value in self.env.items() if name != "SECRET_KEY"}
        return kept | {"SECRETS_FOLDER": str(folder)}

    def _start_caddy(self) -> None:
        one = self.services["caddy"]
        # Where the image has its volumes; and ports that are ours to take.
        places = {"XDG_DATA_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), "HOME": str(self.home)}
        places |= {"CADDY_ADMIN": f"localhost:{self.ports['admin']}", "CADDY_HTTP_PORT": str(self.ports["http"])}
        command = [word.replace("/etc/caddy/", f"{ROOT}/deploy/caddy/") for word in one.command]
        env = clean_environment() | one.environment | places
        self.running["caddy"] = processes.spawn(command, self.log_of("caddy"), env)
        wait_for(self.certificate.exists, PATIENCE, partial(self.tell, "caddy"))

    def _start_sandbox(self) -> None:
        one = services.sandbox_service(self.ports["sandbox"], self.home / "sandbox")
        env = clean_environment() | {"SSL_CERT_FILE": str(self.certificate)}
        self.running["sandbox"] = processes.spawn(one.command(), self.log_of("sandbox"), env, ROOT)
        wait_for(lambda: one.is_ready(0), PATIENCE, partial(self.tell, "sandbox"))

    @contextmanager
    def application(self) -> Iterator[Flask]:
        """A web application in this process, on the same database, for what a test plants."""
        before = config._current
        names = {name.lower(): value for name, value in (self.env | self.sandboxed).items()}
        names |= {"database_url": self._postgres.app_url, "database_owner_url": self._postgres.owner_url}
        known = {name: value for name, value in names.items() if name in Settings.model_fields}
        app = build("app", Settings(_env_file=None, **known, redis_url=self.redis_url))
        try:
            with app.app_context():
                yield app
                db.session.remove()
                db.engine.dispose()
        finally:
            if before is not None:  # else these stay: threads of this process (metrics) go on asking for some
                config.use(before)

    def _seed(self) -> dict[str, Any]:
        """The demo organization with accounts at the sandbox."""
        with self.application():
            found = demo.plant({})
        assert found["complaints"] == []
        return found

    def _command(self, one: Service) -> list[str]:
        programs = {"python": [sys.executable], "flask": [sys.executable, "-m", "flask"]}
        words = [*programs[one.command[0]], *one.command[1:]]
        if one.name in WEB:
            here = {"0.0.0.0": ports.HOST, "8000": str(self.ports[one.name])}
            words = [here.get(word, word) for word in words]
        return words

    def _environment(self, one: Service) -> dict[str, str]:
        moved = dict(one.environment)
        for name, value in moved.items():
            for there, here in self._hosts.items():
                moved[name] = moved[name].replace(there, here) if there in value else moved[name]
        # As in the image, Python finds its modules compiled: from the second start on, wherever it may keep them.
        mine = {name: value for name, value in clean_environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
        return mine | moved | {"PYTHONUNBUFFERED": "1"}

    def _is_ready(self, name: str) -> bool:
        process = self.running[name]
        assert not processes.has_exited(process), self.tell(name)
        if name in WEB:
            return probes.answers_http(f"http://{ports.HOST}:{self.ports[name]}", "/readyz")
        if name == "cron":
            return probes.is_registered_cron(self.redis_url, process.pid)
        return probes.is_registered_worker(self.redis_url, process.pid)

    def _expect_goodbye(self, name: str) -> None:
        """It says 503 at /readyz and serves on."""
        address = f"http://{ports.HOST}:{self.ports[name]}"
        until = time.monotonic() + float(self.env.get("WEB_DRAIN_SECONDS", "5"))
        while probes.request(address, "GET", "/readyz") != 503:
            assert time.monotonic() < until, "told to stop, it still says that it is ready"
            time.sleep(0.02)
        assert probes.request(address, "GET", "/sign-in") == 200

    def tell(self, name: str) -> str:
        return f"{name}:\n{processes.tail(self.log_of(name), 40)}"


@contextmanager
def running(folder: Path, *, is_direct: bool = False, **env: str) -> Iterator[ByHand]:
    """All of it; `env` is what an operator has in `.env` besides."""
    stack = ByHand(folder, **env)
    stack.is_direct = is_direct
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def _secrets() -> dict[str, str]:
    """What an operator types into .env."""
    made = {name: secrets.token_hex(24) for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "JWT_SECRET")}
    return made | {"ENCRYPTION_KEY": b64encode(os.urandom(32)).decode()}
