"""What every page and every answer shares: page or fragment, guards, headers, keyset pages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_login import current_user
from jinja2_fragments.flask import render_block
from sqlalchemy import Select
from werkzeug.urls import iri_to_uri

from ballast import audit, config, logs, metrics, reading
from ballast.db import count_statements, db, look, set_organization, statements
from ballast.error_answers import wants_json
from ballast.errors import InvalidRequest
from ballast.identity import second_factor, users
from ballast.ids import new_id, to_uuid
from ballast.security import looks_like_card_number

requests = logging.getLogger("ballast.requests")

Params = ParamSpec("Params")
PAGE_SIZE = 25
REQUEST_ID_LENGTH = 64


# --- Every request -----------------------------------------------------------------------------------------------------------


# Where a form brings a file, and how much such a form may hold: the largest file and what stands around it. Others hold 1 MB.
UPLOADS = ("product_pictures.add", "products.put_file")
LARGEST_UPLOAD = 6 * 1024 * 1024


# What an address may name that the log says too. (Tokens and links are none of it.)
TOLD = ("payment_id", "subscription_id", "invoice_id", "agreement_id", "order_id")


def start_request() -> None:
    """Name the request; nobody acts and no organization is set until a guard says so."""
    g.started = time.monotonic()
    g.request_id = name_request(request.headers.get("X-Request-Id", ""))
    reading.begin()
    set_organization(None)
    count_statements()
    logs.begin(**{name.removesuffix("_id"): value for name, value in (request.view_args or {}).items() if name in TOLD})
    if request.endpoint in UPLOADS:
        request.max_content_length = LARGEST_UPLOAD
    if request.method in ("GET", "HEAD"):
        look()
    audit.act_as(audit.Actor("system", None, request.remote_addr, g.request_id))
    _refuse_nul()


def name_request(given: str) -> str:
    """The id that was sent, if it can be one; else one of ours."""
    sane = (
        8 <= len(given) <= REQUEST_ID_LENGTH and given.replace("-", "").replace("_", "").isalnum() and given.isascii()
    )
    return given if sane and not looks_like_card_number(given) else new_id("req")


def body_length(environ: Mapping[str, Any]) -> int:
    """Bytes of a request's body, as its header has it; 0 where it says nothing, or nothing that is a length ("²" is a digit, too)."""
    said = environ.get("CONTENT_LENGTH") or ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def _refuse_nul() -> None:
    """Postgres keeps no NUL character and nobody types one. (JSON bodies are looked through by the API's own guard.)"""
    given = [request.path, *request.args.values(), *([] if wants_json() else request.form.values())]
    if any("\0" in text for text in given):
        raise InvalidRequest("character_invalid", "The request holds a character that cannot be stored.")


def act(kind: str, actor_id: str | None) -> None:
    """From here on in this request, this actor acts."""
    audit.act_as(audit.Actor(kind, actor_id, request.remote_addr, g.request_id))


def finish_response(response: Response) -> Response:
    """Headers on every answer."""
    reading.note_change()
    response.headers.setdefault("Content-Security-Policy", POLICY_OF_ALL)
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers.update(g.get("extra_headers", {}))
    response.headers.update(SAME_FOR_ALL)
    if response.mimetype in ("text/html", "application/json"):
        response.headers["Cache-Control"] = g.get("caching", "no-store")
    if response.mimetype == "text/html":
        response.vary.add("HX-Request")
    _note(response)
    if config.current().is_production:
        response.headers["Strict-Transport-Security"] = HSTS
    return response


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _note(response: Response) -> None:
    """One line per request, but for those of Prometheus and of whoever asks each second whether we are well, while we are: the route
    and not the path, for paths hold tokens."""
    if request.endpoint == "metrics.show" or (request.blueprint == "health" and response.status_code == 200):
        return
    route = request.url_rule.rule if request.url_rule else "no route"
    part = (request.blueprint or "none").partition(".")[0]
    started = g.get("started", time.monotonic())
    said = Said(request.method, route, response.status_code, time.monotonic() - started, statements())
    note_request(g.get("request_id", "-"), part, said)


