"""Rows that fall due, taken under a lease: by one worker each, and from every organization in its turn.

A lease is not a held lock: whoever dies with rows in hand gives them back when it runs out. Whatever charges, sends or applies what is
due claims here; a model needs `organization_id`, `id`, `lease_until`, a column that says when, and an index on (`organization_id`,
that column) where that column is not null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, zip_longest
from math import ceil
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    any_,
    bindparam,
    exists,
    func,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.ids import from_uuid
from ballast.models import Organization

LEASE: Final = timedelta(minutes=5)
# From so many organizations at once; the next claim goes on after the last of them.
TURNS: Final = 16
# Before every organization there is.
FIRST: Final = from_uuid(UUID(int=0), "org")
Key = tuple[str, str]


class Due:
    """What is due of a model: `due_at` says when, `wanted` are further conditions; of one organization, or of all that live by real
    time, or of all whatever clock they have where `due_at` is a moment of real time (`by_real_time`). Remembers whose turn was the
    last. Its statements are made once, each when it is first asked for.
    """

    def __init__(
        self,
        model: Any,
        due_at: Any,
        organization_id: str | None = None,
        wanted: Sequence[ColumnElement[bool]] = (),
        *,
        by_real_time: bool = False,
        lease: timedelta = LEASE,
    ) -> None:
        self.model, self.due_at, self.organization_id = model, due_at, organization_id
        self.by_real_time, self.lease = by_real_time, lease
        self._after: str | None = None
        self._is_due = [due_at <= bindparam("now", type_=DateTime(timezone=True)), *wanted, _is_free(model)]

    def claim(self, limit: int) -> list[Key]:
        """Take some `limit` rows under a lease: as many of each organization, the longest due first. Commits."""
        with transaction():
            owners = [self.organization_id] if self.organization_id else self._next_owners()
            if not owners:
                return []
            given = self.moment() | {"owners": owners, "share": ceil(limit / len(owners))}
            given["until"] = real_time() + self.lease
            return sorted((row[0], row[1]) for row in db.session.execute(self._taking, given))

    def moment(self) -> dict[str, datetime]:
        """What the statements ask for: the time by the clock that `due_at` follows, and the real one."""
        return {"now": real_time() if self.by_real_time else now(), "at": real_time()}

    def waiting_since(self) -> datetime | None:
        """When the longest due row that nobody holds fell due; None when nothing is. Reads in the caller's session."""
        found: datetime | None = db.session.scalar(self.oldest(), self.moment() | {"after": FIRST})
        return found

    def _next_owners(self) -> list[str]:
        """The next organizations that have something due, round and round."""
        found = list(db.session.scalars(self.owners, self.moment() | {"after": self._after or FIRST}))
        if self._after is not None and len(found) < TURNS:
            before = db.session.scalars(self.owners, self.moment() | {"after": FIRST})
            found = list(dict.fromkeys([*found, *before]))[:TURNS]
        self._after = found[-1] if len(found) == TURNS else None
        return found

    @cached_property
    def owners(self) -> Select[str]:
        """Those who have something due."""
        owners, lives = self._hop()
        has_due = exists().where(self.model.organization_id == owners.c.organization_id, *self._is_due)
        return select(owners.c.organization_id).where(*lives, has_due).limit(TURNS)

    def oldest(self) -> Select[datetime]:
        """The statement behind `waiting_since`."""
        owners, lives = self._hop()
        first = (
            select(self.due_at.label("due_at"))
            .where(self.model.organization_id == owners.c.organization_id, *self._is_due)
            .order_by(self.due_at)
            .limit(1)
            .lateral()
        )
        return select(func.min(first.c.due_at)).select_from(owners).join(first, true()).where(*lives)

    def _hop(self) -> tuple[Any, list[ColumnElement[bool]]]:
        """From organization to organization along the index (a loose scan): a probe or two for each, however many rows it has; and
        the condition that its clock is the one that counts here."""
        mine, hop = self.model.organization_id, aliased(self.model)
        first = select(mine).where(self.due_at.is_not(None), mine > bindparam("after", type_=mine.type))
        owners = first.order_by(mine).limit(1).cte("owners", recursive=True)
        further = (
            select(hop.organization_id)
            .where(getattr(hop, self.due_at.key).is_not(None), hop.organization_id > owners.c.organization_id)
            .order_by(hop.organization_id)
            .limit(1)
            .scalar_subquery()
        )
        owners = owners.union_all(select(further).where(owners.c.organization_id.is_not(None)))
        lives = exists().where(Organization.id == owners.c.organization_id, Organization.clock_at.is_(None))
        return owners, [] if self.by_real_time else [lives]

    @cached_property
    def heads(self) -> Select[str, str]:
        """The longest due of each of some organizations, as many of each; rows that another worker is just taking are passed over."""
        model = self.model
        named = Organization.id == any_(bindparam("owners", type_=ARRAY(Organization.id.type)))
        owner = select(Organization.id).where(named).subquery()
        heads = (
            select(model.id, model.organization_id)
            .where(model.organization_id == owner.c.id, *self._is_due)
            .order_by(self.due_at)
            .limit(bindparam("share", type_=BigInteger))
            .with_for_update(of=model, skip_locked=True)
            .lateral()
        )
        return select(heads.c.organization_id, heads.c.id).select_from(owner).join(heads, true())

    @cached_property
    def _taking(self) -> ReturningUpdate[str, str]:
        model, chosen = self.model, self.heads.cte("chosen")
        return (
            update(model)
            .where(model.organization_id == chosen.c.organization_id, model.id == chosen.c.id)
            .values(lease_until=bindparam("until"))
            .returning(model.organization_id, model.id)
            .execution_options(synchronize_session=False)
        )


def _is_free(model: Any) -> ColumnElement[bool]:
    """Whether nobody holds a row."""
    at = bindparam("at", type_=model.lease_until.type)
    free: ColumnElement[bool] = (model.lease_until.is_(None)) | (model.lease_until < at)
    return free


def in_turn(keys: Sequence[Key]) -> list[Key]:
    """The same rows: the first of each organization, then the second of each, so that a few threads reach all of them soon."""
    by_owner: dict[str, list[Key]] = defaultdict(list)
    for key in keys:
        by_owner[key[0]].append(key)
    return [key for key in chain.from_iterable(zip_longest(*by_owner.values())) if key is not None]


def release(model: Any, keys: Sequence[Key], after: timedelta | None = None) -> None:
    """What was done may fall due again at once, or what there is no room for in a while; what failed waits for its lease."""
    if not keys:
        return
    until = None if after is None else real_time() + after
    with transaction() as session:
        session.execute(
            update(model)
            .where(tuple_(model.organization_id, model.id).in_(keys))
            .values(lease_until=until)
            .execution_options(synchronize_session=False)
        )
