"""Passwords that were leaked elsewhere, which whoever guesses tries first.

The list is a file of lines `SHA-1 in hexadecimal:count`, ordered, as Have I Been Pwned's downloader writes it (LEAKED_PASSWORDS_FILE,
40 GB); ours beside this holds the 229 of twelve characters or more among the commonest 30,000. It is searched where it lies, in some
thirty reads, and no password and no part of its hash leaves the machine.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, Final

from ballast import config

OURS: Final = Path(__file__).with_name("leaked.txt")


def holds(password: str) -> bool:
    """Whether the list has the password, as it is or in lower case."""
    with (Path(config.current().leaked_passwords_file or OURS)).open("rb") as lines:
        return any(_has(lines, _hash(one)) for one in {password, password.lower()})


def _hash(password: str) -> bytes:
    return hashlib.sha1(password.encode(errors="replace"), usedforsecurity=False).hexdigest().upper().encode()


def _has(lines: IO[bytes], wanted: bytes) -> bool:
    """Halve the file until the first line at or after a byte is the only one left to be it."""
    low, high = 0, lines.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        found = _line_from(lines, middle)
        if found and found < wanted:
            low = middle + 1
        else:
            high = middle
    return _line_from(lines, low) == wanted


def _line_from(lines: IO[bytes], at: int) -> bytes:
    """The hash of the first line that begins at this byte or behind it; empty at the end."""
    lines.seek(max(at - 1, 0))
    if at:
        lines.readline()
    return lines.readline().partition(b":")[0].strip().upper()
