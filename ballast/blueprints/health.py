"""Whether we are up, and whether what we depend on is."""

from __future__ import annotations

import os

from flask import Blueprint, Response, jsonify
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ballast import config
from ballast.clock import real_time
from ballast.db import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Alive: answers without asking anything else."""
    return jsonify(status="ok", timestamp=real_time().isoformat())


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Ready: Postgres must answer, and this server must not be on its way out. Redis only wakes workers, so without it we are
    slower but whole."""
    postgres, redis, leaving = _postgres(), _redis(), _is_leaving()
    works = "ok" if redis == "ok" else "degraded"
    body = {
        "status": "leaving" if leaving else works if postgres == "ok" else "unavailable",
        "timestamp": real_time().isoformat(),
        "depends_on": {"postgres": postgres, "redis": redis},
    }
    return jsonify(body), 200 if postgres == "ok" and not leaving else 503


def _is_leaving() -> bool:
    """Whether `ballast.serving`, whose process this is, was told to stop: it makes a file of this name then."""
    name = os.environ.get("BALLAST_LEAVING")
    return bool(name) and os.path.exists(name or "")


def _postgres() -> str:
    try:
        db.session.execute(text("select 1"))
    except SQLAlchemyError as error:
        return type(error).__name__
    return "ok"


def _redis() -> str:
    try:
        with Redis.from_url(
            config.current().redis_url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (RedisError, OSError) as error:
        return type(error).__name__
    return "ok"
