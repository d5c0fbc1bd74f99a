"""What months as partitions bring, and what they cost: attempts at deliveries, a year of them, as one table and as a table by month.

`python -m bench.partitions [rows]`, on a Postgres of its own; docs/growth.md has the table. Rows are as wide as ours are (about 600
bytes), their ids UUIDv7, so a range of ids is a range of time and the primary key stays what it is.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from ballast.local.postgres import Postgres

ROWS = 3_000_000
MONTHS = 12
COLUMNS = """
  organization_id uuid not null, id uuid not null, delivery_id uuid not null, number bigint not null, response_status bigint,
  response_body text, reason text, duration_ms bigint not null, sent_at timestamptz not null, primary key (organization_id, id)
"""
# The id that would have been made then.
ID_AT = """
create function id_at(at timestamptz, noise text) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(noise), 1, 3)
    || '8' || substr(md5(noise), 4, 15))::uuid $$
"""
# A delivery's two attempts lie together; there are a thousand organizations.
FILL = """
insert into {table} select md5((n / 2 %% 1000)::text)::uuid, id_at(at, n::text), md5((n / 2)::text)::uuid, n %% 2 + 1, 500,
  repeat(md5(n::text), 12), 'http_500', 120, at
from generate_series(%(first)s::bigint, %(last)s::bigint) n, lateral (
  select timestamptz '2026-01-01 00:00Z' + n * interval '365 days' / %(rows)s as at) as moment
