"""The local stack: the order in which its parts start and end."""

import http.client
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ballast.local import environment, panel, ports, probes, processes, services
from ballast.local.errors import LocalError
from ballast.local.lock import Lock
from ballast.local.panel import say
from ballast.local.postgres import Postgres
from ballast.local.secrets import write_private
from ballast.local.supervisor import Service, StopRequestedError, Supervisor, end_leftovers
from ballast.local.valkey import Valkey

DEFAULT_PORTS = {"web": 8000, "sandbox": 8010, "postgres": 54329, "valkey": 63790}
RECORD = "children.json"


@dataclass
class Stack:
    """What one run consists of. A part that the user replaced by something real is None."""

    state: Path
    supervisor: Supervisor
    web_port: int
    reservations: ports.Reservations
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    sandbox_port: int | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def credentials(self) -> Path:
        """Where the seed writes the demo's sign-ins."""
        return self.state / "demo.json"

    @property
    def local_json(self) -> Path:
        """What scripts read."""
        return self.state / "local.json"


def run(root: Path, state: Path, environ: Mapping[str, str]) -> int:
    """Start the stack of a checkout and keep it running until asked to stop; the exit code.

    Raises LocalError when it cannot be started; nothing is left running then.
    """
    open_state(state)
    lock = Lock(state / "lock")
    if not lock.acquire():
        pid, web = lock.read_holder()
        where = f"at {web}" if web else "and still starting"
        raise LocalError(f"Already running {where} (process {pid}). `make stop` ends it.")
    try:
        clear_leftovers(state)
        stack = prepare(root, state, environ)
        try:
            return _keep_running(stack, lock)
        finally:
            stack.reservations.release()
    finally:
        lock.release()


def open_state(state: Path) -> None:
    """Make the state folder and see that we may write to it; raises LocalError if not."""
    probe = state / f".writable.{os.getpid()}"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise LocalError(
            f"Cannot write to {state} ({error.strerror}). Set BALLAST_STATE_DIR to a folder you may write to."
        ) from error


def clear_leftovers(state: Path) -> None:
    """End what an earlier run left running; call it with the lock held."""
    (state / "local.json").unlink(missing_ok=True)
    ended = end_leftovers(state / RECORD, services.STOP_SIGNALS)
    if ended:
        say(f"Ended what an earlier run had left: {', '.join(ended)}.")


def prepare(root: Path, state: Path, environ: Mapping[str, str]) -> Stack:
    """Choose ports, make the data folders and compose the children's environment; starts nothing."""
    user = environment.read_user_environment(environ, root / ".env")
    environment.check_addresses(user)
    replaced = environment.find_replaced(user)
    needed = {"web": True, "sandbox": not replaced.sandbox, "postgres": not replaced.database}
    needed |= {"valkey": not replaced.redis}
    reservations = ports.Reservations()
    chosen = choose_ports(state / "ports.json", [name for name, is_needed in needed.items() if is_needed], reservations)
    supervisor = Supervisor(logs=state / "logs", record=state / RECORD, cwd=root)
    supervisor.listen_to_signals()
    stack = Stack(state, supervisor, chosen["web"], reservations, sandbox_port=chosen.get("sandbox"))
    if "postgres" in chosen:
        stack.postgres = Postgres(state / "postgres", chosen["postgres"], log=supervisor.log_of("postgres"))
        stack.postgres.prepare()
    if "valkey" in chosen:
        stack.valkey = Valkey(state / "valkey", chosen["valkey"], log=supervisor.log_of("valkey"))
        stack.valkey.prepare()
    _compose_environment(stack, user, replaced)
    return stack


def choose_ports(memory: Path, names: list[str], reservations: ports.Reservations) -> dict[str, int]:
    """The ports of the last run where they are free, else the next ones; says what it changed."""
    known = DEFAULT_PORTS | _read_ports(memory)
    chosen = {name: reservations.choose(known[name]) for name in names}
    for name, port in chosen.items():
        if port != known[name]:
            say(f"Port {known[name]} is taken; {name} uses {port}.")
    write_private(memory, json.dumps(known | chosen, indent=2) + "\n")
    return chosen


def start(stack: Stack) -> dict[str, Any]:
    """Start everything in order, at the same time where it can be; the demo's credentials."""
    supervisor = stack.supervisor
    foundations = _start_foundations(stack)
    supervisor.begin_task("setup", services.setup_command(stack.credentials))
    if stack.postgres:
        supervisor.wait_until_ready([foundations["postgres"]])
        processes.apart(stack.postgres.provision)
    supervisor.wait_until_ready(list(foundations.values()))
    say("Migrating the database, looking after the demo organization.")
    supervisor.finish_task("setup")
    stack.credentials.chmod(0o600)
    demo: dict[str, Any] = json.loads(stack.credentials.read_text(encoding="utf-8"))
    for complaint in demo.get("complaints", ()):
        say(complaint)
    _tell_receiver(stack, demo)
    say("Starting web, worker and cron.")
    _start_application(stack)
    return demo


