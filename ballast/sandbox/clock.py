"""The sandbox's own time."""

import time


def now() -> int:
    """Return the present as whole seconds since the epoch, the only form in which processors write instants."""
    return int(time.time())
