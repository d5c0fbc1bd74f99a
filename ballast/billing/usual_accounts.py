"""Which account new cards went to last, by organization and by the processor that was named, and which sent events: a guess that saves
a question.

Whoever uses it has Postgres say in the same statement whether it still holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ballast.ids import to_uuid
from ballast.models import ProcessorAccount

MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class UsualAccount:
    """`uuid`: its id as Postgres has it. What it was opened with is kept as it lay in Postgres: the seal stays on."""

    organization_id: str
    id: str
    uuid: str
    processor: str
    mode: str
    public_config: dict[str, Any]
    credentials: bytes


_usual: dict[tuple[str, str | None], UsualAccount] = {}


def note(named: str | None, account: ProcessorAccount) -> None:
    """A payment without a card of ours goes here where `named`, a processor or none, was named."""
    if len(_usual) >= MOST:
        _usual.clear()
    _usual[account.organization_id, named] = as_it_lies(account)


def as_it_lies(account: ProcessorAccount) -> UsualAccount:
    """What is kept of an account."""
    return UsualAccount(
        account.organization_id,
        account.id,
        str(to_uuid(account.id, "pac")),
        account.processor,
        account.mode,
        account.public_config,
        account.credentials,
    )


def find(organization_id: str, named: str | None) -> UsualAccount | None:
    """The last one noted."""
    return _usual.get((organization_id, named))
