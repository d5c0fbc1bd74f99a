"""Keeps services running: starts them, waits until they answer, starts them again when they end, ends them in order.

Everything happens in the main thread, because a child is tied to the thread that started it.
"""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ballast.local import processes
from ballast.local.errors import LocalError
from ballast.local.panel import say
from ballast.local.secrets import write_private

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 30.0
HASTE_SECONDS = 3.0


class StopRequestedError(Exception):
    """Someone asked the stack to end while it was busy starting."""


def do_nothing() -> None:
    """For a service that needs no preparation."""


@dataclass
class Service:
    """A child that should always run. `is_ready` gets the process id; `prepare` runs before every start."""

    name: str
    command: Callable[[], Sequence[str | Path]]
    is_ready: Callable[[int], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15.0
    prepare: Callable[[], None] = do_nothing
    process: subprocess.Popen[bytes] | None = None
    has_answered: bool = False
    started_at: float = 0.0
    restart_at: float | None = None
    failures: int = 0

    @property
    def death_signal(self) -> str:
        """What the child gets when the supervisor is killed."""
        return self.stop_signal.name.removeprefix("SIG")


@dataclass
class Supervisor:
    """The children of one stack. `record` is the file in which the next run finds what this one left behind."""

    logs: Path
    record: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    services: list[Service] = field(default_factory=list)
    task: subprocess.Popen[bytes] | None = None
    stopping: bool = False

    def listen_to_signals(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal ask the stack to end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)

    def start(self, service: Service) -> None:
        """Start a service and look after it from now on; `wait_until_ready` says when it answers."""
        if service not in self.services:
            self.services.append(service)
        service.prepare()
        service.process = processes.spawn(
            service.command(), self.log_of(service.name), self.env, self.cwd, service.death_signal
        )
        service.has_answered = False
        service.started_at = time.monotonic()
        service.restart_at = None
        self._write_record()

    def wait_until_ready(self, services: Sequence[Service], patience: float = 60) -> None:
        """Return when all answer. Raises LocalError if one ends or is silent, StopRequestedError if asked to stop."""
        waiting = list(services)
        deadline = time.monotonic() + patience
        while waiting:
            self._check_stop()
            for service in waiting:
                process = _running(service)
                if processes.has_exited(process):
                    raise self._describe_failure(service.name, f"ended with code {process.returncode} at its start")
            waiting = [service for service in waiting if not _answers(service)]
            if waiting and time.monotonic() > deadline:
                raise self._describe_failure(waiting[0].name, f"did not answer within {patience:.0f} seconds")
            time.sleep(processes.POLL_SECONDS)

    def begin_task(self, name: str, command: Sequence[str | Path]) -> None:
        """Start a command that ends by itself, one at a time; `finish_task` waits for it."""
        self.task = processes.spawn(command, self.log_of(name), self.env, self.cwd)
        self._write_record()

    def finish_task(self, name: str, patience: float = 300) -> None:
        """Wait for the command. Raises LocalError when it fails or takes too long."""
        if self.task is None:
            raise RuntimeError("no task is running")
        deadline = time.monotonic() + patience
        while not processes.has_exited(self.task):
            self._check_stop()
            if time.monotonic() > deadline:
                raise self._describe_failure(name, f"was not done after {patience:.0f} seconds")
            time.sleep(processes.POLL_SECONDS)
        code, self.task = self.task.returncode, None
        if code:
            raise self._describe_failure(name, f"failed with code {code}")

    def watch(self, on_change: Callable[[], None]) -> None:
        """Restart what ends until asked to stop; `on_change` is called after every restart."""
        while not self.stopping:
            for service in self.services:
                self._look_after(service, on_change)
            time.sleep(0.2)

    def stop(self, order: Sequence[Sequence[str]]) -> None:
        """End the task and the services, the named groups one after the other, and forget the record."""
        if self.task:
            processes.stop([self.task], signal.SIGTERM, patience=5)
        by_name = {service.name: service for service in self.services}
        for group in order:
            self._stop_group([by_name[name] for name in group if name in by_name])
        self.record.unlink(missing_ok=True)

    def pids(self) -> dict[str, int]:
        """Process id of every service that runs."""
        return {service.name: service.process.pid for service in self.services if service.process}

    def log_of(self, name: str) -> Path:
        """Where a child's output goes."""
        return self.logs / f"{name}.log"

    def _look_after(self, service: Service, on_change: Callable[[], None]) -> None:
        if service.restart_at is None and processes.has_exited(_running(service)):
            self._plan_restart(service)
        if service.restart_at is not None and time.monotonic() >= service.restart_at:
            try:
                self.start(service)
            except (LocalError, OSError) as error:
                say(f"{service.name} could not be started: {error}")
                service.failures += 1
                service.restart_at = time.monotonic() + _pause(service.failures)
                return
            on_change()
        elif service.restart_at is None and not service.has_answered and _answers(service):
            say(f"{service.name} answers again, as process {_running(service).pid}.")

    def _plan_restart(self, service: Service) -> None:
        steady = time.monotonic() - service.started_at > STEADY_SECONDS
        service.failures = 0 if steady else service.failures + 1
        pause = _pause(service.failures)
        service.restart_at = time.monotonic() + pause
        code = _running(service).returncode
        say(f"{service.name} ended with code {code}; starting it again in {pause:.1f} s ({self.log_of(service.name)}).")

    def _stop_group(self, group: Sequence[Service]) -> None:
        children = [service.process for service in group if service.process]
        if children:
            processes.stop(children, group[0].stop_signal, max(_patience(service) for service in group))

    def _describe_failure(self, name: str, what: str) -> LocalError:
        log = self.log_of(name)
        return LocalError(f"{name} {what}. The end of {log}:\n\n{processes.tail(log)}\n")

    def _write_record(self) -> None:
        children = {service.name: service.process for service in self.services if service.process}
        if self.task:
            children["task"] = self.task
        marks = {name: processes.mark(child.pid) for name, child in children.items()}
        text = json.dumps({name: asdict(known) for name, known in marks.items() if known}, indent=2)
        try:
            write_private(self.record, text + "\n")
        except OSError as error:
            say(f"Cannot write {self.record} ({error.strerror}); a later start may not find these processes.")

    def _request_stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _check_stop(self) -> None:
        if self.stopping:
            raise StopRequestedError


def end_leftovers(record: Path, stop_signals: Mapping[str, signal.Signals]) -> list[str]:
    """End what a killed supervisor left running, by its record; the names of those that were found."""
    try:
        known = {name: processes.Mark(**mark) for name, mark in json.loads(record.read_text()).items()}
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        # A record half written or from another version identifies nothing safely.
        known = {}
    ended = [
        name
        for name, left in sorted(known.items(), key=lambda item: item[0] in ("postgres", "valkey"))
        if processes.end(left, stop_signals.get(name, signal.SIGTERM), patience=10)
    ]
    record.unlink(missing_ok=True)
    return ended


def _running(service: Service) -> subprocess.Popen[bytes]:
    if service.process is None:
        raise RuntimeError(f"{service.name} was never started")
    return service.process


def _answers(service: Service) -> bool:
    service.has_answered = service.is_ready(_running(service).pid)
    return service.has_answered


def _patience(service: Service) -> float:
    # Who has not answered yet has nothing to finish; granian's workers are deaf to signals while they start.
    return service.patience if service.has_answered else min(service.patience, HASTE_SECONDS)


def _pause(failures: int) -> float:
    return min(FIRST_PAUSE_SECONDS * 2.0 ** max(0, failures - 1), LONGEST_PAUSE_SECONDS)
