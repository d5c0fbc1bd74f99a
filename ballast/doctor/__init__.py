"""`flask doctor`: looks at everything a deployment stands on, and says of each thing that is wrong what mends it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ballast.db import db
from ballast.doctor import database, depth, machine, reaching, waiting
from ballast.doctor.finding import Finding, fail

log = logging.getLogger(__name__)

CHECKS = (*machine.CHECKS, *database.CHECKS, *waiting.CHECKS, *reaching.CHECKS)


def examine(deep: bool = False) -> Iterator[Finding]:
    """Look at each thing in its turn, as the worker's role; a check that fails itself is a finding too, and the rest go on.

    `deep`: the audit log and the ledger are verified whole as well, which reads all of them.
    """
    for check in (*CHECKS, *depth.CHECKS) if deep else CHECKS:
        try:
            yield from check()
        except Exception as error:
            log.debug("a check failed", exc_info=True)
            db.session.rollback()
            yield fail(
                check.__name__,
                f"Could not be looked at: {type(error).__name__}: {error}"[:300],
                "Mend what is above first.",
            )
