"""One stack per state folder: a file lock that dies with its holder, even one that was killed."""

import fcntl
import json
import os
from pathlib import Path
from typing import TextIO


class Lock:
    """The lock of a state folder. The file also tells who holds it: `{"pid", "web"}`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        """Take the lock; False if another process has it."""
        file = open(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        self.announce("")
        return True

    def announce(self, web: str) -> None:
        """Write who holds the lock and at which address it serves."""
        if self._file is None:
            raise RuntimeError("the lock is not held")
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "web": web}, self._file)
        self._file.flush()

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read_holder(self) -> tuple[int, str]:
        """Process id and address of whoever holds it; (0, "") if that is not written yet."""
        try:
            holder = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0, ""
        return int(holder["pid"]), str(holder["web"])
