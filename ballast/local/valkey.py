"""A Valkey server of our own in one folder, for the local stack and for tests."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ballast.local import ports, processes
from ballast.local.binaries import find_valkey
from ballast.local.errors import LocalError
from ballast.local.secrets import generate_password, load_or_generate, write_private

SETTINGS = """\
bind {host}
port {port}
dir "{directory}"
requirepass {password}
appendonly {appendonly}
save ""
daemonize no
"""


class Valkey:
    """A server whose data, password and log lie in `directory`; a context manager that starts and stops it.

    `fast` keeps nothing on disk, for tests. `port=None` takes any free one at start.
    """

    def __init__(
        self, directory: Path, port: int | None = None, *, fast: bool = False, log: Path | None = None
    ) -> None:
        self.directory = Path(directory).absolute()
        self.port = port or 0
        self.log = log or self.directory / "valkey.log"
        self._appendonly = "no" if fast else "yes"
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of database 0, password included."""
        return f"redis://:{self._password}@{ports.HOST}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    def start(self, patience: float = 30) -> Self:
        """Prepare and start; returns when it answers. Raises LocalError with the log's last lines."""
        self.prepare()
        self._process = processes.spawn(self.command(), self.log)
        deadline = time.monotonic() + patience
        try:
            while not self.is_ready():
                if processes.has_exited(self._process) or time.monotonic() > deadline:
                    raise LocalError(f"Valkey did not start. The end of {self.log}:\n{processes.tail(self.log)}")
                time.sleep(processes.POLL_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ask the server to flush its append-only file and end."""
        if self._process:
            processes.stop([self._process], signal.SIGTERM, patience=10)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self) -> None:
        """Choose a port, make the folder and write the settings, password included, for our eyes only."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = self.port or ports.any_free()
        self._password = load_or_generate(self.directory / "passwords.json", {"valkey": generate_password})["valkey"]
        write_private(
            self.directory / "valkey.conf",
            SETTINGS.format(
                host=ports.HOST,
                port=self.port,
                directory=_escape(self.directory),
                password=self._password,
                appendonly=self._appendonly,
            ),
        )

    def command(self) -> list[str | Path]:
        """The command that runs the server in the foreground; call `prepare` first."""
        return [find_valkey(), self.directory / "valkey.conf"]

    def is_ready(self) -> bool:
        """Whether the server takes our password and answers PING (it does not while it loads its data)."""
        try:
            with socket.create_connection((ports.HOST, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return connection.makefile("rb").read(len(b"+OK\r\n+PONG\r\n")) == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False


def _escape(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
