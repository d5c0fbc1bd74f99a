"""What every blueprint of the API is made with: its guard, its errors, its headers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from flask import Response, g, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from flask_openapi.utils import parse_parameters

from ballast.blueprints.api.fields import EXAMPLE_KEY
from ballast.blueprints.api.guard import require_key
from ballast.blueprints.api.schemas import ErrorOut
from ballast.errors import InvalidRequest
from ballast.models.outbox import API_VERSION, API_VERSIONS

_ERROR: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}}
# One names the model and so brings its schema; were all to, it would be made anew for each answer of each call, at every start.
ERRORS: Final[dict[Any, Any]] = {400: ErrorOut} | {
    status: {"content": _ERROR} for status in (401, 403, 404, 409, 413, 415, 429, 500)
}
_KEY_HEADER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "format": "uuid"},
    "description": "A UUID of your own. The same key and body give the first answer again for 72 hours.",
    "example": EXAMPLE_KEY,
}
VERSION_HEADER: Final = "Ballast-Version"
NEEDS_KEY: Final = {"x-header": _KEY_HEADER | {"required": True}}
TAKES_KEY: Final = {"x-header": _KEY_HEADER | {"required": False}}


class Part(APIBlueprint):
    """A part of the API that is described when somebody first asks: a description is larger than the code, few processes are asked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._undescribed: list[Callable[[], Any]] = []

    def _collect_openapi_info(self, rule: str, func: Any, **told: Any) -> Any:
        """flask-openapi calls it for each view, as it is defined; what views take it needs at once."""
        self._undescribed.append(partial(super()._collect_openapi_info, rule, func, **told))
        return parse_parameters(func, doc_ui=False)

    def describe(self) -> None:
        """Have `paths`, `tags` and `components_schemas` say what the views were given."""
        for describe in self._undescribed:
            describe()

    def forget_description(self) -> None:
        """Until it is described again."""
        self.paths, self.components_schemas, self.tags, self.tag_names = {}, {}, [], []


def make_blueprint(name: str, tag: str, description: str, read: str, write: str, permission: str | None = None) -> Part:
    """A part of the API under /api/v1, guarded as a whole. `read` and `write`: the scopes it takes; `permission`: what a person needs
    to write, where that is not what the scope usually takes."""
    blueprint = Part(
        name,
        __name__,
        url_prefix="/api/v1",
        abp_tags=[Tag(name=tag, description=description)],
        abp_security=[{"api_key": []}, {"bearer": []}],
        abp_responses=ERRORS,
    )
    blueprint.before_request(partial(require_key, read, write, permission))
    use_versions(blueprint)
    return blueprint


def use_versions(blueprint: Part) -> None:
    """Have every answer of a part say which version of the API it is. After its guard, so that strangers learn nothing else."""
    blueprint.before_request(choose_version)
    blueprint.after_request(echo_version)


def choose_version() -> None:
    """The version of the API that was asked for, the present one unless another is. Raises InvalidRequest(`version_unknown`)."""
    given = request.headers.get(VERSION_HEADER, API_VERSION)
    if given not in API_VERSIONS:
        raise InvalidRequest(
            "version_unknown", f"Versions of this API: {', '.join(API_VERSIONS)}.", param=VERSION_HEADER
        )
    g.api_version = given


def echo_version(response: Response) -> Response:
    """Say which version answers."""
    response.headers[VERSION_HEADER] = g.get("api_version", API_VERSION)
    return response
