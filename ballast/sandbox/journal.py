"""The append-only file that lets the sandbox survive `kill -9`.

One commit is a block of lines, `table id json` for a record written and `table id -` for one removed, closed by a line
holding a single dot. A block without its dot was torn by a crash and is cut off when the file is next opened, so a
commit is either there in full or not at all.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

Change = tuple[str, str, bytes | None]

REWRITE_ABOVE_BYTES = 32 * 1024 * 1024


class StateInUseError(RuntimeError):
    """Another sandbox holds this state directory."""


class Journal:
    """The file `journal` in a state directory, locked to one process."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / "journal"
        self._lock = lock_directory(directory)
        self.size = 0
        self._file: BinaryIO = self._open()

    def read(self) -> Iterator[list[Change]]:
        """Yield every whole commit, oldest first, then cut a torn end off the file."""
        whole = position = 0
        block: list[Change] = []
        with open(self.path, "rb") as file:
            for line in file:
                position += len(line)
                if line == b".\n":
                    yield block
                    block, whole = [], position
                elif line.endswith(b"\n"):
                    block.append(parse_line(line))
        self._file.truncate(whole)
        self.size = whole

    def append(self, changes: Iterable[Change]) -> None:
        """Write one commit in a single call, so that only a crash inside the kernel could tear it."""
        block = b"".join(map(format_change, changes)) + b".\n"
        self._file.write(block)
        self.size += len(block)

    def is_bloated(self, live_bytes: int) -> bool:
        """Tell whether most of the file is about records that have since been replaced."""
        return self.size > REWRITE_ABOVE_BYTES and self.size > 3 * live_bytes

    def rewrite(self, changes: Iterable[Change]) -> None:
        """Replace the file by one that holds these records alone; the old one stays until the new one is whole."""
        fresh = self.path.with_suffix(".new")
        with open(fresh, "wb") as file:
            file.writelines(map(format_change, changes))
            file.write(b".\n")
        self._file.close()
        os.replace(fresh, self.path)
        self._file = self._open()
        self.size = self.path.stat().st_size

    def _open(self) -> BinaryIO:
        return open(self.path, "ab", buffering=0)

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._file.close()
        self._lock.close()


def lock_directory(directory: Path) -> BinaryIO:
    """Take the directory's lock, which ends with the process, however it ends."""
    file = open(directory / "lock", "wb")  # noqa: SIM115 (open is locked)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateInUseError(f"another sandbox uses {directory}") from error
    return file


def format_change(change: Change) -> bytes:
    """Return one line of the journal."""
    table, key, value = change
    return b"%s %s %s\n" % (table.encode(), key.encode(), value if value is not None else b"-")


def parse_line(line: bytes) -> Change:
    """Read one line of the journal."""
    table, key, value = line[:-1].split(b" ", 2)
    return table.decode(), key.decode(), None if value == b"-" else value