@dataclass(frozen=True, slots=True)
class Said:
    """A request and its answer, as log and metrics have them."""

    method: str
    route: str
    status: int
    seconds: float
    statements: int


def note_request(request_id: str, part: str, said: Said) -> None:
    """Log and count it. `part`: of which blueprint."""
    told = {"method": said.method, "route": said.route, "status": said.status}
    text = "%(request_id)s %(method)s %(route)s %(status)s %(duration_ms)d ms, %(statements)d statements"
    more = {"duration_ms": round(1000 * said.seconds), "statements": said.statements}
    requests.info(text, {"request_id": request_id, **told, **more}, extra={**told, **more})
    method = said.method if said.method in METHODS else "other"
    metrics.count("ballast_requests_total", route=said.route, method=method, status=str(said.status))
    metrics.observe("ballast_request_seconds", said.seconds, part=part)


POLICY = {
    "default-src": ("'self'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "frame-src": ("'self'",),
    "form-action": ("'self'",),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "frame-ancestors": ("'none'",),
}


def policy(more: Mapping[str, Sequence[str]] | None = None) -> str:
    """The Content-Security-Policy: ourselves, and whatever a page must add (a processor's origins on checkout)."""
    lines = {name: dict.fromkeys((*sources, *(more or {}).get(name, ()))) for name, sources in POLICY.items()}
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in lines.items())


POLICY_OF_ALL = policy()
HSTS = "max-age=31536000; includeSubDomains"
SAME_FOR_ALL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(self)",
}


