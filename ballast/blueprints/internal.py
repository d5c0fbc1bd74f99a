"""For our own machines: have a job of the schedule run now, from a cron or a runbook elsewhere. One bearer token for all of it."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify, request

from ballast import config, queue
from ballast.errors import BallastError, NotFound, Unauthenticated
from ballast.security import same

blueprint = Blueprint("internal", __name__, url_prefix="/internal")

PREFIX: Final = "ballast."


@blueprint.before_request
def require_token() -> None:
    """JOBS_INTERNAL_API_TOKEN as bearer token. Raises NotFound where none is set: then there is nothing here; Unauthenticated."""
    expected = config.current().jobs_internal_api_token
    if not expected:
        raise NotFound("address")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(given.strip(), expected):
        raise Unauthenticated("internal_token_invalid", "Send the internal token as Authorization: Bearer.")


@blueprint.post("/jobs/<name>")
def run_job(name: str) -> tuple[Response, int]:
    """Have a worker run a job now, by its name in `queue.SCHEDULE` (`notifications.emails.send_due`); 202 once it waits in its queue.

    The worker's role runs it and not the web's, which sees one organization at a time.
    Raises NotFound, BallastError(`queue_unavailable`).
    """
    job = name if name.startswith(PREFIX) else PREFIX + name
    if job not in queue.SCHEDULE:
        raise NotFound("job", name[:80])
    if not queue.ask(job):
        raise BallastError("queue_unavailable", "Redis is away. The sweepers run the job once it is back.", status=503)
    return jsonify(job=job, queue=queue.SCHEDULE[job][0], status="enqueued"), 202
