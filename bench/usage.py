"""CPU and memory of the stack's processes, children included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil


def family(pid: int) -> list[psutil.Process]:
    """A process and all it started."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """CPU that a process and those it started have used so far, those that have ended included."""
    used = 0.0
    for one in family(pid):
        with suppress(psutil.NoSuchProcess):
            used += sum(one.cpu_times()[:4])
    return used


@contextmanager
def measured(local: dict[str, Any]) -> Iterator[dict[str, float]]:
    """The dict is filled at the end of the block: CPU seconds by part of the stack, and the block's own `wall` seconds."""
    before = {name: cpu_seconds(pid) for name, pid in local["pids"].items()}
    began, used = time.monotonic(), dict[str, float]()
    yield used
    used["wall"] = time.monotonic() - began
    used |= {name: cpu_seconds(local["pids"][name]) - spent for name, spent in before.items()}


def memory(pid: int, alone: bool = False) -> dict[str, float]:
    """MB of a process and those it started, or of it `alone`: `rss` as they are told, `pss` with what they share counted once.

    What is shared with processes of somebody else (the same libraries of C) is counted in part.
    """
    found = [one.memory_full_info() for one in ([psutil.Process(pid)] if alone else family(pid))]
    return {"rss": sum(one.rss for one in found) / 1e6, "pss": sum(one.pss for one in found) / 1e6}