def always(request_id: str, more: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The headers of an answer that was made past Flask, as far as every answer has them. `more`: its own, where the plain road has
    them."""
    own = (more or {}).items()
    found = [("X-Request-Id", request_id), *own, *SAME_FOR_ALL.items(), ("Cache-Control", "no-store")]
    if config.current().is_production:
        found.append(("Strict-Transport-Security", HSTS))
    return found


# --- Pages -------------------------------------------------------------------------------------------------------------------


class Sessions(SecureCookieSessionInterface):
    """Sessions in a signed cookie, but none with an answer that caches may keep for everybody (`g.caching`)."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        return "caching" not in g and super().should_set_cookie(app, session)


def is_htmx() -> bool:
    """Whether htmx asked: the server decides between page and fragment, never a request parameter."""
    return request.headers.get("HX-Request") == "true"


def render(template: str, block: str | None = None, status: int = 200, **context: Any) -> Response:
    """The page, or its block alone when htmx asks and a block is named."""
    if block and is_htmx():
        return make_response(render_block(template, block, **context), status)
    return make_response(render_template(template, **context), status)


def see_other(url: str) -> Response:
    """303 to a browser; HX-Redirect to htmx."""
    if is_htmx():
        return Response(status=204, headers={"HX-Redirect": iri_to_uri(url)})
    return make_response(redirect(url, 303))


def safe_next(target: str | None, otherwise: str) -> str:
    """A path of ours to go to; never another site. (Browsers drop tabs and line breaks: "/<tab>/evil.example" would be one.)"""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return otherwise


# --- Guards ------------------------------------------------------------------------------------------------------------------


def require_signed_in() -> Response | None:
    """Guard of what belongs to a person and to no organization."""
    if not current_user.is_authenticated:
        return see_other(url_for("auth.sign_in", next=request.full_path.rstrip("?")))
    act("user", current_user.id)
    return None


def require_member() -> Response | None:
    """Guard of the dashboard: a signed-in member of the session's organization, whose role is read anew."""
    stop = require_signed_in()
    if stop is not None:
        return stop
    organization_id = session.get("organization")
    if not organization_id:
        abort(403)
    set_organization(organization_id)
    g.organization, role = users.place_of(organization_id, current_user.id) or (None, None)
    g.role = role or ("staff" if current_user.is_admin else None)
    if g.role is None or g.organization is None:
        abort(403)
    act("staff" if g.role == "staff" else "user", current_user.id)
    is_asked = second_factor.is_asked(g.organization)
    if is_asked and not current_user.has_second_factor and request.blueprint != "account":
        return see_other(url_for("account.second_factor"))
    reading.read_elsewhere()
    return None


def require_staff() -> Any:
    """Guard of the platform's area: its staff, with a second factor where the installation asks for one. To everybody else there is
    nothing at these addresses.
    """
    if not (current_user.is_authenticated and current_user.is_admin):
        abort(404)
    act("staff", current_user.id)
    if config.current().second_factor_required and not current_user.has_second_factor:
        return see_other(url_for("account.second_factor"))
    return None


def staff_area(blueprint: Blueprint) -> None:
    """Make a blueprint part of the platform's area: guarded as a whole, its pages in the area's frame."""
    blueprint.before_request(require_staff)
    blueprint.context_processor(lambda: {"current_user": current_user})


def dashboard(blueprint: Blueprint) -> None:
    """Make a blueprint part of the dashboard: guarded as a whole, its pages in the dashboard's frame."""
    blueprint.before_request(require_member)
    blueprint.context_processor(_frame)


def _frame() -> dict[str, Any]:
    """What the dashboard's frame needs."""
    return {
        "organization": g.get("organization"),
        "current_user": current_user,
        "may_audit": users.may(g.get("role"), "audit"),
    }


def requires(permission: str) -> Callable[[Callable[Params, Any]], Callable[Params, Any]]:
    """A view that needs more than reading."""

    def decorate(view: Callable[Params, Any]) -> Callable[Params, Any]:
        @wraps(view)
        def guarded(*args: Params.args, **kwargs: Params.kwargs) -> Any:
            if not users.may(g.get("role"), permission):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return decorate


# --- Keyset pages ------------------------------------------------------------------------------------------------------------

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page:
    """A keyset page, newest first. `before` and `after` are ids to page with, None at an end."""

    rows: list[Any]
    before: str | None
    after: str | None


def keyset(
    wanted: Select[*tuple[Any, ...]],
    id_column: Any,
    prefix: str,
    before: str | None,
    after: str | None,
    size: int = PAGE_SIZE,
) -> Page:
    """Rows older than `after` or newer than `before` (ids of this list); one statement, one row more than shown to know the end.

    Row ids are time-ordered, so they are the key. An id that is not one of this kind starts at the beginning.
    """
    backwards = bool(before and to_uuid(before, prefix))
    if backwards:
        wanted = wanted.where(id_column > before).order_by(id_column.asc())
    else:
        if after and to_uuid(after, prefix):
            wanted = wanted.where(id_column < after)
        wanted = wanted.order_by(id_column.desc())
    found = list(db.session.execute(wanted.limit(size + 1)))
    return cut(found, size, backwards, started=bool(after and to_uuid(after, prefix)))


def cut(found: list[Any], size: int, backwards: bool, started: bool) -> Page:
    """The page of the rows that were found, one more than shown.

    `backwards`: they are newer ones, oldest first. `started`: there are newer ones than these.
    """
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    first, last = (_id_of(found[0]), _id_of(found[-1])) if found else (None, None)
    has_newer = more if backwards else started
    has_older = True if backwards else more
    return Page(found, first if has_newer else None, last if has_older else None)


def filter_url(route: str, chosen: Mapping[str, str], **edge: str | None) -> str | None:
    """The address of a list with these filters; with `before` or `after` of a page, or None where that has no such edge."""
    if edge and not any(edge.values()):
        return None
    given = {name: value for name, value in {**chosen, **edge}.items() if value}
    return url_for(route, **given)  # type: ignore[arg-type]


def status_chips(route: str, labels: Mapping[str, str], chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """One chip for each status (`labels`: status → label, "" for all) that keeps the other filters."""
    current = chosen["status"] if chosen["status"] in labels else ""
    return [
        {"label": label, "url": filter_url(route, {**chosen, "status": status}), "current": status == current}
        for status, label in labels.items()
    ]


def _id_of(row: Any) -> str:
    return str(row[0].id)
