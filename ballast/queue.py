"""RQ: the wake-up, never the job. What must happen is a row in Postgres; this only makes it prompt.

A wake-up is best effort: its own Redis client without retries and with 250 ms timeouts, errors counted and logged, no unique job id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from functools import cache, partial

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue

from ballast import config, metrics

log = logging.getLogger(__name__)

QUEUES = ("payments", "inbox", "webhooks", "emails", "charges", "default")

DELIVER = "ballast.notifications.webhooks.deliver_due"
SEND_EMAILS = "ballast.notifications.emails.send_due"
APPLY_INBOX = "ballast.billing.inbox.apply_due"
RESOLVE = "ballast.billing.resolver.resolve_due"
REFUND = "ballast.billing.refunds.submit_due"
RELEASE_LATE = "ballast.billing.late_releases.release_due"
HOLDS = "ballast.billing.holds.act_due"
REMOVE_CARDS = "ballast.billing.card_removal.remove_due"
SET_UP_CARDS = "ballast.billing.new_cards.finish_due"
STORE_CARDS = "ballast.billing.cards.store_due"
RELEASE_STOCK = "ballast.billing.stock.release_due"
RELEASE_COUPONS = "ballast.billing.redemptions.release_due"
EXPIRE_SESSIONS = "ballast.billing.checkout_sessions.expire_due"
ABANDON_DRAFTS = "ballast.billing.abandoned_plans.cancel_due"
ANSWER_DISPUTES = "ballast.billing.dispute_answers.send_due"
SEAL_AUDIT = "ballast.audit.seals.seal_due"
REMIND = "ballast.billing.subscriptions.reminding.remind_due"
CARD_EXPIRY = "ballast.billing.subscriptions.reminding.warn_of_expiry"
ADVANCE_CLOCKS = "ballast.billing.clocks.advance_due"
ADD_FIGURES = "ballast.billing.rollups.add_due"
MEASURE = "ballast.billing.measuring.measure_due"
RECONCILE = "ballast.billing.reconciliation.days.reconcile_due"
CHARGE_SUBSCRIPTIONS = "ballast.billing.subscriptions.charging.charge_due"
CHARGE_FINANCING = "ballast.billing.financing.charging.charge_due"
FINANCING_LATENESS = "ballast.billing.financing.lateness.look_due"
FINANCING_ACCRUAL = "ballast.billing.financing.accrual.accrue_due"
FINANCING_REMIND = "ballast.billing.financing.reminding.remind_due"
FINANCING_CARD_EXPIRY = "ballast.billing.financing.reminding.warn_of_expiry"

# job → (queue, sweep every n seconds). The sweepers find whatever a lost wake-up left behind.
SCHEDULE: dict[str, tuple[str, int]] = {
    DELIVER: ("webhooks", 5),
    SEND_EMAILS: ("emails", 5),
    APPLY_INBOX: ("inbox", 5),
    RESOLVE: ("payments", 5),
    REFUND: ("payments", 10),
    HOLDS: ("payments", 10),
    RELEASE_LATE: ("payments", 30),
    STORE_CARDS: ("payments", 10),
    SET_UP_CARDS: ("payments", 10),
    REMOVE_CARDS: ("payments", 10),
    ANSWER_DISPUTES: ("payments", 10),
    SEAL_AUDIT: ("default", 300),
    EXPIRE_SESSIONS: ("payments", 30),
    RELEASE_STOCK: ("default", 30),
    RELEASE_COUPONS: ("default", 30),
    ABANDON_DRAFTS: ("default", 300),
    "ballast.billing.authorizations.expire_due": ("payments", 300),
    CHARGE_SUBSCRIPTIONS: ("charges", 10),
    CHARGE_FINANCING: ("charges", 10),
    FINANCING_LATENESS: ("charges", 30),
    FINANCING_ACCRUAL: ("default", 600),
    FINANCING_REMIND: ("default", 60),
    FINANCING_CARD_EXPIRY: ("default", 3600),
    ADVANCE_CLOCKS: ("charges", 5),
    ADD_FIGURES: ("default", 30),
    RECONCILE: ("default", 300),
    MEASURE: ("payments", 15),
    REMIND: ("default", 60),
    CARD_EXPIRY: ("default", 3600),
    "ballast.billing.idempotency.forget_expired": ("default", 3600),
}
# The net under a batch's own deadline: RQ's timeout raises in the main thread, so it must never be what ends a batch.
JOB_TIMEOUT = 600
# One waiting wake-up per job is enough; the mark is lifted by the job itself, and by time if the worker died.
MARK_SECONDS = 5

lost_wake_ups = 0
# By address of the queue: a server that was silent is left alone until then, so that it slows one request and not all of them.
_left_alone_until: dict[str, float] = {}


@cache
def _waker(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25, retry=Retry(NoBackoff(), 0))


def client() -> Redis:
    """A client for pages, which would rather not know than wait."""
    return _waker(config.current().redis_url)


def connect(url: str) -> Redis:
    """A client for workers, with redis-py's own retries."""
    return Redis.from_url(url, health_check_interval=30)


def wake(job: str) -> None:
    """Ask a worker to run `job` (a dotted name from SCHEDULE) once the running transaction has committed."""
    from ballast.db import after_commit  # not at the top: cron, which wakes by the clock, loads no database

    after_commit(_Wake(job))


class _Wake(partial[None]):
    """Equal for the same job, so that one commit wakes a worker once."""

    def __new__(cls, job: str) -> _Wake:
        return super().__new__(cls, wake_now, job)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wake) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


def wake_now(job: str) -> None:
    """Enqueue `job` unless one is waiting already. Never raises: the sweeper comes anyway."""
    ask(job)


def ask(job: str) -> bool:
    """As `wake_now`; answers whether one is waiting now, False where the wake-up was lost."""
    url = config.current().redis_url
    if time.monotonic() < _left_alone_until.get(url, 0):
        _lose(job)
        return False
    try:
        connection = _waker(url)
        if connection.set(f"ballast:woken:{job}", "1", nx=True, ex=MARK_SECONDS):
            queue = Queue(SCHEDULE[job][0], connection=connection)
            queue.enqueue(job, job_timeout=JOB_TIMEOUT, ttl=60, result_ttl=0, failure_ttl=86_400)
    except (RedisError, OSError) as error:
        _lose(job)
        _left_alone_until[url] = time.monotonic() + MARK_SECONDS
        log.warning("wake-up lost: %s (%s)", job, error)
        return False
    return True


def _lose(job: str) -> None:
    global lost_wake_ups
    lost_wake_ups += 1
    metrics.count("ballast_wake_ups_lost_total", job=job)


def anything_waits(names: Collection[str]) -> bool:
    """Whether a wake-up waits in one of these queues. While Redis is away none does."""
    try:
        with _waker(config.current().redis_url).pipeline(transaction=False) as asked:
            for name in names:
                asked.llen(Queue.redis_queue_namespace_prefix + name)
            return any(asked.execute())
    except (RedisError, OSError):
        return False


def forget_mark(job: str) -> None:
    """Called by a job before it claims: rows committed from here on wake a worker again."""
    try:
        _waker(config.current().redis_url).delete(f"ballast:woken:{job}")
    except (RedisError, OSError) as error:
        log.warning("could not lift the mark of %s: %s", job, error)
