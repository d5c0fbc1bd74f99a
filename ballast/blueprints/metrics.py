"""What Prometheus scrapes: what every process of the deployment counted, and what a worker measured last. One address is enough."""

from __future__ import annotations

from flask import Blueprint, Response, request
from redis.exceptions import RedisError

from ballast import config, metrics
from ballast.errors import BallastError, NotFound, Unauthenticated
from ballast.security import same

blueprint = Blueprint("metrics", __name__)


@blueprint.before_request
def require_token() -> None:
    """METRICS_TOKEN as bearer token. Raises NotFound where none is set: then there is nothing here; Unauthenticated."""
    expected = config.current().metrics_token
    if not expected:
        raise NotFound("address")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(given.strip(), expected):
        raise Unauthenticated("metrics_token_invalid", "Send the metrics token as Authorization: Bearer.")


@blueprint.get("/metrics")
def show() -> Response:
    """All of it, as text. Asks Redis alone. Raises BallastError(`queue_unavailable`)."""
    try:
        told = metrics.read()
    except (RedisError, OSError) as error:
        raise BallastError("queue_unavailable", "Redis is away, and with it what was counted.", status=503) from error
    return Response(told, content_type="text/plain; version=0.0.4; charset=utf-8")
