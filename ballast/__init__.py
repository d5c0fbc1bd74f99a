"""Ballast: payments, financing and subscriptions in one small program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from ballast.config import Settings


def create_app(role: str = "app", settings: Settings | None = None) -> Flask:
    """The only wiring. `role` is the database role this process serves as: `app` (web, commands) or `worker`.

    Raises ConfigurationError when the environment does not add up. Imports happen inside, so a process loads only what it runs.
    """
    from ballast.config import load
    from ballast.wiring import build

    return build(role, settings or load())
