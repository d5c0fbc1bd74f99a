"""How a process is put together: settings, database role, extensions, blueprints."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

from flask import Flask
from jinja2 import StrictUndefined
from sqlalchemy import Engine, make_url
from werkzeug.exceptions import HTTPException

from ballast import audit, config, logs, models, replica, security, sentry  # noqa: F401  every table must be known before anything asks
from ballast.config import ConfigurationError, Settings
from ballast.db import APP_ROLE, WORKER_ROLE, assume_role, current_organization, db
from ballast.errors import BallastError

WEEK = 7 * 24 * 3600
# The blueprints beside the API's, in ballast.blueprints.
PAGES: Final = (
    "start",
    "storefront",
    "checkout",
    "buy",
    "invoice_page",
    "plan_page",
    "portal",
    "explanation",
    "portal_plans",
    "plan_quotes",
    "brand",
    "images",
    "downloads",
    "auth",
    "account",
    "admin",
    "search",
    "refunds",
    "orders",
    "ledger",
    "reconciliation",
    "mails",
    "events",
    "settings",
    "go_live",
    "billing_settings",
    "card_testing",
    "shipping_settings",
    "keys",
    "payment_links",
    "customers",
    "privacy",
    "choosing",
    "subscriptions",
    "subscription_start",
    "subscription_changes",
    "subscription_acts",
    "agreements",
    "agreement_acts",
    "portfolio",
    "invoices",
    "invoice_writing",
    "credit_notes",
    "products",
    "product_pictures",
    "coupons",
    "tax_rates",
    "financing_offers",
    "lending_settings",
    "clocks",
    "disputes",
    "held",
    "radar",
    "processors",
    "processor_events",
    "webhooks",
    "webhook_deliveries",
    "audit",
    "platform",
    "platform_users",
    "platform_jobs",
    "platform_unknown",
    "hooks",
    "internal",
    "metrics",
    "health",
    "api.docs",
)
# What each line of the log says beside its text.
LOG_FIELDS: Final[logs.Sources] = {
    "request": lambda: audit.actor().request_id,
    "organization": current_organization,
}
# Called by programs, which send no token of a form.
BY_PROGRAMS: Final = ("hooks", "internal")


@dataclass(frozen=True)
class Runtime:
    """What hangs on the Flask application. `as_worker` makes one that serves as the worker, for commands that read everything."""

    settings: Settings
    role: str
    as_worker: Callable[[], Flask]


def build(role: str, settings: Settings) -> Flask:
    """The Flask application of a web process (`app`) or of a worker (`worker`)."""
    config.use(settings)
    _check_keys()
    logs.prepare(settings, LOG_FIELDS)
    sentry.prepare(settings)
    app = _worker(settings) if role == "worker" else _web(settings)
    app.extensions["ballast"] = Runtime(settings, role, partial(build, "worker", settings))
    return app


def _check_keys() -> None:
    """Raises ConfigurationError now and not when the first secret is unsealed."""
    try:
        security.keyring()
    except ValueError as error:
        raise ConfigurationError(f"ENCRYPTION_KEY cannot be used: {error}") from error


def _worker(settings: Settings) -> Flask:
    app = Flask("ballast", static_folder=None)
    _connect(app, settings, settings.worker_url, WORKER_ROLE, pool=16)
    return app


def _web(settings: Settings) -> Flask:
    from ballast import web
    from ballast.blueprints.api.docs import make_openapi

    app = make_openapi("ballast", static_folder=None)
    app.secret_key = settings.secret_key
    app.session_interface = web.Sessions()
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https://"),
        SESSION_COOKIE_NAME=_cookie_name(settings),
        PERMANENT_SESSION_LIFETIME=WEEK,
        MAX_CONTENT_LENGTH=1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        JSON_SORT_KEYS=False,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_MIN_SIZE=1400,  # what fits one packet anyway
        COMPRESS_STREAMS=False,
        COMPRESS_MIMETYPES=["text/html", "application/json", "image/svg+xml"],
    )
    _connect(app, settings, settings.database_url, APP_ROLE, pool=8)
    # Nobody waits for a replica for long: what it does not answer is read where it is written.
    options = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    connecting = options["connect_args"] | {"connect_timeout": 2}
    replica.use(settings.database_replica_url, options | {"connect_args": connecting, "pool_timeout": 2})
    app.before_request(web.start_request)  # before the extensions' own, so that what they refuse has a request id too
    _hasten(app)
    _extend(app, settings)
    _mount(app)
    _serve_static(app, settings)
    return app


def _hasten(app: Flask) -> None:
    """Inside of what finds out who asks, for the fast road notes the address too."""
    from ballast.blueprints.api.fast_create import FastCreate
    from ballast.blueprints.api.fast_read import FastRead
    from ballast.blueprints.fast_hooks import FastHooks

    with app.app_context():
        app.wsgi_app = FastHooks(FastRead(FastCreate(app, db.engine), db.engine), db.engine)  # type: ignore[method-assign]


def _cookie_name(settings: Settings) -> str:
    """Cookies do not know ports, so two local stacks in one browser each need a name of their own. Over https browsers take the name
    from this very host alone."""
    if settings.public_url.startswith("https://"):
        return "__Host-ballast"
    port = urlsplit(settings.public_url).port
    return f"ballast_{port}" if settings.ballast_env == "local" and port else "ballast"


def _connect(app: Flask, settings: Settings, url: str, role: str, pool: int) -> None:
    """Raises ConfigurationError where a role would have to be taken on a connection that PgBouncer hands to others in between."""
    if settings.database_pooling == "transaction" and make_url(url).username != role:
        raise ConfigurationError(f"With DATABASE_POOLING=transaction the address of {role} must sign in as {role}.")
    # Moments come in UTC, whatever zone server or role are set to: libpq says so as a connection begins, and PgBouncer passes it on.
    os.environ["PGTZ"] = "UTC"
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": pool,
        "max_overflow": 0,
        "pool_pre_ping": True,
        "pool_timeout": 10,
        "hide_parameters": True,  # an error's trace goes to the log: the statement may, what people typed may not
        "connect_args": {
            "connect_timeout": 5,
            "application_name": f"ballast-{role}",
            **({} if settings.prepares_statements else {"prepare_threshold": None}),
        },
    }
    db.init_app(app)
    with app.app_context():
        engine: Engine = db.engine
        assume_role(engine, role)


def _extend(app: Flask, settings: Settings) -> None:
    from flask_compress import Compress
    from flask_login import LoginManager
    from flask_wtf.csrf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from ballast import cli, migrating, templating
    from ballast.blueprints.auth import load_user

    CSRFProtect(app)
    Compress(app)
    LoginManager(app).user_loader(load_user)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    templating.prepare(app.jinja_env)
    cli.register(app)
    migrating.register(app)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=settings.trusted_proxies,
            x_proto=settings.trusted_proxies,
            x_host=settings.trusted_proxies,
        )


def _mount(app: Flask) -> None:
    from ballast import error_answers, web
    from ballast.blueprints.api import PARTS, cors

    app.before_request(cors.answer_preflight)
    app.after_request(web.finish_response)
    app.after_request(cors.allow)
    app.register_error_handler(BallastError, error_answers.on_ballast_error)
    app.register_error_handler(HTTPException, error_answers.on_http_error)
    app.register_error_handler(Exception, error_answers.on_crash)
    csrf = app.extensions["csrf"]
    for part in PARTS:
        csrf.exempt(part)
        app.register_api(part)  # type: ignore[attr-defined]
    for name in PAGES:
        blueprint = import_module(f"ballast.blueprints.{name}").blueprint
        if name in BY_PROGRAMS:
            csrf.exempt(blueprint)
        app.register_blueprint(blueprint)


def _serve_static(app: Flask, settings: Settings) -> None:
    """Content-hashed addresses are cached for a year. The local stack looks at the files anew, so that an edit is seen."""
    from whitenoise import WhiteNoise

    from ballast.templating import STATIC

    local = settings.ballast_env == "local"
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(STATIC),
        prefix="static/",
        autorefresh=local,
        max_age=0 if local else 365 * 24 * 3600,
        immutable_file_test=lambda _path, _url: not local,
    )
