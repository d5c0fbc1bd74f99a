"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `mend`: what to do about it, None where there is nothing to do."""

    check: str
    state: Literal["ok", "warn", "fail"]
    said: str
    mend: str | None = None


def ok(check: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", said)


def warn(check: str, said: str, mend: str) -> Finding:
    """It works, and will not always."""
    return Finding(check, "warn", said, mend)


def fail(check: str, said: str, mend: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(check, "fail", said, mend)
