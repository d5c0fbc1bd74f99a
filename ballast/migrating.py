"""`flask db …`. Alembic and what it brings are loaded when a command needs them: no process that serves ever does.

Flask-Migrate's commands, but for `upgrade`: a release that is rolled back to finds a database that a newer one migrated. There it has
nothing to do, which is no error where it may run on it. And one that comes after a release that was skipped would take away what the
code that serves still needs: it migrates nothing until it is told that nobody serves.
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
    """`upgrade`, which changes nothing in a database that a newer release migrated, or that would lose what serves still needs. Fails
    where this release may not run on the one, and on the other."""

    @with_appcontext
    def upgrade_with_care(nobody_serves: bool, **given: Any) -> None:
        found = _found_amiss(given["directory"] or g.directory, given["revision"], nobody_serves)
        if found is None:
            click.get_current_context().invoke(upgrade, **given)
        elif found.state == "ok":
            click.echo(f"{found.said} Nothing is migrated.")
        else:
            raise click.ClickException(f"{found.said} Nothing is migrated. {found.mend}")

    params = [*upgrade.params, NOBODY_SERVES]
    return click.Command(upgrade.name, params=params, help=upgrade.help, callback=upgrade_with_care)


NOBODY_SERVES: Final = click.Option(
    ["--nobody-serves"],
    is_flag=True,
    envvar="MIGRATION_NOBODY_SERVES",
    help="Every process is stopped, so take away what an older release than the one before needs, too.",
)


def _found_amiss(directory: str | None, revision: str, nobody_serves: bool) -> Finding | None:
    """Asked as the owner, who migrates: the other two roles may still be missing."""
    from alembic.script.revision import RevisionError
    from sqlalchemy import create_engine, pool

    from ballast.doctor import schema

    folder = Path(directory or MIGRATIONS)
    engine = create_engine(current_app.extensions["ballast"].settings.owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        newer = schema.unknown(connection, folder)
        if newer is not None or nobody_serves:
            return newer
        try:
            return schema.skips_a_release(connection, folder, revision)
        except RevisionError as error:
            raise click.ClickException(str(error)) from error
