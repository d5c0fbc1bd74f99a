"""Applications of a test's own, with other settings than the test world's."""

from __future__ import annotations

from flask import Flask

from ballast import config, replica
from ballast.config import Settings
from ballast.db import db
from ballast.wiring import build
from tests.world import Browser, World


def served(settings: Settings, role: str = "app") -> Flask:
    """One; `let_go` it."""
    made = build(role, settings)
    made.testing, made.test_client_class = True, Browser
    return made


def let_go(world: World, *apps: Flask) -> None:
    """Close their connections; the test world's settings hold again."""
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
    replica.use("", {})
    config.use(world.settings)
