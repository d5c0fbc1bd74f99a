"""Which account new cards went to last, by organization and by the processor that was named: a guess that saves a question.

Whoever uses it has Postgres say in the same statement whether it still holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ballast.ids import to_uuid
from ballast.models import ProcessorAccount

MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class UsualAccount:
    """`id`: as Postgres has it."""

    id: str
    processor: str


_usual: dict[tuple[str, str | None], UsualAccount] = {}


def note(named: str | None, account: ProcessorAccount) -> None:
    """A payment without a card of ours goes here where `named`, a processor or none, was named."""
    if len(_usual) >= MOST:
        _usual.clear()
    found = UsualAccount(str(to_uuid(account.id, "pac")), account.processor)
    _usual[account.organization_id, named] = found


def find(organization_id: str, named: str | None) -> UsualAccount | None:
    """The last one noted."""
    return _usual.get((organization_id, named))
