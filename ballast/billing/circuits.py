"""Which processor accounts answer at all.

Counting failures and closing again is pybreaker's, with one breaker for each account in each process. A breaker that opens pauses its
account for everybody by a time in the account's row: until then it is not offered for new cards (see `routing`). What is bound to the
account already, a stored card, a refund, an open outcome, is asked for all the same.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from pybreaker import STATE_OPEN, CircuitBreaker, CircuitBreakerError
from sqlalchemy import update

from ballast.clock import real_time
from ballast.db import transaction
from ballast.models import ProcessorAccount

log = logging.getLogger(__name__)

# So many calls in a row without an answer, and how long the account is left alone then.
FAILURES: Final = 5
PAUSE: Final = timedelta(seconds=30)


def paused_since(account: ProcessorAccount) -> datetime | None:
    """Since when the account is left alone, None if it is not. A pause that was prolonged counts from its last beginning."""
    until = account.paused_until
    return until - PAUSE if until is not None and until > real_time() else None


class NoAnswerError(Exception):
    """A call that the processor did not answer, as the breaker sees it."""


def note(organization_id: str, account_id: str, answered: bool) -> None:
    """Count a call to an account. Called after it, without a transaction; opens one only when the circuit does."""
    breaker = _breaker(account_id)
    try:
        breaker.call(_repeat, answered)
    except CircuitBreakerError:
        return  # The pause is not over.
    except NoAnswerError:
        if breaker.current_state == STATE_OPEN:
            _pause(organization_id, account_id)


@lru_cache(maxsize=1024)
def _breaker(account_id: str) -> CircuitBreaker:
    return CircuitBreaker(FAILURES, PAUSE.total_seconds(), name=account_id, throw_new_error_on_trip=False)


def _repeat(answered: bool) -> None:
    """The breaker holds a lock around what it guards, so the call itself is made before."""
    if not answered:
        raise NoAnswerError


def _pause(organization_id: str, account_id: str) -> None:
    until = real_time() + PAUSE
    log.warning("processor account %s does not answer: not offered for new cards until %s", account_id, until)
    with transaction() as session:
        session.execute(
            update(ProcessorAccount)
            .where(ProcessorAccount.organization_id == organization_id, ProcessorAccount.id == account_id)
            .values(paused_until=until)
            .execution_options(synchronize_session=False)
        )
