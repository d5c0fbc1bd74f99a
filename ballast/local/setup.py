"""Migrations and the demo in one process of its own: `python -m ballast.local.setup CREDENTIALS`.

The same as `flask --app app db upgrade` and `flask --app app seed demo --credentials CREDENTIALS` one after the other.
Importing the application takes seconds; here that happens once, and while PostgreSQL is still starting.
"""

import os
import sys
import time

import psycopg
from flask.cli import FlaskGroup

PATIENCE_SECONDS = 60.0


def main(credentials: str) -> None:
    """Import the application, wait for the database, run both commands; any error ends the process with its trace."""
    from app import app

    wait_for_database(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"])
    commands = FlaskGroup(create_app=lambda: app)
    for words in (["db", "upgrade"], ["seed", "demo", "--credentials", credentials]):
        commands.main(args=words, prog_name="flask", standalone_mode=False)


def wait_for_database(address: str) -> None:
    """Return when the role of the address can sign in; raises psycopg.OperationalError when it cannot in time."""
    plain = address.replace("postgresql+psycopg://", "postgresql://", 1)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(plain, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1])
