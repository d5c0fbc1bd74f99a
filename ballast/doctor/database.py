"""PostgreSQL: its version and settings, our migrations and roles in it, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import text

from ballast import archiving
from ballast.clock import real_time
from ballast.db import APP_ROLE, WORKER_ROLE, db
from ballast.doctor import schema
from ballast.doctor.finding import Finding, fail, ok, warn

OLDEST: Final = 160000
# What must be on, and what it is for.
SETTINGS: Final = {
    "fsync": "A power cut can lose payments that were answered.",
    "full_page_writes": "A power cut can leave torn pages.",
    "synchronous_commit": "A crash can lose the commit that a charge was announced with.",
}
SKEW: Final = (2.0, 30.0)


def postgres() -> Iterator[Finding]:
    """Its version and the settings that money hangs on."""
    number, name = db.session.execute(text("select current_setting('server_version_num'), version()")).one()
    if int(number) < OLDEST:
        yield fail("postgres", f"{name.split(',')[0]} is too old.", "Move to PostgreSQL 16 or newer.")
    else:
        yield ok("postgres", name.split(" on ")[0])
    off = [name for name in SETTINGS if _setting(name) == "off"]
    for name in off:
        yield fail("postgres", f"{name} is off. {SETTINGS[name]}", f"`alter system set {name} = on`, and reload.")


def _setting(name: str) -> str:
    return str(db.session.execute(text("select current_setting(:name)"), {"name": name}).scalar_one())


def migrations() -> Iterator[Finding]:
    """Whether the database is that of this release; `flask db-check` says more."""
    yield next(schema.check())


def roles() -> Iterator[Finding]:
    """Whether the wall between organizations stands for the role that serves."""
    wanted = text("select rolname from pg_roles where rolname in (:app, :worker) and (rolsuper or rolbypassrls)")
    strong = db.session.execute(wanted, {"app": APP_ROLE, "worker": WORKER_ROLE}).scalars().all()
    mend = "`alter role … nosuperuser nobypassrls`: else row-level security hides nothing."
    yield fail("roles", f"{', '.join(strong)} sees everything.", mend) if strong else ok("roles", "Held by the wall.")


def archive() -> Iterator[Finding]:
    """Whether what is written can be brought back to a moment; without an archive only a dump can."""
    if not archiving.is_on(db.session()):
        yield ok("archive", "None is kept.")
    elif seconds := archiving.failing_seconds(db.session()):
        said = f"Nothing was archived for {seconds / 60:.0f} minutes, and the last try failed. The log stays until the disk is full."
        mend = "PostgreSQL's log says why `archive_command` fails; it tries again by itself."
        yield fail("archive", said, mend)
    else:
        yield ok("archive", "The last try went well.")


def clock_skew() -> Iterator[Finding]:
    """Whether this machine and the database agree on the time: leases, signatures and due dates hang on it."""
    before = real_time()
    there = db.session.execute(text("select clock_timestamp()")).scalar_one()
    after = real_time()
    skew = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    said = f"{skew:.1f} s between this machine and PostgreSQL."
    mend = "Run a time service (chrony, systemd-timesyncd) on both."
    yield ok("clock", said) if skew < SKEW[0] else (warn if skew < SKEW[1] else fail)("clock", said, mend)


CHECKS: Final = (postgres, migrations, roles, archive, clock_skew)
