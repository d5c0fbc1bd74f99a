"""The account PostgreSQL runs under: it refuses to run as root.

As root it is started in a user namespace where root is called `nobody`, so that its files may stay below a home of
mode 700. Where namespaces are refused, data and programs go to a state folder of the system, owned by `nobody`.
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ballast.local.binaries import is_from_wheel
from ballast.local.processes import runs

NOBODY = 65534
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
SWITCH = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
SYSTEM_STATE = Path("/var/lib/ballast")


@dataclass(frozen=True)
class Account:
    """How to start PostgreSQL's programs: words before the command, where they and the data lie, whose files."""

    prefix: Sequence[str]
    programs: Path
    home: Path
    uid: int | None = None

    def hand_over(self, path: Path) -> None:
        """Give a file or an (empty) folder to the account."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)


def choose_account(home: Path, programs: Path, namespaces: bool = True) -> Account:
    """The account for data below `home`; `namespaces=False` acts as on a system that refuses them."""
    if os.geteuid() != 0:
        return Account((), programs, home)
    if namespaces and _works_in_namespace(home, programs):
        return Account(NAMESPACE, programs, home)
    # Open to all whatever the umask says: `nobody` has to pass through.
    SYSTEM_STATE.mkdir(parents=True, exist_ok=True)
    SYSTEM_STATE.chmod(0o755)
    place = _choose_place(home / "system-folder")
    account = Account(SWITCH, _copy_programs(programs), place, NOBODY)
    account.hand_over(place)
    return account


def _choose_place(note: Path) -> Path:
    # The name is kept at home, so that removing the home folder means beginning with empty data here too.
    if not note.exists():
        note.write_text(f"{SYSTEM_STATE / secrets.token_hex(8)}\n", encoding="utf-8")
    place = Path(note.read_text(encoding="utf-8").strip())
    place.mkdir(exist_ok=True)
    return place


def _works_in_namespace(home: Path, programs: Path) -> bool:
    # A parent folder that belongs to someone else and is closed stops a namespaced root; both checks show it.
    return runs([*NAMESPACE, programs / "postgres", "--version"]) and runs([*NAMESPACE, "test", "-w", home])


def _copy_programs(programs: Path) -> Path:
    """A copy that any user may run, of a wheel's programs with the libraries that lie beside the package."""
    if not is_from_wheel(programs / "postgres"):
        return programs
    package = programs.parents[1]
    stamp = (programs / "postgres").stat()
    copy = SYSTEM_STATE / f"programs-{stamp.st_size:x}-{int(stamp.st_mtime):x}"
    if not copy.exists():
        partial = copy.with_name(f"{copy.name}.{os.getpid()}")
        for folder in (package, package.with_name(package.name + ".libs")):
            if folder.exists():
                shutil.copytree(folder, partial / folder.name, copy_function=shutil.copyfile)
        for folder in partial.rglob("*"):
            folder.chmod(0o755)
        partial.chmod(0o755)
        partial.replace(copy)
    return copy / package.name / programs.relative_to(package)