def publish(stack: Stack, demo: Mapping[str, Any]) -> dict[str, Any]:
    """Write `local.json` and return its content."""
    local = panel.describe(stack.addresses, demo, stack.supervisor.pids())
    write_private(stack.local_json, json.dumps(local, indent=2) + "\n")
    return local


def _keep_running(stack: Stack, lock: Lock) -> int:
    try:
        demo = start(stack)
        local = publish(stack, demo)
        lock.announce(local["web"])
        seconds = time.time() - psutil.Process().create_time()
        say(panel.render(local, demo.get("store_path", "/"), str(stack.supervisor.logs), seconds))
        stack.supervisor.watch(on_change=lambda: _publish_again(stack, demo))
    except StopRequestedError:
        say("Asked to stop while starting.")
    finally:
        say("Stopping.")
        stack.local_json.unlink(missing_ok=True)
        stack.supervisor.stop(services.STOP_ORDER)
    say("Everything is stopped.")
    return 0


def _publish_again(stack: Stack, demo: Mapping[str, Any]) -> None:
    try:
        publish(stack, demo)
    except OSError as error:
        say(f"Cannot write {stack.local_json} ({error.strerror}); it names a process that has ended.")


def _compose_environment(stack: Stack, user: Mapping[str, str], replaced: environment.Replaced) -> None:
    web = user.get("PUBLIC_URL", f"http://{ports.HOST}:{stack.web_port}")
    ours = environment.load_secrets(stack.state / "secrets.json") | {"PUBLIC_URL": web}
    if stack.sandbox_port:
        ours |= environment.describe_sandbox(f"http://{ports.HOST}:{stack.sandbox_port}", replaced)
    env = environment.compose(user, ours, replaced) | {"BALLAST_STATE_DIR": str(stack.state)}
    if stack.postgres:
        env |= {
            "DATABASE_URL": stack.postgres.app_url,
            "DATABASE_OWNER_URL": stack.postgres.owner_url,
            "DATABASE_WORKER_URL": stack.postgres.worker_url,
        }
    if stack.valkey:
        env["REDIS_URL"] = stack.valkey.url
    stack.supervisor.env = env
    # For `app.py flask`: what of it is not the caller's own environment.
    settings = {name: value for name, value in env.items() if os.environ.get(name) != value}
    write_private(stack.state / "environment.json", json.dumps(settings, indent=2) + "\n")
    if stack.postgres:  # whoever used it has been stopped, and nobody is started before it is migrated
        stack.supervisor.env = env | {"MIGRATION_NOBODY_SERVES": "1"}
    database = env["DATABASE_URL"]
    stack.addresses = {
        "web": web.rstrip("/"),
        **({"sandbox": env["SANDBOX_URL"]} if stack.sandbox_port else {}),
        "database_url": env.get("DATABASE_OWNER_URL", database),
        "database_app_url": database,
        "database_worker_url": env.get("DATABASE_WORKER_URL", database),
        "redis_url": env["REDIS_URL"],
    }


def _start_foundations(stack: Stack) -> dict[str, Service]:
    wanted: list[Service] = []
    if stack.postgres:
        wanted.append(services.postgres_service(stack.postgres))
    if stack.valkey:
        wanted.append(services.valkey_service(stack.valkey))
    if stack.sandbox_port:
        wanted.append(services.sandbox_service(stack.sandbox_port, stack.state / "sandbox"))
    say(f"Starting {', '.join(service.name for service in wanted) or 'on the servers you named'}.")
    for service in wanted:
        stack.supervisor.start(service)
    return {service.name: service for service in wanted}


def _start_application(stack: Stack) -> None:
    wanted = services.application(stack.web_port, stack.addresses["redis_url"])
    for service in wanted:
        stack.supervisor.start(service)
    stack.supervisor.wait_until_ready(wanted)


def _tell_receiver(stack: Stack, demo: Mapping[str, Any]) -> None:
    if "sandbox" not in stack.addresses or "webhook_secret" not in demo:
        return
    body = {"secret": demo["webhook_secret"]}
    try:
        status = probes.request(stack.addresses["sandbox"], "PUT", "/_sandbox/receiver/config", body)
    except (OSError, http.client.HTTPException) as error:
        raise LocalError(f"The sandbox did not take the receiver's secret: {error}.") from error
    if status >= 400:
        raise LocalError(f"The sandbox did not take the receiver's secret: it answered {status}.")


def _read_ports(memory: Path) -> dict[str, int]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        return {name: int(known[name]) for name in DEFAULT_PORTS if name in known}
    except (OSError, ValueError):
        return {}
