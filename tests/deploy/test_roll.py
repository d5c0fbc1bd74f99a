"""`deploy/roll`, with a `docker` that writes down what it is asked: what it restarts, in which order, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose import ROOT

DOCKER = """#!/bin/sh
echo "$BALLAST_TAG: $*" >>"{told}"
case "$*" in
"compose config --services" | "compose ps --status running --services") echo "{services}" | tr ' ' '\\n' ;;
*db-check) exit {db_check} ;;
esac
"""
SERVICES = [*yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]]


def roll(folder: Path, services: list[str], db_check: int = 0) -> tuple[int, list[str], str]:
    """Its exit code, what it asked docker for and the .env it leaves."""
    for place in ("deploy", "bin"):
        (folder / place).mkdir()
    shutil.copy(ROOT / "deploy" / "roll", folder / "deploy" / "roll")
    (folder / ".env").write_text("BALLAST_TAG=1\nSECRET_KEY=x")
    docker, told = folder / "bin" / "docker", folder / "told"
    docker.write_text(DOCKER.format(told=told, services=" ".join(services), db_check=db_check))
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["deploy/roll", "2"], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, told.read_text().splitlines(), (folder / ".env").read_text()


def restarted(told: list[str]) -> list[str]:
    return [line.rpartition(" ")[2] for line in told if "--detach" in line]


def test_however_many_there_are_each_is_restarted_web_servers_first(tmp_path: Path) -> None:
    code, told, env = roll(tmp_path, [*SERVICES, "web-3", "worker-3"])
    assert code == 0
    workers = ["worker-1", "worker-2", "worker-3"]
    assert restarted(told) == ["web-1", "web-2", "web-3", *workers, "webhooks", "cron"]
    assert told.index("2: compose run --rm --no-deps migrate") < next(
        i for i, line in enumerate(told) if "--detach" in line
    )
    assert {line.partition(":")[0] for line in told} == {"2"}
    assert told[-1] == "2: compose kill --signal HUP prometheus"
    assert env == "SECRET_KEY=x\nBALLAST_TAG=2\n"


@pytest.mark.parametrize("missing", ["web-", "worker-", "webhooks", "cron"])
def test_a_stack_without_one_of_the_kinds_is_rolled_all_the_same(tmp_path: Path, missing: str) -> None:
    left = [name for name in SERVICES if not name.startswith(missing)]
    code, told, _ = roll(tmp_path, left)
    assert code == 0
    assert sorted(restarted(told)) == sorted(
        name for name in left if name.startswith(("web-", "worker-", "webhooks", "cron"))
    )


def test_on_a_database_that_does_not_fit_nothing_is_restarted(tmp_path: Path) -> None:
    code, told, env = roll(tmp_path, SERVICES, db_check=1)
    assert code == 1
    assert restarted(told) == []
    assert env == "BALLAST_TAG=1\nSECRET_KEY=x"
