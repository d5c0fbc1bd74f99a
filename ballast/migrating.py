"""`flask db …`. Alembic and what it brings are loaded when a command needs them: no process that serves ever does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from flask import Flask

from ballast.db import db

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
NAME: Final = "migrate"


def register(app: Flask) -> None:
    """Hang the commands on the application, and what they look for in it."""
    app.extensions[NAME] = Later(app)
    app.cli.add_command(Commands("db", help="Perform database migrations."))


class Later:
    """Flask-Migrate's settings of an application, made when somebody first asks for one of them."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, db, directory=str(MIGRATIONS))  # takes this one's place
        return getattr(self._app.extensions[NAME], name)


class Commands(click.Command):
    """Stands for Flask-Migrate's own group, which takes over as soon as it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from flask_migrate.cli import db as commands

        made: click.Context = commands.make_context(info_name, args, parent, **extra)
        return made
