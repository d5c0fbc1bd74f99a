"""Have new cards go to one processor: `python -m tests.browser.routing PROCESSOR`, in a process of its own.

The domain's own function does it, on the database of a running stack; a test process has settings of its own already.
"""

from __future__ import annotations

import os
import subprocess
import sys

from sqlalchemy import select

from tests.stack import ROOT, Stack

ADDRESSES = {"DATABASE_WORKER_URL": "database_worker_url", "DATABASE_URL": "database_app_url", "REDIS_URL": "redis_url"}


def route_to(stack: Stack, processor: str) -> None:
    """From now on every new card of the demo shop is this processor's."""
    addresses = {name: str(stack.local[key]) for name, key in ADDRESSES.items()}
    command = [sys.executable, "-m", "tests.browser.routing", processor]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | addresses | {"BALLAST_ENV": "test"}, timeout=60)


def main(processor: str) -> None:
    """Give one account of the demo organization the whole share, and the others none."""
    from ballast import create_app
    from ballast.billing import accounts, routing
    from ballast.config import Settings
    from ballast.db import db, organization, transaction
    from ballast.models import Organization

    with create_app("worker", Settings(_env_file=None)).app_context():
        acme = db.session.scalars(select(Organization.id).where(Organization.slug == "acme")).one()
        db.session.rollback()
        with organization(acme), transaction():
            for account in accounts.all_of(acme):
                routing.route(acme, account.id, routing.Route(100 if account.processor == processor else 0))


if __name__ == "__main__":
    main(sys.argv[1])
