"""A Jinja environment as the web makes it: the real one, with the globals that Flask and its extensions add."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment

from ballast.templating import environment
from tests.templates.samples import USER


def url_for(endpoint: str, **values: Any) -> str:
    return "/".join(["", *endpoint.split("."), *(str(value) for value in values.values())])


@pytest.fixture(scope="session")
def pages() -> Environment:
    made = environment().overlay()
    made.globals = environment().globals | {
        "url_for": url_for,
        "csrf_token": lambda: "csrf-token",
        "current_user": USER,
        "get_flashed_messages": lambda with_categories=False: [("success", "Refunded $20.00 to Visa 4242.")],
    }
    return made
