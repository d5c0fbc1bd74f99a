"""Whether PostgreSQL's archive, from which it comes back to any moment, takes what it is given."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

# Any role may read it. When failing began is not kept: the last that was taken is what could be brought back.
_SINCE: Final = text("""
    select coalesce(last_archived_time, stats_reset, last_failed_time), clock_timestamp()
    from pg_stat_archiver
    where current_setting('archive_mode') <> 'off'
      and last_failed_time is not null and last_failed_time > coalesce(last_archived_time, '-infinity')
""")


def is_on(session: Session) -> bool:
    """Whether the server archives at all."""
    return bool(session.execute(text("select current_setting('archive_mode') <> 'off'")).scalar_one())


def failing_seconds(session: Session) -> float:
    """How long nothing was archived, of which the last try failed; 0 where it did not, or where nothing is to be archived."""
    found = session.execute(_SINCE).one_or_none()
    return max((found[1] - found[0]).total_seconds(), 0.0) if found else 0.0
