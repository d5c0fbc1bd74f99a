"""What Square lists of a window of time beside charges and refunds: payouts, and disputes that were opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from square import Square

from ballast.processors import square_answers as answers
from ballast.processors.base import UnavailableError
from ballast.processors.lists import ListedPayout
from ballast.processors.square_answers import FAILURES
from ballast.processors.square_client import ONCE, ask, instant

PAGE: Final = 100


def list_payouts(client: Square, location: str | None, start: datetime, end: datetime) -> Iterator[ListedPayout]:
    """Yield the payouts created in the window. Raises UnavailableError."""
    window: dict[str, Any] = {"begin_time": instant(start), "end_time": instant(end), "location_id": location}
    try:
        found = ask(client.payouts.list, **window, limit=PAGE, request_options=ONCE)
        yield from (line for line in map(answers.read_payout, found) if start <= line.created_at < end)
    except FAILURES as error:
        raise UnavailableError(answers.read_reason(error)) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UnavailableError("unreadable_answer") from error


def list_disputes(client: Square, location: str | None, start: datetime, end: datetime) -> Iterator[str]:
    """Yield the ids of those opened in the window; Square lists all there are, and takes no dates. Raises UnavailableError."""
    try:
        for one in ask(client.disputes.list, location_id=location, request_options=ONCE):
            if start <= datetime.fromisoformat(one.created_at) < end:
                yield str(one.id)
    except FAILURES as error:
        raise UnavailableError(answers.read_reason(error)) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UnavailableError("unreadable_answer") from error
