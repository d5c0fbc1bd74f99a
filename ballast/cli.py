"""Commands: `flask --app app <command>`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

seed = AppGroup("seed", help="Put demo data in place.")


def register(app: Flask) -> None:
    """Hang the commands on the application."""
    app.cli.add_command(seed)
    app.cli.add_command(keys)


@seed.command("demo")
@click.option(
    "--credentials", type=click.Path(path_type=Path), required=True, help="JSON file for keys and sign-ins (mode 600)."
)
def seed_demo(credentials: Path) -> None:
    """The demo organization: Acme Corp with its shop. Safe to repeat; what the file already knows is kept."""
    from ballast.billing.demo import plant

    known = json.loads(credentials.read_text()) if credentials.exists() else {}
    found = plant(known)
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(found, indent=2) + "\n")
    click.echo(f"Acme Corp is in place: {found['store_path']}")


@click.command("keys", help="Print fresh secrets for a deployment's environment.")
def keys() -> None:
    """SECRET_KEY, JWT_SECRET and ENCRYPTION_KEY, new ones each time."""
    import base64
    import os
    import secrets

    click.echo(f"SECRET_KEY={secrets.token_urlsafe(48)}")
    click.echo(f"JWT_SECRET={secrets.token_urlsafe(48)}")
    click.echo(f"ENCRYPTION_KEY=1:{base64.b64encode(os.urandom(32)).decode()}")