"""
TABLES = ("attempts", "attempts_by_month")


def main() -> None:
    """Fill both, measure, print."""
    rows = int(sys.argv[1]) if sys.argv[1:] else ROWS
    with tempfile.TemporaryDirectory(prefix="ballast-partitions-") as folder:
        Path(folder).chmod(0o755)
        with (
            Postgres(Path(folder) / "pg", fast=True) as server,
            psycopg.connect(server.superuser_url, autocommit=True) as db,
        ):
            make(db)
            for table in TABLES:
                print(f"{table}: {rows:,} rows in {timed(lambda table=table: fill(db, table, rows)):.0f} s", flush=True)
            measure(db, rows)


def make(db: psycopg.Connection) -> None:
    """One table, and one in months that are ranges of ids, with a rest that catches what nobody made a month for."""
    db.execute(ID_AT)
    db.execute(f"create table attempts ({COLUMNS})")  # type: ignore[arg-type]
    db.execute(f"create table attempts_by_month ({COLUMNS}) partition by range (id)")  # type: ignore[arg-type]
    for month in range(MONTHS):
        after = "2027-01-01" if month == 11 else f"2026-{month + 2:02}-01"
        bounds = f"from ('{bound(db, f'2026-{month + 1:02}-01')}') to ('{bound(db, after)}')"
        db.execute(f"create table {name(month)} partition of attempts_by_month for values {bounds}")  # type: ignore[arg-type]
    db.execute("create table attempts_rest partition of attempts_by_month default")
    for table in TABLES:
        db.execute(f"create index on {table} (organization_id, delivery_id, id)")  # type: ignore[arg-type]


def name(month: int) -> str:
    return f"attempts_2026_{month + 1:02}"


def bound(db: psycopg.Connection, day: str) -> str:
    """The smallest id of a day."""
    told = (
        "select (lpad(to_hex((extract(epoch from %s::timestamptz) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid"
    )
    row = db.execute(told, [f"{day} 00:00Z"]).fetchone()
    return str(row[0]) if row else ""


def fill(db: psycopg.Connection, table: str, rows: int) -> None:
    db.execute(FILL.format(table=table), {"first": 0, "last": rows - 1, "rows": rows})  # type: ignore[arg-type]
    db.execute(f"vacuum analyze {table}")  # type: ignore[arg-type]


def measure(db: psycopg.Connection, rows: int) -> None:
    """The table of docs/growth.md."""
    for table in TABLES:
        read(db, table, rows, pruned=False)
    say("", "one table", "by month")
    say("insert a row, one commit each, ms", *(f"{insert(db, table, rows):.3f}" for table in TABLES))
    say("attempts of a delivery, ms", *(f"{read(db, table, rows, pruned=False):.3f}" for table in TABLES))
    say("the same, from the delivery's id on", *(f"{read(db, table, rows, pruned=True):.3f}" for table in TABLES))
    before = [size(db, table) for table in TABLES]
    deleted, wal = costs(db, lambda: delete_month(db))
    detached, less = costs(db, lambda: drop_month(db))
    say("remove the oldest month, s", f"{deleted:.2f}", f"{detached:.3f}")
    say("write-ahead log of that, MB", f"{wal:.1f}", f"{less:.3f}")
    freed = [was - size(db, table) for table, was in zip(TABLES, before, strict=True)]
    say("disk given back, MB", *(f"{mb:.0f}" for mb in freed))
    say("disk it takes, MB, before", *(f"{mb:.0f}" for mb in before))


def say(what: str, *found: str) -> None:
    print(f"  {what:<40}" + "".join(f"{one:>14}" for one in found), flush=True)


def insert(db: psycopg.Connection, table: str, rows: int) -> float:
    """Milliseconds, the median of 2,000."""
    statement = FILL.format(table=table)

    def one(number: int) -> None:
        db.execute(statement, {"first": rows + number, "last": rows + number, "rows": rows * 2})  # type: ignore[arg-type]

    return median(one, 2000)


def read(db: psycopg.Connection, table: str, rows: int, *, pruned: bool) -> float:
    """Milliseconds, the median of 2,000 deliveries all over the year. `pruned`: an attempt is younger than its delivery, so its id is
    greater, and Postgres need not look into the months before."""
    since = (
        "and id >= id_at(timestamptz '2026-01-01 00:00Z' + %(n)s * interval '365 days' / %(rows)s, '') "
        if pruned
        else ""
    )
    until = (
        "and id < id_at(timestamptz '2026-01-02 00:00Z' + %(n)s * interval '365 days' / %(rows)s, '') "
        if pruned
        else ""
    )
    wanted = (
        f"select * from {table} where organization_id = md5((%(n)s / 2 %% 1000)::text)::uuid "
        f"and delivery_id = md5((%(n)s / 2)::text)::uuid {since}{until}order by id desc"
    )

    def one(number: int) -> None:
        n = number * (rows // 2000)
        assert db.execute(wanted, {"n": n, "rows": rows}).fetchall()  # type: ignore[arg-type]

    return median(one, 2000)


def delete_month(db: psycopg.Connection) -> None:
    db.execute(f"delete from attempts where id < '{bound(db, '2026-02-01')}'")  # type: ignore[arg-type]
    db.execute("vacuum attempts")


def drop_month(db: psycopg.Connection) -> None:
    db.execute(f"alter table attempts_by_month detach partition {name(0)}")  # type: ignore[arg-type]
    db.execute(f"drop table {name(0)}")  # type: ignore[arg-type]


def costs(db: psycopg.Connection, act: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and megabytes of write-ahead log."""
    start: Any = db.execute("select pg_current_wal_insert_lsn()").fetchone()
    took = timed(act)
    row: Any = db.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", [start[0]]).fetchone()
    return took, float(row[0]) / 1e6


def size(db: psycopg.Connection, table: str) -> float:
    """Megabytes with indexes."""
    leaves = "select relid from pg_partition_tree(%(table)s) where isleaf union select %(table)s::regclass"
    row: Any = db.execute(
        f"select sum(pg_total_relation_size(relid)) from ({leaves}) as leaf", {"table": table}
    ).fetchone()
    return float(row[0]) / 1e6


def median(act: Callable[[int], None], times: int) -> float:
    """Milliseconds."""
    return 1000 * statistics.median(timed(lambda number=number: act(number)) for number in range(times))


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
