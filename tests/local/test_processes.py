import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from ballast.local import processes
from ballast.local.supervisor import end_leftovers
from tests.local.checkout import is_gone, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys; subprocess.Popen(sys.argv[1:]); import time; time.sleep(60)",
]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = processes.spawn(SLEEP, tmp_path / "log", death_signal=None)
    yield process
    processes.stop([process], signal.SIGKILL, 5)


def test_a_process_is_known_by_more_than_its_number(sleeper: subprocess.Popen[bytes]) -> None:
    known = processes.mark(sleeper.pid)
    assert known is not None
    assert processes.is_alive(known)
    assert not processes.is_alive(dataclasses.replace(known, started="another boot/1"))
    assert not processes.is_alive(dataclasses.replace(known, group=1))


def test_leftovers_are_ended(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    known = processes.mark(sleeper.pid)
    assert known is not None
    record = tmp_path / "children.json"
    record.write_text(json.dumps({"web": asdict(known)}))
    assert end_leftovers(record, {}) == ["web"]
    assert is_gone(sleeper.pid)
    assert not record.exists()


def test_a_stranger_with_a_recorded_number_is_left_alone(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    known = processes.mark(sleeper.pid)
    assert known is not None
    record = tmp_path / "children.json"
    record.write_text(json.dumps({"web": asdict(dataclasses.replace(known, started="another boot/1"))}))
    assert end_leftovers(record, {}) == []
    assert not is_gone(sleeper.pid)


def test_the_children_of_a_killed_leader_are_ended_as_leftovers(tmp_path: Path) -> None:
    leader = processes.spawn([*PARENT, *SLEEP], tmp_path / "log", death_signal=None)
    child = _wait_for_child(leader.pid)
    known = processes.mark(leader.pid)
    assert known is not None
    leader.kill()
    leader.wait()
    assert processes.end(known, signal.SIGTERM, 1)
    assert is_gone(child)


def test_what_a_leader_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    leader = processes.spawn([*PARENT, *SLEEP], tmp_path / "log")
    child = _wait_for_child(leader.pid)
    leader.kill()
    wait_for(lambda: processes.has_exited(leader), 5)
    wait_for(lambda: is_gone(child), 5)


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    deaf = processes.spawn(DEAF, tmp_path / "log")
    wait_for(lambda: "deaf" in processes.tail(tmp_path / "log"), 10)
    processes.stop([deaf], signal.SIGTERM, 0.3)
    assert deaf.returncode == -signal.SIGKILL


def test_a_damaged_record_ends_nothing(tmp_path: Path) -> None:
    record = tmp_path / "children.json"
    record.write_text('{"web": {"pid": 1')
    assert end_leftovers(record, {}) == []
    assert not record.exists()


def test_a_log_that_grew_large_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 3)
    log = tmp_path / "log"
    log.write_text("old lines\n")
    processes.spawn(["true"], log).wait()
    assert (tmp_path / "log.1").read_text() == "old lines\n"
    assert log.read_text() == ""


def _wait_for_child(pid: int) -> int:
    wait_for(lambda: bool(psutil.Process(pid).children()), 10)
    return psutil.Process(pid).children()[0].pid
