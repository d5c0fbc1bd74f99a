"""The stack a campaign runs on: everything twice that may run twice, and clocks that move."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.chaos.campaign import standing
from tests.stack import Stack


class DoubledStack(Stack):
    """Two workers and two crons, from outside. `has_clocks`: whether their clocks, and the web server's, can be moved."""

    program = ("-m", "tests.chaos.campaign.standing")
    starts_within = 300.0

    def __init__(self, folder: Path, has_clocks: bool = True) -> None:
        super().__init__(folder)
        self.has_clocks = has_clocks and standing.can_move_clocks()

    def begin(self, **extra: str) -> None:
        if self.has_clocks:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.state / standing.CLOCK).touch()
            self.jump(0)
        super().begin(**extra)

    def jump(self, seconds: int) -> None:
        """From now on the application believes it is so much later than it is, or earlier."""
        with (self.state / standing.CLOCK).open("r+b") as clock:
            clock.write(seconds.to_bytes(8, sys.byteorder, signed=True))
