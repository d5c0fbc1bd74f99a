"""The whole stack from outside: real PostgreSQL, Valkey and granian, a stand-in for the application."""

import json
import os
import re
import signal
import stat

import psycopg
import pytest
import redis

from tests.local.checkout import Checkout, get_status, is_gone, wait_for
from tests.stack import keep_ports

pytestmark = pytest.mark.stack

PARTS = ("postgres", "valkey", "sandbox", "web", "worker", "cron")


def test_everything_answers_at_the_published_addresses(running: Checkout) -> None:
    local = running.read_local()
    assert get_status(local["web"], "/health") == 200
    assert get_status(local["sandbox"], "/_sandbox/health") == 200
    assert redis.Redis.from_url(local["redis_url"]).ping()
    for name in ("database_url", "database_app_url", "database_worker_url"):
        with psycopg.connect(local[name]) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert set(local["pids"]) == set(PARTS)
    assert local["owner"] == {"email": "owner@acme.test", "password": "demo"}


def test_secrets_are_for_their_owner_only(running: Checkout) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in running.state.glob("*.json")}
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(running.state.stat().st_mode) == 0o700


def test_the_panel_names_the_addresses_and_the_sign_ins(running: Checkout) -> None:
    local = running.read_local()
    shown = running.read_output()
    for text in (f"{local['web']}/shop/acme/", f"{local['sandbox']}/_sandbox/mailbox", "staff@acme.test", "make stop"):
        assert text in shown


def test_what_the_demo_complains_of_is_said_in_the_terminal(running: Checkout) -> None:
    assert "\nBraintree is left out: the stand-in knows none.\n" in running.read_output()


def test_the_receiver_is_told_its_secret(running: Checkout) -> None:
    assert '{"secret": "whsec_x"}' in (running.state / "logs" / "sandbox.log").read_text()


def test_the_roles_have_no_superuser_rights(running: Checkout) -> None:
    with psycopg.connect(running.read_local()["database_url"]) as connection:
        rows = connection.execute(
            "select rolname, rolsuper or rolcreaterole from pg_roles where rolname like 'ballast%' order by 1"
        ).fetchall()
    assert rows == [("ballast_app", False), ("ballast_owner", False), ("ballast_worker", False)]


def test_a_second_start_in_the_same_checkout_is_refused(running: Checkout) -> None:
    second = running.run()
    assert second.returncode == 1
    assert f"Already running at {running.read_local()['web']}" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back(running: Checkout, name: str) -> None:
    before = running.pid_of(name)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: running.pid_of(name) != before, 30, running.read_output)
    local = running.read_local()
    checks = {
        "postgres": lambda: _answers_query(local["database_url"]),
        "valkey": lambda: _answers_ping(local["redis_url"]),
        "sandbox": lambda: get_status(local["sandbox"], "/_sandbox/health") == 200,
        "web": lambda: get_status(local["web"], "/health") == 200,
    }
    wait_for(checks.get(name, lambda: not is_gone(local["pids"][name])), 30, running.read_output)


def test_a_second_checkout_takes_the_next_ports(running: Checkout, idle: Checkout) -> None:
    first = running.read_local()
    idle.state.mkdir()
    (idle.state / "ports.json").write_text((running.state / "ports.json").read_text())
    second = idle.start()
    taken = _port(first["web"])
    assert re.search(rf"Port {taken} is taken; web uses \d+", idle.read_output())
    assert not {first[name] for name in ("web", "sandbox")} & {second[name] for name in ("web", "sandbox")}
    assert get_status(first["web"], "/health") == get_status(second["web"], "/health") == 200

    stopped = idle.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped.\n")
    wait_for(idle.has_ended, 5)
    assert not idle.is_published()
    assert all(is_gone(pid) for pid in second["pids"].values())
    assert get_status(first["web"], "/health") == 200


def test_a_killed_supervisor_leaves_nothing_that_stops_the_next_start(idle: Checkout) -> None:
    keep_ports(idle.state)
    first = idle.start()
    with psycopg.connect(first["database_url"]) as connection:
        connection.execute("create table kept (id int)")
    redis.Redis.from_url(first["redis_url"]).set("kept", "1")
    assert idle.supervisor is not None
    idle.supervisor.kill()
    idle.supervisor.wait()
    (idle.state / "local.json").unlink()

    second = idle.start()
    assert {name: second[name] for name in ("web", "sandbox")} == {name: first[name] for name in ("web", "sandbox")}
    assert all(is_gone(pid) for pid in first["pids"].values())
    with psycopg.connect(second["database_url"]) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
    assert redis.Redis.from_url(second["redis_url"]).get("kept") == b"1"
    idle.supervisor.terminate()
    assert idle.supervisor.wait(60) == 0
    assert all(is_gone(pid) for pid in second["pids"].values())


def test_a_step_that_fails_shows_its_log_and_leaves_nothing_running(idle: Checkout) -> None:
    failed = idle.run(STANDIN_FAILS="migrate")
    assert failed.returncode == 1
    assert "setup failed with code 1" in failed.stderr
    assert "the stand-in was told to fail" in failed.stderr
    assert str(idle.state / "logs" / "setup.log") in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (idle.state / "children.json").exists()
    assert not (idle.state / "postgres" / "data" / "postmaster.pid").exists()


def test_a_state_folder_that_cannot_be_written_is_one_sentence(idle: Checkout) -> None:
    blocker = idle.folder / "a file"
    blocker.touch()
    failed = idle.run(BALLAST_STATE_DIR=str(blocker / "state"))
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"ballast: Cannot write to {blocker / 'state'}")
    assert failed.stderr.count("\n") == 1


def test_an_address_that_is_none_is_one_sentence(idle: Checkout) -> None:
    failed = idle.run(BRAINTREE_BASE_URL="127.0.0.1:9999")
    assert failed.returncode == 1
    said = "ballast: BRAINTREE_BASE_URL must begin with http:// or https:// and a host; it is 127.0.0.1:9999.\n"
    assert failed.stderr == said


def test_stop_with_nothing_running_is_a_success(idle: Checkout) -> None:
    stopped = idle.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Nothing is running here.\n")


def test_servers_that_the_user_names_are_used_instead(running: Checkout, idle: Checkout) -> None:
    given = running.read_local()
    local = idle.start(
        DATABASE_URL=given["database_app_url"],
        DATABASE_OWNER_URL=given["database_url"],
        REDIS_URL=given["redis_url"],
        STRIPE_SECRET_KEY="sk_test_mine",
        BRAINTREE_PRIVATE_KEY="mine",
        SQUARE_ACCESS_TOKEN="EAAA_mine",
        RESEND_API_KEY="re_mine",
    )
    assert set(local["pids"]) == {"web", "worker", "cron"}
    assert "sandbox" not in local
    assert (local["database_app_url"], local["redis_url"]) == (given["database_app_url"], given["redis_url"])
    assert not (idle.state / "postgres").exists()
    with psycopg.connect(given["database_url"]) as connection:
        told = [row[0] for row in connection.execute("select told from runs order by at")]
    assert told[0] == "1", "nobody serves from a server of ours before it is migrated"
    assert told[-1] is None, "somebody may, from the user's own"


def _answers_query(address: str) -> bool:
    try:
        with psycopg.connect(address, connect_timeout=2) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _answers_ping(address: str) -> bool:
    try:
        return bool(redis.Redis.from_url(address).ping())
    except redis.RedisError:
        return False


def _port(address: str) -> int:
    return int(json.loads(address.rpartition(":")[2]))
