"""`flask db …`. Alembic and what it brings are loaded when a command needs them: no process that serves ever does.

Flask-Migrate's commands, but for `upgrade`: a release that is rolled back to finds a database that a newer one migrated. There it has
nothing to do, which is no error where it may run on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from flask import Flask, current_app, g
from flask.cli import with_appcontext

from ballast.db import db

if TYPE_CHECKING:
    from ballast.doctor.finding import Finding

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
NAME: Final = "migrate"


def register(app: Flask) -> None:
    """Hang the commands on the application, and what they look for in it."""
    app.extensions[NAME] = Later(app)
    app.cli.add_command(COMMANDS)


class Later:
    """Flask-Migrate's settings of an application, made when somebody first asks for one of them."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, db, directory=str(MIGRATIONS))  # takes this one's place, and that of the commands
        self._app.cli.add_command(COMMANDS)
        return getattr(self._app.extensions[NAME], name)


class Commands(click.Command):
    """Stands for Flask-Migrate's own group, which takes over as soon as it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from flask_migrate.cli import db as theirs

        commands = theirs.commands | {"upgrade": _that_leaves_newer_alone(theirs.commands["upgrade"])}
        group = click.Group(theirs.name, commands, params=theirs.params, callback=theirs.callback, help=theirs.help)
        return group.make_context(info_name, args, parent, **extra)


COMMANDS: Final = Commands("db", help="Perform database migrations.")


def _that_leaves_newer_alone(upgrade: click.Command) -> click.Command:
    """`upgrade`, which changes nothing in a database that a newer release migrated. Fails where this release may not run on it."""

    @with_appcontext
    def upgrade_unless_newer(**given: Any) -> None:
        newer = _found_newer(given["directory"] or g.directory)
        if newer is None:
            click.get_current_context().invoke(upgrade, **given)
        elif newer.state == "ok":
            click.echo(f"{newer.said} Nothing is migrated.")
        else:
            raise click.ClickException(f"{newer.said} {newer.mend}")

    return click.Command(upgrade.name, params=upgrade.params, help=upgrade.help, callback=upgrade_unless_newer)


def _found_newer(directory: str | None) -> Finding | None:
    """Asked as the owner, who migrates: the other two roles may still be missing."""
    from sqlalchemy import create_engine, pool

    from ballast.doctor import schema

    engine = create_engine(current_app.extensions["ballast"].settings.owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return schema.unknown(connection, Path(directory or MIGRATIONS))
