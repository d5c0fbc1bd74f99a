"""Have new cards go to one processor: `python -m tests.browser.routing`, a process of its own that reads a name on each line.

The domain's own function does it, on the database of a running stack; a test process has settings of its own already. One process
for all changes, because to start it takes far longer than a change.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import select

from tests.stack import ROOT, Stack

ADDRESSES = {"DATABASE_WORKER_URL": "database_worker_url", "DATABASE_URL": "database_app_url", "REDIS_URL": "redis_url"}


@contextmanager
def routing(stack: Stack) -> Iterator[Callable[[str], None]]:
    """What has every new card of the demo shop be one processor's: `route_to("square")`."""
    addresses = {name: str(stack.local[key]) for name, key in ADDRESSES.items()}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.browser.routing"],
        cwd=ROOT,
        env=os.environ | addresses | {"BALLAST_ENV": "test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        asked, answers = process.stdin, process.stdout

        def route_to(processor: str) -> None:
            print(processor, file=asked, flush=True)
            assert answers.readline() == f"{processor}\n"

        yield route_to


def main() -> None:
    """Answer each name with itself when it is done."""
    from ballast import create_app
    from ballast.config import Settings

    with create_app("worker", Settings(_env_file=None)).app_context():
        for line in sys.stdin:
            give_all_to(line.strip())
            print(line.strip(), flush=True)


def give_all_to(processor: str) -> None:
    """Give one account of the demo organization the whole share, and the others none."""
    from ballast.billing import accounts, routing
    from ballast.db import db, organization, transaction
    from ballast.models import Organization

    acme = db.session.scalars(select(Organization.id).where(Organization.slug == "acme")).one()
    db.session.rollback()
    with organization(acme), transaction():
        for account in accounts.all_of(acme):
            routing.route(acme, account.id, routing.Route(100 if account.processor == processor else 0))


if __name__ == "__main__":
    main()
