"""The walls one at a time: each with the other taken away."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import select

from ballast.db import db, organization
from ballast.local.postgres import Postgres
from ballast.models import Payment
from tests.app import test_routes as routes
from tests.app.populated import Known, populate
from tests.world import World, csrf


# --- Tenant isolation: the program's own filters, without row-level security ---------------------------------------------------


@pytest.fixture
def known(world: World, postgres: Postgres) -> Known:
    """What the stranger got hold of."""
    return populate(world, postgres.owner_url)


@pytest.fixture
def no_row_level_security(known: Known, superuser: psycopg.Connection) -> Iterator[None]:
    """The serving role passes every policy; new connections, for a plan that was made behind the wall keeps it."""
    try:
        superuser.execute("alter role ballast_app bypassrls")
        _reconnect()
        yield
    finally:
        superuser.execute("alter role ballast_app nobypassrls")
        _reconnect()


def _reconnect() -> None:
    db.session.remove()
    db.engine.dispose()


@pytest.mark.usefixtures("no_row_level_security")
def test_without_row_level_security_the_programs_own_filters_still_show_a_stranger_nothing(
    world: World, known: Known
) -> None:
    with organization(world.stranger.id):
        assert db.session.scalars(select(Payment)).first() is not None, "the wall still stands: this proves nothing"
        db.session.rollback()
    routes.test_a_strangers_key_gets_nothing_of_acmes(world, known)
    routes.test_a_strangers_session_gets_nothing_of_acmes(world, known)
    routes.test_a_stranger_cannot_charge_acmes_customer_or_confirm_acmes_payment(world, known)
