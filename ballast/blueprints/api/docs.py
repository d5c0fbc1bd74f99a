"""The API's reference page and how its description and validation errors are set up."""

from __future__ import annotations

from threading import Lock
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, make_response
from flask_openapi.models.info import Info
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI
from pydantic import ValidationError

from ballast.blueprints.api import code_samples
from ballast.blueprints.api.error_catalog import CATALOG
from ballast.blueprints.api.fields import LONGEST_KEY
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.setup import VERSION_HEADER
from ballast.error_answers import error_body
from ballast.models.outbox import API_VERSION, API_VERSIONS
from ballast.web import policy, render

blueprint = Blueprint("api_docs", __name__)

INFO = Info(
    title="Ballast API",
    version=API_VERSION,
    summary="Payments that are never taken twice.",
    description="Amounts are integers in minor units. Send your key as `X-API-Key` or `Authorization: Bearer`, or the access "
    "token of `POST /api/v1/auth/login` as `Authorization: Bearer`. "
    "Creating a payment needs an `Idempotency-Key` (a UUID): the same key and body give the first answer again.",
)
VERSION: Final = {
    "name": VERSION_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": list(API_VERSIONS)},
    "description": "A version of the API by its date; the present one if left out. Every answer says which it is.",
    "example": API_VERSION,
}
VALIDATION_CODES: Final = {"missing": "parameter_missing", "extra_forbidden": "parameter_unknown"}
KEPT_AS: Final = "ballast_api_description"
# Parts are described one after the other.
DESCRIBING: Final = Lock()
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
    code = VALIDATION_CODES.get(first["type"], "parameter_invalid")
    message = f"{param or 'The body'}: {first['msg'][:1].lower()}{first['msg'][1:]}."
    response = jsonify(error_body("invalid_request_error", code, message, param))
    response.status_code = 400
    return response


@blueprint.get("/api/openapi.json")
def description() -> Response:
    """The OpenAPI 3.1 description."""
    return Response(_description(), mimetype="application/json")


def _description() -> bytes:
    """What flask-openapi knows and what it does not, put together once in a process: by an application that exists for that alone, so
    that of all it makes on the way only the text is kept."""
    with DESCRIBING:
        if KEPT_AS not in current_app.extensions:
            current_app.extensions[KEPT_AS] = jsonify(_describe()).get_data()
    found: bytes = current_app.extensions[KEPT_AS]
    return found


def _describe() -> dict[str, Any]:
    from ballast.blueprints.api import PARTS

    app = make_openapi("ballast", static_folder=None)
    for part in PARTS:
        part.describe()
        app.register_api(part)
        part.forget_description()
    document: dict[str, Any] = app.api_doc
    _complete(document)
    return document


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _describe_header(operation)
            _describe_metadata(operation)
            _describe_body(operation, schemas)
            _add_samples(operation, code_samples.samples(method.upper(), path, operation, schemas))
    for schema in schemas.values():
        _describe_keys(schema)


def _describe_header(operation: dict[str, Any]) -> None:
    """Headers are read in guards, so flask-openapi does not know them, and it drops parameters given beside a path's own."""
    header = operation.pop("x-header", None)
    operation["parameters"] = [*operation.get("parameters", []), *([header] if header else []), VERSION]


def _describe_metadata(operation: dict[str, Any]) -> None:
    """`metadata[key]=value` in a query, which flask-openapi cannot say."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query" and parameter["name"] == "metadata":
            parameter |= {"style": "deepObject", "explode": True}


def _describe_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A body whose every field is optional may be left out."""
    if body := operation.get("requestBody"):
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body["required"] = bool(schemas[name].get("required"))


def _add_samples(operation: dict[str, Any], samples: code_samples.Samples) -> None:
    """Below its words, where Swagger UI shows them, and where other readers of the description look for them."""
    operation["x-codeSamples"] = [{"lang": name, "source": source} for name, source in samples.items()]
    shown = "".join(f"\n\n```{name}\n{source}\n```" for name, source in samples.items())
    operation["description"] = operation.get("description", "") + shown


def _describe_keys(schema: dict[str, Any]) -> None:
    """How long the keys of metadata may be, which flask-openapi leaves out."""
    metadata = schema.get("properties", {}).get("metadata", {})
    if metadata.get("maxProperties"):
        metadata["propertyNames"] = {"minLength": 1, "maxLength": LONGEST_KEY}


@blueprint.get("/api/docs")
def reference() -> Response:
    """The reference, from our own static files. Swagger UI styles elements inline, hence the wider style-src on this page alone."""
    response = make_response(render("api/docs.html", openapi_url="/api/openapi.json", errors=CATALOG))
    response.headers["Content-Security-Policy"] = policy({"style-src": ["'unsafe-inline'"]})
    return response
