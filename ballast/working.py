"""What the queues and workers are doing, read from Redis: what waits, who works, what failed and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry

from ballast import queue
from ballast.errors import BallastError, NotFound

MOST_FAILED: Final = 50
# Job → the name its runs go by on record; the others put none on record.
RUNS: Final = {
    queue.DELIVER: "deliver_webhooks",
    queue.SEND_EMAILS: "send_emails",
    queue.APPLY_INBOX: "apply_inbox",
    queue.RESOLVE: "resolve_attempts",
    queue.REFUND: "submit_refunds",
    queue.HOLDS: "act_on_holds",
    queue.STORE_CARDS: "store_cards",
    queue.SET_UP_CARDS: "set_up_cards",
    queue.REMOVE_CARDS: "remove_cards",
    queue.ANSWER_DISPUTES: "dispute_actions",
    queue.EXPIRE_SESSIONS: "expire_checkout_sessions",
    queue.ADD_FIGURES: "add_figures",
    queue.RECONCILE: "reconcile",
    queue.CHARGE_SUBSCRIPTIONS: "charge_subscriptions",
    queue.ADVANCE_CLOCKS: "advance_clocks",
    queue.REMIND: "send_upcoming_charge_reminders",
    "ballast.billing.authorizations.expire_due": "expire_authorizations",
}


@dataclass(frozen=True)
class Line:
    """A queue: wake-ups that wait, run now and failed within a day."""

    name: str
    waiting: int
    running: int
    failed: int


@dataclass(frozen=True)
class Hand:
    """A worker process."""

    name: str
    state: str
    queues: list[str]
    done: int
    failed: int
    since: datetime | None
    seen: datetime | None


@dataclass(frozen=True)
class Failure:
    """A job that raised. `trace`: the whole of it."""

    id: str
    job: str
    queue: str
    ended: datetime | None
    trace: str

    @property
    def reason(self) -> str:
        """The last line of the trace."""
        return self.trace.strip().rpartition("\n")[2][:200] or "No trace was kept"


@dataclass(frozen=True)
class State:
    """All of it at one moment."""

    lines: list[Line]
    hands: list[Hand]
    failures: list[Failure]


def look() -> State:
    """How it stands. Raises BallastError(`queue_unavailable`)."""
    try:
        queues = _queues()
        lines = [_line(one) for one in queues]
        ids = [id_ for one in queues for id_ in FailedJobRegistry(queue=one).get_job_ids(desc=True)][:MOST_FAILED]
        found = [one for one in Job.fetch_many(ids, connection=queue.client()) if one is not None]
        hands = [_hand(one) for one in Worker.all(connection=queue.client())]
    except (RedisError, OSError) as error:
        raise _away() from error
    return State(lines, sorted(hands, key=lambda one: one.name), [_failure(one) for one in found])


def _queues() -> list[Queue]:
    return [Queue(name, connection=queue.client()) for name in queue.QUEUES]


def _line(one: Queue) -> Line:
    running, failed = StartedJobRegistry(queue=one), FailedJobRegistry(queue=one)
    return Line(one.name, one.count, running.get_job_count(cleanup=False), failed.get_job_count(cleanup=False))


def _hand(one: Any) -> Hand:
    counts = (one.successful_job_count, one.failed_job_count)
    return Hand(one.name, str(one.get_state()), one.queue_names(), *counts, one.birth_date, one.last_heartbeat)


def _failure(one: Job) -> Failure:
    last = one.latest_result()
    trace = (last.exc_string if last else None) or ""
    return Failure(one.id, one.func_name or "", one.origin or "", one.ended_at, trace)


def failure(job_id: str) -> Failure:
    """One job that failed. Raises NotFound, BallastError(`queue_unavailable`)."""
    return _failure(_failed(job_id))


def retry(job_id: str) -> None:
    """Put it into its queue again. Raises NotFound, BallastError(`queue_unavailable`)."""
    _failed(job_id).requeue()


def forget(job_id: str) -> None:
    """Keep it no longer. Its rows wait in Postgres as before. Raises NotFound, BallastError(`queue_unavailable`)."""
    _failed(job_id).delete()


def _failed(job_id: str) -> Job:
    try:
        found = Job.fetch(job_id, connection=queue.client())
        failed = found.is_failed and found.func_name in queue.SCHEDULE
    except NoSuchJobError as error:
        raise NotFound("job", job_id[:80]) from error
    except (RedisError, OSError) as error:
        raise _away() from error
    if not failed:
        raise NotFound("job", job_id[:80])
    return found


def _away() -> BallastError:
    return BallastError("queue_unavailable", "Redis is away. The sweepers run the jobs once it is back.", status=503)
