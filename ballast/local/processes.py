"""Child processes: each in a session of its own with a log file, known by pid, group and start time."""

import functools
import os
import shutil
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from ballast.local.errors import LocalError

LOG_LIMIT = 10 * 1024 * 1024
POLL_SECONDS = 0.05
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Mark:
    """What tells a process from a later one that got the same number."""

    pid: int
    group: int
    started: str


def spawn(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: str | None = "TERM",
) -> subprocess.Popen[bytes]:
    """Start a command in its own session, its output appended to `log`.

    Where the system can do it the child gets `death_signal` when the calling *thread* ends, so call it from a thread
    that lives as long as the child should. None for a command that sees to it itself. Raises OSError when the program
    cannot be run.
    """
    _rotate(log)
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(
            [*tie_to_parent(death_signal), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


@functools.cache
def tie_to_parent(death_signal: str | None) -> tuple[str, ...]:
    """Command prefix that makes a child receive a signal when its parent dies; empty where there is no such thing."""
    if death_signal is None:
        return ()
    prefix = ("setpriv", "--pdeathsig", death_signal)
    if shutil.which("setpriv") and runs([*prefix, "true"]):
        return prefix
    return ()


def apart(act: Callable[[], None]) -> None:
    """Do something short in a process of its own, so that what it loads goes with it. Raises LocalError as it did.

    For a caller of one thread: it is forked.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os._exit(_act(act, writing))
    os.close(writing)
    with open(reading, "rb") as said:
        complaint = said.read().decode()
    if os.waitpid(child, 0)[1]:
        raise LocalError(complaint or "A part of the start was killed.")


def _act(act: Callable[[], None], writing: int) -> int:
    try:
        act()
    except Exception as error:  # noqa: BLE001  told to the parent
        with open(writing, "wb") as said:
            said.write((str(error) if isinstance(error, LocalError) else traceback.format_exc()).encode())
        return 1
    return 0


def runs(command: Sequence[str | Path]) -> bool:
    """Whether a short command exits with 0 here."""
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def mark(pid: int) -> Mark | None:
    """The mark of a running process, None if there is none (or only a zombie)."""
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        return Mark(pid, os.getpgid(pid), _read_start(pid))
    except (psutil.Error, OSError):
        return None


def is_alive(known: Mark) -> bool:
    """Whether exactly this process still runs."""
    return mark(known.pid) == known


def has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether our child has ended; what is left of its group is killed while its number is still taken."""
    if process.returncode is not None:
        return True
    if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return False
    kill_group(process.pid)
    process.wait()
    return True


def stop(processes: Iterable[subprocess.Popen[bytes]], number: signal.Signals, patience: float) -> None:
    """Send a signal to our children, wait `patience` seconds for all of them together, then kill their groups."""
    waiting = [process for process in processes if not has_exited(process)]
    for process in waiting:
        process.send_signal(number)
    deadline = time.monotonic() + patience
    while waiting and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        waiting = [process for process in waiting if not has_exited(process)]
    for process in waiting:
        kill_group(process.pid)
        process.wait()


def end(known: Mark, number: signal.Signals, patience: float) -> bool:
    """End a process of an earlier run and its group; False if it was not there any more."""
    found = is_alive(known)
    if found:
        os.kill(known.pid, number)
        wait_until_gone(known, patience)
        if is_alive(known):
            kill_group(known.group)
            wait_until_gone(known, 5)
    orphans = _orphans(known)
    for orphan in orphans:
        orphan.kill()
    psutil.wait_procs(orphans, timeout=5)
    return found or bool(orphans)


def wait_until_gone(known: Mark, patience: float) -> None:
    """Return when the process has ended or `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while is_alive(known) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def kill_group(group: int) -> None:
    """SIGKILL to every process of a group, if any is left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM when only zombies are left in the group.
        return


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log file, empty if there is none."""
    try:
        with open(log, "rb") as content:
            content.seek(max(0, log.stat().st_size - 16_384))
            text = content.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _read_start(pid: int) -> str:
    # psutil's wall-clock start moves when the clock is set; kernel ticks since a known boot do not.
    if BOOT_ID.exists():
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{BOOT_ID.read_text().strip()}/{ticks}"
    return f"{psutil.Process(pid).create_time():.2f}"


def _orphans(known: Mark) -> list[psutil.Process]:
    """Members of a group whose leader is gone. A number in use as a group is not given out again, so they are its."""
    if psutil.pid_exists(known.group) or not _same_boot(known):
        return []
    return [process for process in psutil.process_iter() if _group_of(process.pid) == known.group]


def _same_boot(known: Mark) -> bool:
    return not BOOT_ID.exists() or known.started.startswith(BOOT_ID.read_text().strip())


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))
