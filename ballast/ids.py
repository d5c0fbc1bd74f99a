"""Public ids: TypeIDs (`pay_01j…`), a prefix that names the kind and a UUIDv7 inside, so they sort by time and leak no count.

Read and written by hand, for every row of every statement passes here: the library does the same in ten times the time
(tests/test_ids.py compares the two).
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import uuid_utils

# Crockford's, in lower case (https://github.com/jetify-com/typeid/tree/main/spec).
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX: Final = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
# 128 bits are 26 letters of five: 13 pairs of ten, the first with two zeros before it.
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))
# To the digits that int() knows.
_AS_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


def new_id(prefix: str) -> str:
    """A fresh id, time-ordered within its prefix."""
    return _written(uuid_utils.uuid7().int, prefix)


def new_pair(prefix: str) -> tuple[str, str]:
    """A fresh id and the UUID inside it, as Postgres reads it."""
    made = uuid_utils.uuid7()
    return _written(made.int, prefix), str(made)


def id_at(prefix: str, instant: datetime, noise: int) -> str:
    """The id that would have been made at `instant` (aware); `noise` is its random part, of which 74 bits count (RFC 9562, 5.7)."""
    milliseconds = int(instant.timestamp() * 1000)
    high, low = noise >> 62 & 0xFFF, noise & (1 << 62) - 1
    return _written(milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low, prefix)


def moment_of(value: UUID) -> float:
    """When the id with this UUID was made, real time: seconds since 1970."""
    return (value.int >> 80) / 1000


def to_uuid(public_id: str, prefix: str) -> UUID | None:
    """The UUID inside `public_id`, or None when it is not an id of this kind."""
    return _decoded(public_id, prefix) if len(public_id) == len(prefix) + 27 else None


@lru_cache(maxsize=8192)
def _decoded(public_id: str, prefix: str) -> UUID | None:
    """Kept, because the same few ids stand in one row after another."""
    suffix = public_id[-26:]
    if public_id[:-26] != f"{prefix}_" or not _SUFFIX.fullmatch(suffix):
        return None
    return UUID(int=int(suffix.translate(_AS_DIGITS), 32))


def from_uuid(value: UUID, prefix: str) -> str:
    """The public id of kind `prefix` for a UUID out of the database."""
    return _written(value.int, prefix)


def _written(number: int, prefix: str) -> str:
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])}"
