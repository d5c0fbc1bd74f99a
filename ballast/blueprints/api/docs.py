"""The API's reference page and how its description and validation errors are set up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI
from pydantic import ValidationError

from ballast.blueprints.api.schemas import ErrorOut
from ballast.models.outbox import API_VERSION
from ballast.web import error_body, policy, render

blueprint = Blueprint("api_docs", __name__)

INFO = Info(
    title="Ballast API",
    version=API_VERSION,
    summary="Payments that are never taken twice.",
    description="Amounts are integers in minor units. Send your key as `X-API-Key` or `Authorization: Bearer`, or the access "
    "token of `POST /api/v1/auth/login` as `Authorization: Bearer`. "
    "Creating a payment needs an `Idempotency-Key` (a UUID): the same key and body give the first answer again.",
)
SECURITY = {
    "api_key": SecurityScheme(type="apiKey", name="X-API-Key", **{"in": "header"}),
    "bearer": SecurityScheme(type="http", scheme="bearer"),
}


def make_openapi(import_name: str, **options: Any) -> OpenAPI:
    """A Flask application that describes its API as OpenAPI 3.1 at /api/openapi.json."""
    app = OpenAPI(
        import_name,
        info=INFO,
        security_schemes=SECURITY,  # type: ignore[arg-type]
        validation_error_status=400,
        validation_error_model=ErrorOut,
        validation_error_callback=on_validation_error,
        doc_prefix="/api",
        doc_ui=False,
        **options,
    )
    app.openapi_version = "3.1.0"
    return app


def on_validation_error(error: ValidationError) -> Response:
    """400 with the first thing that is wrong: which parameter, and what it should be. What was sent is not repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = ".".join(str(part) for part in first["loc"]) or None
    code = {"missing": "parameter_missing", "extra_forbidden": "parameter_unknown"}.get(
        first["type"], "parameter_invalid"
    )
    message = f"{param or 'The body'}: {first['msg'][:1].lower()}{first['msg'][1:]}."
    response = jsonify(error_body("invalid_request_error", code, message, param))
    response.status_code = 400
    return response


@blueprint.get("/api/openapi.json")
def description() -> Response:
    """The OpenAPI 3.1 description."""
    from flask import current_app

    document: dict[str, Any] = current_app.api_doc  # type: ignore[attr-defined]
    for item in document["paths"].values():
        for operation in item.values():
            _describe_header(operation)
    return jsonify(document)


def _describe_header(operation: dict[str, Any]) -> None:
    """Headers are read in guards, so flask-openapi does not know them, and it drops parameters given beside a path's own."""
    header = operation.pop("x-header", None)
    if header is not None:
        operation["parameters"] = [*operation.get("parameters", []), header]


@blueprint.get("/api/docs")
def reference() -> Response:
    """The reference, from our own static files. Swagger UI styles elements inline, hence the wider style-src on this page alone."""
    response = make_response(render("api/docs.html", openapi_url="/api/openapi.json"))
    response.headers["Content-Security-Policy"] = policy({"style-src": ["'unsafe-inline'"]})
    return response
