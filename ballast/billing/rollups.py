"""Adding up the figures of each day, behind the facts: triggers note a change beside each fact, and here they go into their day.

A change is deleted in the statement that adds it, so it counts once; who reads adds what still waits (docs/decisions/0012).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from ballast import queue
from ballast.db import transaction
from ballast.notifications.drain import drain

BATCH: Final = 5000
# In one order, so that two workers that add to the same days do not wait for each other in a circle.
FOLD: Final = text(
    """
    with taken as (
      delete from figure_changes where (organization_id, number) in (
        select organization_id, number from figure_changes limit :most for update skip locked)
      returning organization_id, figure, currency, at, count, amount
    ), days as (
      select t.organization_id, t.figure, t.currency, (t.at at time zone o.timezone)::date as day,
             sum(t.count)::bigint as count, sum(t.amount)::bigint as amount
      from taken t join organizations o on o.id = t.organization_id group by 1, 2, 3, 4 order by 1, 2, 3, 4
    ), added as (
      insert into daily_figures as kept (organization_id, figure, currency, day, count, amount) select * from days
      on conflict (organization_id, figure, currency, day)
      do update set count = kept.count + excluded.count, amount = kept.amount + excluded.amount
    )
    select count(*) from taken"""
)


def add_due() -> int:
    """Add every change that waits to its day, in batches; answers how many. The job behind `queue.ADD_FIGURES`."""
    queue.forget_mark(queue.ADD_FIGURES)
    return drain("add_figures", _add_batch)


def _add_batch() -> tuple[int, int]:
    with transaction() as session:
        return int(session.execute(FOLD, {"most": BATCH}).scalar_one()), 0
