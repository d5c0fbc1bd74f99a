"""What an error looks like: the API's envelope for programs, a page for people."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from flask import Response, current_app, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from ballast import config
from ballast.db import db
from ballast.errors import BallastError, RateLimited

log = logging.getLogger(__name__)

SENTENCES = {
    400: "This request could not be read.",
    401: "Please sign in first.",
    403: "You do not have access to this page.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    413: "This request is too large.",
    415: "Send application/json.",
    429: "Too many requests. Please wait a moment.",
    500: "Something failed on our side. It has been recorded under the request id below.",
    503: "We can't reach our database right now. Please try again in a minute.",
}
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
}

# The database is away or too busy to answer: nothing is wrong with the request, and sending it again is right.
AWAY = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError)


def error_body(kind: str, code: str, message: str, param: str | None = None, **more: Any) -> dict[str, Any]:
    """The API's error envelope."""
    return {
        "error": {
            "type": kind,
            "code": code,
            "message": message,
            "param": param,
            "request_id": g.get("request_id", ""),
            "doc_url": f"{config.current().public_url}/api/docs#error-{code}",
            **more,
        }
    }


def wants_json() -> bool:
    """Whether the answer goes to a program."""
    return request.path.startswith(
        ("/api/v1", "/hooks/", "/internal/", "/health", "/readyz", "/metrics", "/plans/quote.json")
    )


def on_ballast_error(error: BallastError) -> Response:
    """Our own errors: the envelope for programs, a page for people."""
    db.session.rollback()
    if wants_json():
        response = jsonify(error_body(error.kind, error.code, error.message, error.param))
        response.status_code = error.status
    else:
        response = error_page(error.status, error.code, error.message)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def on_http_error(error: HTTPException) -> Response:
    """Werkzeug's errors in our clothes."""
    status = error.code or 500
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    db.session.rollback()
    code = CODES.get(status, error.name.lower().replace(" ", "_"))
    sentence = SENTENCES.get(status, error.description or error.name)
    if wants_json():
        response = jsonify(error_body("invalid_request_error" if status < 500 else "api_error", code, sentence))
        response.status_code = status
    else:
        response = error_page(status, code, sentence)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_crash(error: Exception) -> Response:
    """What we did not foresee: logged with its trace, told without it."""
    log.exception("request %s failed", g.get("request_id"), exc_info=error)
    db.session.rollback()
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    status, code = (503, "unavailable") if isinstance(error, AWAY) else (500, "internal_error")
    if wants_json():
        response = jsonify(error_body("api_error", code, SENTENCES[status]))
        response.status_code = status
    else:
        response = error_page(status, code, SENTENCES[status])
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def error_page(status: int, code: str, sentence: str) -> Response:
    """An error for a person, with the id to quote."""
    page = render_template(
        "errors/error.html", status=status, code=code, message=sentence, request_id=g.get("request_id", "")
    )
    return make_response(page, status)
