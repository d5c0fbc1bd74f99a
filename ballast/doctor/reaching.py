"""The world outside: whether processors answer us, and whether they could reach us."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import urllib3
from sqlalchemy import func, select
from urllib3.exceptions import HTTPError

from ballast import config
from ballast.billing import processing
from ballast.clock import real_time
from ballast.db import db, end_reading
from ballast.doctor.finding import Finding, fail, ok, warn
from ballast.models import Organization, ProcessorAccount, Reconciliation

HTTP_OK: Final = 200
PATIENCE: Final = urllib3.Timeout(connect=3, read=5)
LATELY: Final = timedelta(days=3)


def processors() -> Iterator[Finding]:
    """Whether each account in use opens with its keys."""
    wanted = select(ProcessorAccount, Organization.slug).join(
        Organization, Organization.id == ProcessorAccount.organization_id
    )
    used = wanted.where(ProcessorAccount.archived_at.is_(None), ProcessorAccount.enabled)
    opened, broken = [], []
    for account, slug in db.session.execute(used.order_by(Organization.slug, ProcessorAccount.id)):
        name = f"{slug}'s {account.processor} account {account.external_account}"
        try:
            opened.append((name, processing.open_account(account)))
        except ValueError as error:
            broken.append((name, str(error)))
    end_reading()
    for name, said in broken:
        yield fail(
            "processors",
            f"The keys of {name} cannot be read: {said}.",
            "Put back the ENCRYPTION_KEY they were sealed with.",
        )
    for name, one in opened:
        found = processing.read(one, lambda adapter: adapter.check())
        if found.problem:
            yield fail("processors", f"{name}: {found.problem}", "Try the keys under Settings, Processors.")
        else:
            yield ok("processors", f"{name} answers.")


def webhooks() -> Iterator[Finding]:
    """Whether PUBLIC_URL leads here, as a processor would come."""
    url = config.current().public_url
    try:
        with urllib3.PoolManager(timeout=PATIENCE, retries=False) as pool:
            status = pool.request("GET", f"{url}/health").status
    except HTTPError as error:
        status = 0
        said = f"Nothing answers at {url} ({type(error).__name__})."
    else:
        said = f"{url}/health answers {status}."
    mend = "Processors cannot tell us anything: set PUBLIC_URL to the address that leads here, and open the way to it."
    yield ok("webhooks", said) if status == HTTP_OK else fail("webhooks", said, mend)
    unheard = db.session.scalar(
        select(func.sum(Reconciliation.unheard)).where(Reconciliation.finished_at > real_time() - LATELY)
    )
    if unheard:
        said = f"{int(unheard)} charges of the last days came without an event."
        yield warn("webhooks", said, "Register the webhook address again under Settings, Processors.")


CHECKS: Final = (processors, webhooks)
