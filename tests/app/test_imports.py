"""What a process loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_importing_the_package_loads_no_web_framework() -> None:
    assert {"flask", "sqlalchemy", "stripe"}.isdisjoint(loaded_by("import ballast"))


def test_the_domains_leaves_know_nothing_of_the_web_or_the_database() -> None:
    found = loaded_by("import ballast.money, ballast.clock, ballast.errors, ballast.ids")
    assert {"flask", "sqlalchemy", "psycopg", "redis"}.isdisjoint(found)


def test_a_worker_serves_no_pages(app: object) -> None:
    assert {"flask_wtf", "flask_login", "flask_openapi", "ballast.blueprints.admin"}.isdisjoint(
        loaded_by("from ballast import create_app; create_app('worker')")
    )
