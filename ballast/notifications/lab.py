"""The contract lab: what an endpoint does with a duplicate, a reordered pair, a late, a badly signed and an old event.

Nothing it sends is about money: all are test events, kept nowhere. What must be taken has numbers of the endpoint's own sequence, so
that a consumer that looks for gaps finds none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from ballast import audit, config
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import Event, Organization, WebhookEndpoint
from ballast.models.outbox import API_VERSION
from ballast.notifications import endpoints, lanes
from ballast.notifications.catalog import TEST_EVENT
from ballast.notifications.posting import Answer, post
from ballast.notifications.signatures import body_of, signed_headers, unseal
from ballast.security import new_webhook_secret

# Reference libraries take a timestamp that is at most five minutes off.
OLD: Final = timedelta(minutes=10)
LATE: Final = timedelta(hours=3)


@dataclass(frozen=True)
class Letter:
    """One POST of the lab."""

    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Exam:
    """What is sent, one after the other, and whether it is to be taken (2xx) or refused (4xx)."""

    name: str
    says: str
    to_be_taken: bool
    letters: Sequence[Letter]


@dataclass(frozen=True)
class Finding:
    """What came of an exam. `verdict`: passed, failed or unanswered."""

    name: str
    says: str
    to_be_taken: bool
    answers: list[Answer]

    @property
    def verdict(self) -> str:
        if any(answer.status is None or answer.status >= 500 for answer in self.answers):
            return "unanswered"
        taken = [answer.reason is None for answer in self.answers]
        refused = [400 <= (answer.status or 0) < 500 for answer in self.answers]
        return "passed" if all(taken if self.to_be_taken else refused) else "failed"


def run(organization_id: str, endpoint_id: str) -> list[Finding]:
    """Send everything, at most a few calls at once, and say what was answered. Commits; no connection is held while it waits.

    Raises NotFound, Conflict(`endpoint_disabled`).
    """
    with transaction():
        endpoint = endpoints.find(organization_id, endpoint_id, lock=True)
        endpoints.refuse_disabled(endpoint)
        exams, url = _exams(endpoint), endpoint.url
        mode = db.session.scalars(select(Organization.mode).where(Organization.id == organization_id)).one()
        audit.record(organization_id, "webhook_endpoint.examined", "webhook_endpoint", endpoint_id)
    may_be_private, timeout = lanes.may_be_private(mode), config.current().webhook_timeout

    def sit(exam: Exam) -> Finding:
        answers = [post(url, one.body, one.headers, timeout, allow_private=may_be_private) for one in exam.letters]
        return Finding(exam.name, exam.says, exam.to_be_taken, answers)

    with ThreadPoolExecutor(max_workers=len(exams)) as pool:
        return list(pool.map(sit, exams))


def _exams(endpoint: WebhookEndpoint) -> list[Exam]:
    secret = unseal(endpoint.id, (endpoint.secret,))[0]
    first = lanes.take_numbers(endpoint.organization_id, endpoint.id, 4)
    letter = _writer(endpoint, secret)
    twice, earlier, later = letter(first), letter(first + 1), letter(first + 2)
    return [
        Exam("duplicate", "The same event twice, with the same id. Take both; do its work once.", True, [twice] * 2),
        Exam(
            "reordered",
            "Two events, the later one first. Take both; the sequence says the order.",
            True,
            [later, earlier],
        ),
        Exam(
            "late",
            "An event of three hours ago, signed now, as after a retry. Take it.",
            True,
            [letter(first + 3, late=LATE)],
        ),
        Exam(
            "badly signed",
            "Signed with another secret, as by a stranger. Refuse it with 400 or 401.",
            False,
            [_writer(endpoint, new_webhook_secret())(first)],
        ),
        Exam(
            "old",
            "Signed rightly, ten minutes ago, as by someone who kept a copy. Refuse it with 400 or 401.",
            False,
            [letter(first, signed_before=OLD)],
        ),
    ]


def _writer(endpoint: WebhookEndpoint, secret: str) -> Callable[..., Letter]:
    data = endpoints.test_data(endpoint)

    def write(sequence: int, late: timedelta = timedelta(), signed_before: timedelta = timedelta()) -> Letter:
        event = Event(
            id=new_id("evt"), type=TEST_EVENT, api_version=API_VERSION, data=data, created_at=real_time() - late
        )
        body = body_of(event, sequence)
        at = int((real_time() - signed_before).timestamp())
        return Letter(body, signed_headers(event.id, body, [secret], at))

    return write
