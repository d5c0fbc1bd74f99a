"""Adding up the figures of each day, behind the facts: triggers note a change beside each fact, and here they go into their day.

A change is deleted in the statement that adds it, so it counts once; who reads adds what still waits (docs/decisions/0012). What moved
in the ledger goes into the balances too, which are kept by pair of accounts and of no day.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from ballast import queue
from ballast.db import transaction
from ballast.notifications.drain import drain

BATCH: Final = 5000
# Rows by their place in the table: there is no shorter way to what was just locked.
# In one order, so that two workers that add to the same days do not wait for each other in a circle.
FOLD: Final = text(
    """
    with taken as (
      delete from figure_changes where ctid = any(array(
        select ctid from figure_changes limit :most for update skip locked))
      returning organization_id, figure, currency, at, count, amount
    ), moves as (
      select organization_id, currency, split_part(figure, '/', 2) as debit, split_part(figure, '/', 3) as credit, at, count, amount
      from taken where figure like 'moved/%'
    ), parts as (
      select * from taken where figure not like 'moved/%'
      union all select organization_id, 'debit/' || debit, currency, at, count, amount from moves
      union all select organization_id, 'credit/' || credit, currency, at, count, amount from moves
    ), days as (
      select p.organization_id, p.figure, p.currency, (p.at at time zone o.timezone)::date as day,
             sum(p.count)::bigint as count, sum(p.amount)::bigint as amount
      from parts p join organizations o on o.id = p.organization_id group by 1, 2, 3, 4 order by 1, 2, 3, 4
    ), balanced as (
      insert into balance_snapshots as kept (organization_id, currency, debit, credit, count, amount)
      select organization_id, currency, debit, credit, sum(count), sum(amount) from moves group by 1, 2, 3, 4 order by 1, 2, 3, 4
      on conflict (organization_id, currency, debit, credit)
      do update set count = kept.count + excluded.count, amount = kept.amount + excluded.amount
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
        # A connection would keep the plan that it made while nothing waited: it once compared a million changes with each of 5000.
        session.execute(text("set local plan_cache_mode = force_custom_plan"))
        return int(session.execute(FOLD, {"most": BATCH}).scalar_one()), 0
