"""Which pages may be read at the replica: those of the dashboard that only look, unless who looks has just changed something."""

from __future__ import annotations

import time
from typing import Final

from flask import request, session

from ballast import replica
from ballast.db import db

# A replica is behind by less than this, or there is something wrong with it that is seen elsewhere (docs/deploying.md).
BEHIND_SECONDS: Final = 10
CHANGED_AT: Final = "changed_at"


def begin() -> None:
    """Each request begins where everything is written."""
    replica.leave(db.session())


def read_elsewhere() -> None:
    """Read the rest of this request at the replica, if it only looks. Whoever asks was recognized before, where revocation holds at
    once."""
    has_just_changed = time.time() - session.get(CHANGED_AT, 0) < BEHIND_SECONDS
    if request.method in ("GET", "HEAD") and replica.is_known() and not has_just_changed:
        replica.read_there(db.session())


def note_change() -> None:
    """Somebody of the dashboard has sent a form: they see what came of it."""
    if request.method not in ("GET", "HEAD") and replica.is_known() and "organization" in session:
        session[CHANGED_AT] = int(time.time())
