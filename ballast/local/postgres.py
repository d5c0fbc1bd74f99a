"""A PostgreSQL server of our own in one folder, for the local stack and for tests."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from ballast.local import ports, processes
from ballast.local.account import Account, choose_account
from ballast.local.binaries import find_postgres, read_version
from ballast.local.errors import LocalError
from ballast.local.secrets import generate_password, load_or_generate, write_private

DATABASE = "ballast"
SUPERUSER = "postgres"
ROLES = ("ballast_owner", "ballast_app", "ballast_worker")

DEFAULTS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    # One machine's stack, beside everything else on it: what a database of some gigabytes on a server of its own would not have.
    "shared_buffers": "64MB",
    "io_workers": "1",
    "autovacuum_max_workers": "2",
    # A young table grows from nothing in seconds; until it is analyzed a row is looked for among all of its organization's.
    "autovacuum_naptime": "10s",
    # Tens of megabytes in each connection that met one statement which looks expensive.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For data that nobody misses after a crash.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "1d",
}


class Postgres:
    """A server whose data, passwords and log lie in `directory`; a context manager that starts and stops it.

    `fast` trades durability for speed, for tests. `port=None` takes any free one at start.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        fast: bool = False,
        log: Path | None = None,
        namespaces: bool = True,
    ) -> None:
        self.directory = Path(directory).absolute()
        self.port = port or 0
        self.log = log or self.directory / "postgres.log"
        self._settings = DEFAULTS | (FAST if fast else {})
        self._namespaces = namespaces
        self._account: Account | None = None
        self._passwords: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def superuser_url(self) -> str:
        """Address for the superuser, on the maintenance database `postgres`."""
        return self._url(SUPERUSER, "postgres")

    @property
    def owner_url(self) -> str:
        """Address for `ballast_owner`, who owns the database and migrates it."""
        return self._url("ballast_owner")

    @property
    def app_url(self) -> str:
        """Address for `ballast_app`, the serving role."""
        return self._url("ballast_app")

    @property
    def worker_url(self) -> str:
        """Address for `ballast_worker`, the role of the jobs."""
        return self._url("ballast_worker")

    @property
    def programs(self) -> Path:
        """Folder with `psql`, `pg_dump`, `pgbench` and the others of this server's version."""
        return self._prepared_account().programs

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    def start(self, patience: float = 60) -> Self:
        """Prepare, start and provision; returns when it answers. Raises LocalError with the log's last lines."""
        self.prepare()
        self._process = processes.spawn(self.command(), self.log, death_signal=None)
        deadline = time.monotonic() + patience
        try:
            while not self.is_ready():
                if processes.has_exited(self._process) or time.monotonic() > deadline:
                    raise LocalError(f"PostgreSQL did not start. The end of {self.log}:\n{processes.tail(self.log)}")
                time.sleep(processes.POLL_SECONDS)
            self.provision()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk."""
        if self._process:
            processes.stop([self._process], signal.SIGINT, patience=20)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self) -> None:
        """Choose a port, make the data folder once, end or clear what an earlier run left in it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = self.port or ports.any_free()
        self._passwords = load_or_generate(
            self.directory / "passwords.json", dict.fromkeys((SUPERUSER, *ROLES), generate_password)
        )
        account = self._prepared_account()
        data = account.home / "data"
        if not (data / "PG_VERSION").exists():
            self._initialize(account, data)
        self._check_version(account, data)
        clear_stale_server(data)

    def command(self) -> list[str | Path]:
        """The command that runs the server in the foreground; call `prepare` first."""
        account = self._prepared_account()
        settings = self._settings | {"port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # In this order: a change of credentials would clear the signal that ties the server to its parent.
        tie = processes.tie_to_parent("INT")
        return [*account.prefix, *tie, account.programs / "postgres", "-D", account.home / "data", *options]

    def is_ready(self) -> bool:
        """Whether our server takes connections: it says so in its folder, once it has its port."""
        return _reports_ready(self._prepared_account().home / "data")

    def provision(self) -> None:
        """Make the roles and the database if they are missing, and set the roles' passwords. Safe to repeat.

        Raises LocalError when the server does not take its superuser's password.
        """
        # Here, and by the stack in a process that ends: the supervisor, which stays, has no other use for it.
        import psycopg
        from psycopg import sql

        try:
            connecting = psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=10)
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise LocalError(f"PostgreSQL does not let us in: {error}") from error
            raise LocalError(
                f"The data in {self.directory} belongs to another {self.directory / 'passwords.json'}. "
                "Put the file back, or remove the folder to begin with empty data."
            ) from error
        with connecting as connection:
            known = {name for (name,) in connection.execute("select rolname from pg_roles")}
            for role in ROLES:
                verb = "alter" if role in known else "create"
                statement = sql.SQL("{} role {} login nosuperuser password {}")
                password = sql.Literal(self._passwords[role])
                connection.execute(statement.format(sql.SQL(verb), sql.Identifier(role), password))
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("create database {} owner ballast_owner").format(sql.Identifier(DATABASE)))

    def _url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{self._passwords[role]}@{ports.HOST}:{self.port}/{database}"

    def _prepared_account(self) -> Account:
        if self._account is None:
            self._account = choose_account(self.directory, find_postgres(), self._namespaces)
        return self._account

    def _initialize(self, account: Account, data: Path) -> None:
        # Into a folder of another name first: one that was interrupted halfway is never taken for a whole one.
        partial = data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        password = account.home / "superuser-password"
        write_private(password, self._passwords[SUPERUSER])
        account.hand_over(password)
        # Builtin C.UTF-8 gives the same order on every system; it came with 17.
        is_new = read_version(account.programs / "postgres") >= 17
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if is_new else []
        words = ["--locale=C", *provider, "--encoding=UTF8", "--auth=scram-sha-256", f"--username={SUPERUSER}"]
        command: list[str | Path] = [
            *account.prefix,
            account.programs / "initdb",
            "-D",
            partial,
            f"--pwfile={password}",
            *words,
        ]
        try:
            made = subprocess.run(
                [*command, "--no-sync"], check=False, capture_output=True, text=True, cwd=account.home
            )
        finally:
            password.unlink()
        if made.returncode:
            reason = "\n".join((made.stdout + made.stderr).strip().splitlines()[-4:])
            raise LocalError(f"initdb could not make {data}:\n{reason}")
        partial.replace(data)

    def _check_version(self, account: Account, data: Path) -> None:
        wanted = int((data / "PG_VERSION").read_text())
        found = read_version(account.programs / "postgres")
        if wanted != found:
            raise LocalError(
                f"{data} was made by PostgreSQL {wanted} and this is {found} ({account.programs}). "
                f"Install {wanted}, or remove {self.directory} to begin with empty data."
            )


def clear_stale_server(data: Path) -> None:
    """End a server that still runs on this folder, or remove the pid file that a killed one left."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    lines = pid_file.read_text().splitlines()
    known = processes.mark(int(lines[0])) if lines and lines[0].isdigit() else None
    if known and _serves(known.pid, data):
        processes.end(known, signal.SIGINT, patience=20)
    pid_file.unlink(missing_ok=True)


def _reports_ready(data: Path) -> bool:
    try:
        return (data / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready"
    except (OSError, IndexError):
        return False


def _serves(pid: int, data: Path) -> bool:
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
