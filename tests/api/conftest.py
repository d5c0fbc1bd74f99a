"""What the API's tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from ballast.db import db, organization
from ballast.models import Attempt, Event, IdempotencyKey, Payment
from tests.world import World

VALID = {"amount": 2000, "currency": "USD"}


@pytest.fixture
def written(world: World) -> Callable[[], tuple[int, ...]]:
    """How many rows a request could have left behind."""

    def count() -> tuple[int, ...]:
        db.session.rollback()
        with organization(world.acme.id):
            models = (Payment, Attempt, Event, IdempotencyKey)
            return tuple(db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)

    return count


def problem(answer: TestResponse) -> dict[str, Any]:
    """The error in its envelope, the envelope checked."""
    assert answer.mimetype == "application/json"
    body = answer.get_json()
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert {"type", "code", "message", "param", "request_id", "doc_url"} <= set(error)
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert error["doc_url"].endswith(f"#error-{error['code']}")
    assert error["message"]
    return error
