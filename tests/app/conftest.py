"""What the tests of the application as a whole share."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ballast.db import db
from ballast.local.postgres import Postgres
from tests.app.populated import Known, populate
from tests.rows import KeptRows, empty
from tests.world import World


@pytest.fixture(scope="session")
def kept_known() -> dict[str, Any]:
    """What `known` has made once."""
    return {}


@pytest.fixture
def known(world: World, kept_known: dict[str, Any], postgres: Postgres, superuser: psycopg.Connection) -> Known:
    """What a stranger got hold of: ids of an Acme with rows in every table. To put the rows back takes a hundredth of the time that
    making them takes; the sandbox, which has nothing of them then, is never asked about them."""
    if not kept_known:
        made = populate(world, postgres.owner_url)
        db.session.remove()
        kept_known.update(known=made, rows=KeptRows(superuser))
    else:
        empty(superuser)
        kept_known["rows"].put_back()
    found: Known = kept_known["known"]
    return found
