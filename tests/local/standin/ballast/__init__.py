"""A stand-in for the product: as little of an application as the supervisor needs to have something to supervise."""

import json
import os
from pathlib import Path

import click
import psycopg
from flask import Flask


def create_app() -> Flask:
    app = Flask("standin")
    app.add_url_rule("/health", view_func=lambda: {"status": "ok"})
    app.cli.add_command(click.Group("db", commands=[click.Command("upgrade", callback=upgrade)]))
    credentials = click.Option(["--credentials"], type=click.Path(path_type=Path))
    app.cli.add_command(click.Group("seed", commands=[click.Command("demo", callback=seed, params=[credentials])]))
    return app


def upgrade() -> None:
    if os.environ.get("STANDIN_FAILS") == "migrate":
        raise SystemExit("the stand-in was told to fail")
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        connection.execute("create table if not exists runs (at timestamptz default now(), told text)")
        connection.execute("insert into runs (told) values (%s)", [os.environ.get("MIGRATION_NOBODY_SERVES")])


COMPLAINT = "Braintree is left out: the stand-in knows none."


def seed(credentials: Path) -> None:
    people = {
        name: {"email": f"{name}@acme.test", "password": "demo"}
        for name in ("owner", "admin", "viewer", "staff", "shopper")
    }
    credentials.write_text(
        json.dumps(
            {
                "api_key": "key",
                "webhook_secret": "whsec_x",
                "store_path": "/shop/acme/",
                "complaints": [COMPLAINT],
                **people,
            }
        )
    )
