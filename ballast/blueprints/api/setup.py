"""What every blueprint of the API is made with: its guard, its errors, its headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from ballast.blueprints.api.fields import EXAMPLE_KEY
from ballast.blueprints.api.guard import require_key
from ballast.blueprints.api.schemas import ErrorOut

ERRORS: Final[dict[Any, Any]] = dict.fromkeys((400, 401, 403, 404, 409, 413, 415, 500), ErrorOut)
_KEY_HEADER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "format": "uuid"},
    "description": "A UUID of your own. The same key and body give the first answer again for 72 hours.",
    "example": EXAMPLE_KEY,
}
NEEDS_KEY: Final = {"x-header": _KEY_HEADER | {"required": True}}
TAKES_KEY: Final = {"x-header": _KEY_HEADER | {"required": False}}


def make_blueprint(name: str, tag: str, description: str, guard: Callable[[], None] = require_key) -> APIBlueprint:
    """A part of the API under /api/v1, guarded as a whole."""
    blueprint = APIBlueprint(
        name,
        name,
        url_prefix="/api/v1",
        abp_tags=[Tag(name=tag, description=description)],
        abp_security=[{"api_key": []}, {"bearer": []}],
        abp_responses=ERRORS,
    )
    blueprint.before_request(guard)
    return blueprint
