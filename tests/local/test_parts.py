"""The small parts: ports, environment, secrets, lock, restarts, links."""

import base64
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from ballast.local import environment, supervisor
from ballast.local.chromium import find_chromium
from ballast.local.errors import LocalError
from ballast.local.lock import Lock
from ballast.local.ports import Reservations, any_free, is_taken
from ballast.local.secrets import load_or_generate
from ballast.local.stack import choose_ports
from ballast.local.supervisor import Service, Supervisor
from scripts import check_links
from tests.local.checkout import wait_for

NOTHING = environment.find_replaced({})


@pytest.fixture
def reservations() -> Iterator[Reservations]:
    held = Reservations()
    yield held
    held.release()


def test_a_port_someone_listens_on_is_passed_over(reservations: Reservations) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert is_taken(port)
        assert reservations.choose(port) > port


@pytest.mark.skipif(sys.platform != "linux", reason="reservations are abstract sockets, which only Linux has")
def test_two_stacks_that_start_at_once_choose_different_ports(reservations: Reservations) -> None:
    port = any_free()
    assert reservations.choose(port) == port
    other = Reservations()
    assert other.choose(port) != port
    other.release()


def test_ports_are_remembered_and_a_change_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reservations: Reservations
) -> None:
    memory = tmp_path / "ports.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        memory.write_text(f'{{"web": {taken}}}')
        chosen = choose_ports(memory, ["web"], reservations)
        assert capsys.readouterr().out == f"Port {taken} is taken; web uses {chosen['web']}.\n"
    reservations.release()
    assert choose_ports(memory, ["web"], reservations) == chosen
    assert capsys.readouterr().out == ""


def test_the_users_environment_wins_over_dotenv_and_both_over_ours(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# a comment\nexport A=\"from file\" # why\nB=plain # why\nC='x#y'\nEMPTY=\nnot a line\n")
    user = environment.read_user_environment({"B": "from shell", "D": ""}, dotenv)
    assert user == {"A": "from file", "B": "from shell", "C": "x#y"}
    composed = environment.compose(user, {"A": "ours", "Z": "ours"}, NOTHING)
    assert (composed["A"], composed["Z"], composed["BALLAST_ENV"]) == ("from file", "ours", "local")


def test_real_processor_keys_keep_the_sandbox_out_of_their_way() -> None:
    replaced = environment.find_replaced({"STRIPE_SECRET_KEY": "sk_test_mine"})
    names = environment.describe_sandbox("http://127.0.0.1:8010", replaced)
    assert not [name for name in names if name.startswith("STRIPE_")]
    assert names["RESEND_API_URL"] == "http://127.0.0.1:8010"
    assert not replaced.sandbox


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, False),
        ({"STRIPE_SECRET_KEY": "sk_test_mine"}, True),
        ({"BRAINTREE_PRIVATE_KEY": "mine"}, True),
        ({"SQUARE_ACCESS_TOKEN": "EAAA"}, True),
    ],
)
def test_a_proxy_is_dropped_only_where_everything_is_local(given: dict[str, str], kept: bool) -> None:
    replaced = environment.find_replaced(given)
    composed = environment.compose({"HTTPS_PROXY": "http://proxy:3128"}, {}, replaced)
    assert ("HTTPS_PROXY" in composed) is kept


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = environment.load_secrets(path)
    assert environment.load_secrets(path) == first
    assert len(base64.b64decode(first["ENCRYPTION_KEY"])) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_file_of_secrets_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(LocalError, match="damaged"):
        load_or_generate(path, {"A": lambda: "new"})
    assert path.read_text() == "{"


def test_a_lock_has_one_holder_and_tells_who(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    first.announce("http://127.0.0.1:1")
    assert not second.acquire()
    assert second.read_holder()[1] == "http://127.0.0.1:1"
    first.release()
    assert second.acquire()
    second.release()


def test_a_child_that_keeps_failing_is_started_at_growing_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)
    watcher, service = _make_supervisor(tmp_path, ["false"])
    starts: list[int] = []

    def count() -> None:
        starts.append(service.failures)
        watcher.stopping = len(starts) == 3

    watcher.start(service)
    watcher.watch(count)
    assert starts == [1, 2, 3]
    assert "web ended with code 1; starting it again in 0.1 s" in capsys.readouterr().out
    watcher.stop([["web"]])


def test_a_child_that_ends_at_its_start_is_shown_with_its_log(tmp_path: Path) -> None:
    watcher, service = _make_supervisor(tmp_path, [sys.executable, "-c", "raise SystemExit('no room on the disk')"])
    watcher.start(service)
    with pytest.raises(LocalError, match=r"(?s)web ended with code 1 at its start.*web\.log.*no room on the disk"):
        watcher.wait_until_ready([service])
    watcher.stop([["web"]])


def test_a_child_that_stays_silent_is_named(tmp_path: Path) -> None:
    watcher, service = _make_supervisor(tmp_path, ["sleep", "60"])
    watcher.start(service)
    with pytest.raises(LocalError, match="web did not answer within 0 seconds"):
        watcher.wait_until_ready([service], patience=0.1)
    watcher.stop([["web"]])
    assert service.process is not None
    assert service.process.returncode == -signal.SIGTERM


def test_asked_to_stop_while_a_task_runs(tmp_path: Path) -> None:
    watcher, _ = _make_supervisor(tmp_path, ["true"])
    watcher.begin_task("migrate", ["sleep", "60"])
    task = watcher.task
    watcher.stopping = True
    with pytest.raises(supervisor.StopRequestedError):
        watcher.finish_task("migrate")
    watcher.stop([])
    assert task is not None
    wait_for(lambda: task.returncode is not None, 5)


def test_the_browser_a_person_names_is_taken_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_CHROMIUM", sys.executable)
    assert find_chromium() == Path(sys.executable)
    monkeypatch.setenv("BALLAST_CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(LocalError, match="is not a program"):
        find_chromium()


def test_a_browser_without_windows_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALLAST_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    for place in ("path/chromium", "path/chromium-headless-shell"):
        _make_program(tmp_path / place)
        assert find_chromium() == tmp_path / place
    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    shell = tmp_path / whole.parents[1].name.replace("chromium", "chromium_headless_shell") / "linux" / "headless_shell"
    for place in (whole, shell):
        _make_program(place)
        assert find_chromium() == place


def _make_program(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch(mode=0o755)


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One `two` & three!\n\n## Same\n## Same\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[good](other.md#one-two--three) [again](other.md#same-1) [self](#here) [out](https://example.com/x)\n"
        "# Here\n`[code](nowhere)`\n```\n[fenced](nowhere)\n```\n[bad](missing.md)\n[anchor](other.md#four)\n"
    )
    found = [problem.rpartition(page.name + ":")[2] for problem in check_links.find_broken(page)]
    assert found == ["7: missing.md: there is no such file", "8: other.md#four: other.md has no heading of that name"]


def _make_supervisor(folder: Path, command: list[Any]) -> tuple[Supervisor, Service]:
    watcher = Supervisor(
        logs=folder / "logs", record=folder / "children.json", cwd=folder, env={"PATH": "/usr/bin:/bin"}
    )
    return watcher, Service("web", lambda: command, lambda _: False)
