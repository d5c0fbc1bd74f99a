"""What somebody does at the processor itself, past Ballast."""

from __future__ import annotations

import requests
from sqlalchemy import select

from ballast.billing import processing
from ballast.db import db, organization
from ballast.models import Attempt, ProcessorAccount
from tests.world import World


def refund_at_the_processor(world: World, payment_id: str) -> None:
    """Refund the whole payment in the processor's own dashboard."""
    db.session.rollback()
    with organization(world.acme.id):
        attempt = db.session.scalars(select(Attempt).where(Attempt.payment_id == payment_id)).one()
        account = db.session.scalars(select(ProcessorAccount)).one()
        secret, external_id = processing.open_account(account).credentials.secret_key, attempt.external_id
    db.session.rollback()
    answer = requests.post(
        f"{world.sandbox_url}/v1/refunds", data={"payment_intent": external_id}, auth=(secret, ""), timeout=5
    )
    answer.raise_for_status()
