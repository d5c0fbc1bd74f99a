"""What a process loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    """The modules of a fresh process after `statement`."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "REDIS_"))}
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def web() -> set[str]:
    """What the WSGI application loads."""
    return loaded_by("import app")


def test_the_web_application_loads_neither_the_local_stack_nor_the_sandbox_nor_what_only_they_need(
    web: set[str],
) -> None:
    unwanted = ("ballast.local", "ballast.sandbox", "aiohttp", "psutil", "pytest", "hypothesis")
    assert [name for name in web if name.startswith(unwanted)] == []


def test_the_web_application_loads_at_its_start_only_what_every_request_may_need(web: set[str]) -> None:
    for_few = {"stripe", "braintree", "square", "resend", "httpx", "typst", "alembic", "flask_migrate", "sentry_sdk"}
    assert for_few.isdisjoint(web)


def test_counting_a_limit_loads_one_client_of_redis() -> None:
    found = loaded_by("from ballast.identity import limiting; limiting._shared('redis://127.0.0.1:1')")
    assert "redis" in found
    assert "valkey" not in found


def test_cron_loads_nothing_of_what_the_jobs_do() -> None:
    unwanted = {"flask", "sqlalchemy", "psycopg", "jinja2", "cryptography.hazmat", "ballast.models", "ballast.billing"}
    assert unwanted.isdisjoint(loaded_by("import ballast.ticking"))


def test_the_supervisor_of_the_local_stack_stays_small() -> None:
    assert {"psycopg", "redis", "asyncio", "flask", "pydantic"}.isdisjoint(loaded_by("import ballast.local.command"))


def test_importing_the_package_loads_no_web_framework() -> None:
    assert {"flask", "sqlalchemy", "stripe"}.isdisjoint(loaded_by("import ballast"))


def test_the_domains_leaves_know_nothing_of_the_web_or_the_database() -> None:
    found = loaded_by("import ballast.money, ballast.clock, ballast.errors, ballast.ids")
    assert {"flask", "sqlalchemy", "psycopg", "redis"}.isdisjoint(found)


def test_a_worker_serves_no_pages(app: object) -> None:
    assert {"flask_wtf", "flask_login", "flask_openapi", "ballast.blueprints.admin"}.isdisjoint(
        loaded_by("from ballast import create_app; create_app('worker')")
    )


def test_what_a_settled_process_frees_goes_back_to_the_system() -> None:
    """A password's hash takes 19 MiB for a moment."""
    grown = """
    from pathlib import Path
    from ballast import footprint, security
    def anonymous():
        size, resident, shared = Path("/proc/self/statm").read_text().split()[:3]
        return (int(resident) - int(shared)) * 4096
    footprint.settle()
    before = anonymous()
    for _ in range(3):
        security.hash_password("correct horse")
    assert anonymous() - before < 4_000_000, anonymous() - before
    """
    loaded_by(dedent(grown))
