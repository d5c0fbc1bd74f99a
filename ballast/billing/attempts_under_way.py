"""Many attempts at once: begun by the caller, taken to their processors, recorded in batches.

One thread, the tender, speaks to the database beside the caller's own, in few and large transactions, so that one works while the
other waits for Postgres; a pool of threads only waits for processors, holding no transaction and no connection. An attempt goes:
prepared at the processor (a thread), given a slot of its account's pace, marked `submitted` in one commit with others, sent when its
slot comes (a thread), recorded in one commit with others.

If the process dies …
  before an attempt is marked: nothing was charged. The resolver closes it as `not_sent` once nobody can send it any more.
  after it is marked, sent or not, answered or not: the resolver asks the processor by the charge's id, and records the truth.
A commit that fails is made again one by one; what cannot be recorded even so is the resolver's, as if the process had died.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from math import ceil
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final

from ballast import logs
from ballast.billing import outcomes, pace, payments, processing
from ballast.billing.pace import Pace, pace_of
from ballast.billing.payments import Begun
from ballast.db import organization
from ballast.notifications import drain
from ballast.processors.base import Outcome, Prepared

log = logging.getLogger(__name__)

# Attempts that are begun and not recorded: in this process, a thread for each, and as seconds of an account's pace. At 80 a second and
# 300 ms some 24 wait for their answers, twice as many for their slots, and some are being prepared, or recorded.
MOST: Final = 112
AHEAD_SECONDS: Final = 1.4
LEAST: Final = 4
# Outcomes are recorded when there are so many, or when the first of them has waited so long.
RECORD: Final = 24
LINGER_SECONDS: Final = 0.3
# Attempts are marked together, so often at most.
MARK_SECONDS: Final = 0.1
# How long the tender sleeps at most where nothing arrives.
GLANCE_SECONDS: Final = 0.05


class UnderWay:
    """The attempts of one run: a context manager, which is left when all that were added are done."""

    def __init__(self) -> None:
        self.count = self.failed = 0
        self._by_account: Counter[str] = Counter()
        self._counting = threading.Condition()
        self._is_closed = False
        self._tender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tender")
        self._pool = ThreadPoolExecutor(max_workers=MOST, thread_name_prefix="charge")
        self._back: SimpleQueue[tuple[Begun, Any]] = SimpleQueue()
        self._prepared: dict[str, list[tuple[Begun, Prepared]]] = defaultdict(list)
        self._answers: list[tuple[Begun, Outcome]] = []
        self._answered_at = self._marked_at = 0.0

    def __enter__(self) -> UnderWay:
        self._tending = drain.start(self._tender, UnderWay._tend_all, self)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        self._tender.shutdown(wait=True)
        self._pool.shutdown(wait=True)

    def room(self) -> int:
        """How many more may be begun; none once the tender has died of an error, which the log has then."""
        return 0 if self._tending.done() else MOST - self.count

    def is_idle(self) -> bool:
        """Whether nothing is under way, or nobody tends to it any more."""
        return self.count == 0 or self._tending.done()

    def wait(self, patience: float) -> None:
        """Until some are done, `patience` seconds at most."""
        with self._counting:
            self._counting.wait(patience)

    def room_at(self, account_id: str, processor: str) -> int:
        """How many more may be begun at one account: what its pace lets out soon, so that a slow one takes no other's room."""
        most = max(LEAST, ceil(pace_of(account_id, processor).per_second * AHEAD_SECONDS))
        return min(self.room(), most - self._by_account[account_id])

    def add(self, begun: Sequence[Begun]) -> None:
        """Take these to their processors. Their beginning is committed."""
        with self._counting:
            self.count += len(begun)
            self._by_account.update(one.account.id for one in begun)
        for one in begun:
            self._start(_prepare, one, one)

    def _tend_all(self) -> None:
        while not self._is_closed or self.count:
            self._tend()

    def _tend(self) -> None:
        """Send what is prepared and record what has come back; wait for either."""
        for one, answer in self._arrived():
            self._sort(one, answer)
        if time.monotonic() - self._marked_at > MARK_SECONDS and any(self._prepared.values()):
            for account_id in list(self._prepared):
                self._send_off(account_id)
            self._marked_at = time.monotonic()
        if self._answers and (len(self._answers) >= RECORD or self._is_late()):
            self._record()

    def _arrived(self) -> list[tuple[Begun, Any]]:
        found = []
        try:
            found.append(self._back.get(timeout=GLANCE_SECONDS))
            while True:
                found.append(self._back.get_nowait())
        except Empty:
            return found

    def _sort(self, one: Begun, answer: Any) -> None:
        if isinstance(answer, Prepared):
            self._prepared[one.account.id].append((one, answer))
        elif isinstance(answer, Exception):
            self.failed += 1
            self._drop(one)
        else:
            if not self._answers:
                self._answered_at = time.monotonic()
            self._answers.append((one, answer))

    def _is_late(self) -> bool:
        return time.monotonic() - self._answered_at > LINGER_SECONDS or len(self._answers) == self.count

    def _send_off(self, account_id: str) -> None:
        """Mark as many as there are slots for, and let them go at their slots."""
        waiting = self._prepared[account_id]
        if not waiting:
            return
        slots = self._pace(waiting[0][0]).take(len(waiting))
        going, self._prepared[account_id] = waiting[: len(slots)], waiting[len(slots) :]
        if not going:
            return
        deadlines = _all_or_each(
            going, payments.mark_submitted, lambda one, said: payments.mark_submitted([(one, said)])
        )
        for (one, prepared), slot in zip(going, slots, strict=True):
            deadline = deadlines.get(one.attempt_id)
            if deadline is None:
                self._drop(one)  # Too late, or not to be marked: nothing is sent, and the attempt is the resolver's.
            else:
                charge = replace(one.charge, external_id=prepared.external_id)
                self._start(_submit, one, (one.account, charge, deadline, slot))

    @staticmethod
    def _pace(one: Begun) -> Pace:
        return pace_of(one.account.id, one.account.processor)

    def _record(self) -> None:
        answers, self._answers = self._answers, []
        by_owner: dict[str, list[tuple[Begun, Outcome]]] = defaultdict(list)
        for one, outcome in answers:
            by_owner[one.organization_id].append((one, outcome))
        for owner, several in by_owner.items():
            with organization(owner):
                self._record_of(owner, several)
        self._drop(*(one for one, _ in answers))

    def _record_of(self, owner: str, several: list[tuple[Begun, Outcome]]) -> None:
        def record_all(some: Sequence[tuple[Begun, Outcome]]) -> dict[str, bool]:
            outcomes.record_all(owner, {one.attempt_id: outcome for one, outcome in some})
            return {one.attempt_id: True for one, _ in some}

        def record(one: Begun, outcome: Outcome) -> dict[str, bool]:
            outcomes.record(owner, one.attempt_id, outcome)
            return {one.attempt_id: True}

        self.failed += len(several) - len(_all_or_each(several, record_all, record))

    def _drop(self, *done: Begun) -> None:
        with self._counting:
            self.count -= len(done)
            self._by_account.subtract(one.account.id for one in done)
            self._counting.notify_all()

    def _start(self, work: Callable[[Any], Any], one: Begun, given: Any) -> None:
        future = drain.start(self._pool, work, given)
        future.add_done_callback(partial(self._land, one))

    def _land(self, one: Begun, future: Future[Any]) -> None:
        self._back.put((one, future.result()))


def _prepare(one: Begun) -> Prepared | Outcome:
    with logs.about(payment=one.charge.payment_id, attempt=one.attempt_id):
        return processing.send(one.account, lambda adapter: adapter.prepare(one.charge), one.send_by)


def _submit(given: tuple[processing.Account, Any, Any, float]) -> Outcome:
    account, charge, deadline, slot = given
    pace.keep(account.id, account.processor, slot)
    with logs.about(payment=charge.payment_id, attempt=charge.reference):
        return processing.send(account, lambda adapter: adapter.submit(charge), deadline)


def _all_or_each(
    several: Sequence[tuple[Begun, Any]],
    act: Callable[[Sequence[tuple[Begun, Any]]], dict[str, Any]],
    act_on_one: Callable[[Begun, Any], dict[str, Any]],
) -> dict[str, Any]:
    """What `act` answers, by attempt, for all in one transaction; where that fails, what comes of each that works alone."""
    try:
        return act(several)
    except Exception:
        log.warning("a batch of %s failed, and is done one by one", len(several), exc_info=True)
    done: dict[str, Any] = {}
    for one, said in several:
        try:
            done |= act_on_one(one, said)
        except Exception:
            log.exception("an attempt could not be moved on: %s", one.attempt_id)
    return done
