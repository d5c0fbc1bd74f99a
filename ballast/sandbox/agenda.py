"""Things to be done at a time: the sandbox's only scheduler."""

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

Work = Callable[[str, str], Awaitable[None]]

AT_ONCE = 16

log = logging.getLogger(__name__)


class Agenda:
    """Runs `work(account, key)` when each entry is due; whoever enters it writes down what must outlive a restart."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._entries: list[tuple[float, int, str, str]] = []
        self._counter = 0
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def enter(self, due: float, account: str, key: str) -> None:
        """Put something on the agenda, due in seconds since the epoch; equal times run in the order of entering."""
        self._counter += 1
        heapq.heappush(self._entries, (due, self._counter, account, key))
        self._changed.set()

    def clear(self) -> None:
        """Drop everything that has not begun."""
        self._entries.clear()

    def start(self) -> None:
        """Begin to work."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End at once."""
        tasks = [task for task in (self._loop, *self._running) if task]
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait = self._entries[0][0] - time.time() if self._entries else None
            if wait is not None and wait <= 0:
                await self._slots.acquire()
                self._begin()
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)

    def _begin(self) -> None:
        if not self._entries:
            self._slots.release()
            return
        _, _, account, key = heapq.heappop(self._entries)
        task = asyncio.create_task(self._do(account, key))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _do(self, account: str, key: str) -> None:
        try:
            await self._work(account, key)
        except Exception:
            log.exception("could not do %s of account %s", key, account)
        finally:
            self._slots.release()
