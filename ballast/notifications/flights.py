"""Deliveries under way: one thread that waits for all of them at once, so that another can talk to the database meanwhile.

A server has at most `PER_ENDPOINT` calls at a time. What is given beyond that is ready to follow, and is handed back unsent when its
endpoint fails or is slow: nobody's deliveries wait here for a server that does not answer.
"""

from __future__ import annotations

import logging
import math
import selectors
import socket
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Final

import urllib3

from ballast.notifications import posting
from ballast.notifications.answering import NotHttp, Reading
from ballast.notifications.lanes import Parcel
from ballast.notifications.posting import PER_ENDPOINT, Answer
from ballast.notifications.wires import BadAddress, Place, Wires, open_, place, written

log = logging.getLogger(__name__)

# Connections that are being opened at once; a name server or a handshake may take seconds.
OPENERS: Final = 64
# How often deadlines are looked at.
TICK_SECONDS: Final = 0.05
PIECE: Final = 65_536

Write = Callable[[Parcel], dict[str, str]]


@dataclass(eq=False)
class Flight:
    """One delivery on its way."""

    parcel: Parcel
    started: float  # on the monotonic clock; never, while nobody opens its connection yet
    where: Place | None = None
    wire: socket.socket | None = None
    left: bytes = b""
    reading: Reading = field(default_factory=Reading)


@dataclass(eq=False)
class Queue:
    """What goes to one endpoint: how many calls are out, and what follows them."""

    out: int = 0
    ready: deque[Parcel] = field(default_factory=deque)


class Fleet:
    """Sends parcels. `headers`: signs one, as of now. A context manager: what is under way at its end is waited for by nobody."""

    def __init__(self, headers: Write, timeout: float) -> None:
        self._headers = headers
        self._timeout = timeout
        self._selector = selectors.DefaultSelector()
        self._wires = Wires()
        self._queues: defaultdict[str, Queue] = defaultdict(Queue)
        self._flights: set[Flight] = set()
        self._opened: deque[tuple[Flight, Future[socket.socket]]] = deque()
        self._given: deque[list[Parcel] | None] = deque()
        self._held: set[str] = set()
        self._landed: list[tuple[Parcel, Answer]] = []
        self._returned: list[Parcel] = []
        self._known = Condition()
        self._enough = 1
        self._bell, self._ear = socket.socketpair()
        self._openers = ThreadPoolExecutor(OPENERS, thread_name_prefix="connect")
        self._thread = Thread(target=copy_context().run, args=(self._fly,), name="deliver", daemon=True)

    # --- For whoever gives the parcels -------------------------------------------------------------------------------------------

    def __enter__(self) -> Fleet:
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_told: Any) -> None:
        self._tell(None)
        self._thread.join()
        self._openers.shutdown(wait=False, cancel_futures=True)
        self._bell.close()

    def send(self, parcels: list[Parcel]) -> None:
        """Send these, or have them follow what is out already."""
        if parcels:
            self._tell(parcels)

    def hold(self, endpoint_ids: Iterable[str]) -> None:
        """Hand back what is ready for these."""
        self._held.update(endpoint_ids)
        self._tell([])

    def _tell(self, given: list[Parcel] | None) -> None:
        self._given.append(given)
        with suppress(OSError):
            self._bell.send(b"!")

    def back(self, patience: float, linger: float, enough: int) -> tuple[list[tuple[Parcel, Answer]], list[Parcel]]:
        """What has come back, and what was not sent: at the latest after `patience` seconds; once there is something, `linger` seconds
        later, or as soon as there is `enough`. Raises RuntimeError where nothing comes back any more.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the thread that delivers has ended")
        with self._known:
            self._enough = enough
            self._known.wait_for(lambda: self._landed or self._returned, patience)
            if self._landed or self._returned:
                self._known.wait_for(lambda: len(self._landed) >= enough or not self._flights, linger)
            landed, self._landed = self._landed, []
            returned, self._returned = self._returned, []
        return landed, returned

    # --- The thread --------------------------------------------------------------------------------------------------------------

    def _fly(self) -> None:
        looked = time.monotonic()
        while True:
            for key, _ in self._selector.select(TICK_SECONDS):
                if key.data is None:
                    self._drain_ear()
                else:
                    self._move(key.data)
            if not self._take_given():
                break
            self._take_opened()
            if time.monotonic() - looked > TICK_SECONDS:
                looked = time.monotonic()
                self._end_late(looked)
        self._close()

    def _drain_ear(self) -> None:
        with suppress(BlockingIOError):
            while self._ear.recv(4096):
                pass

    def _take_given(self) -> bool:
        while self._given:
            parcels = self._given.popleft()
            if parcels is None:
                return False
            for parcel in parcels:
                self._queues[parcel.endpoint_id].ready.append(parcel)
            for endpoint_id in {parcel.endpoint_id for parcel in parcels}:
                self._follow(endpoint_id)
        while self._held:
            self._hand_back(self._held.pop())
        return True

    def _follow(self, endpoint_id: str) -> None:
        queue = self._queues[endpoint_id]
        while queue.ready and queue.out < PER_ENDPOINT:
            queue.out += 1
            self._start(Flight(queue.ready.popleft(), time.monotonic()))

    def _hand_back(self, endpoint_id: str) -> None:
        queue = self._queues[endpoint_id]
        if queue.ready:
            with self._known:
                self._returned += queue.ready
                self._known.notify()
            queue.ready.clear()

    def _start(self, flight: Flight) -> None:
        self._flights.add(flight)
        parcel = flight.parcel
        try:
            flight.where = place(parcel.url, parcel.allow_private)
            flight.left = written(flight.where, self._headers(parcel), parcel.body)
        except BadAddress:
            self._land(flight, "bad_url")
            return
        except Exception:
            log.exception("a row of a batch failed: %r", parcel)
            self._land(flight, "internal_error")
            return
        wire = self._wires.take(flight.where)
        if wire is not None:
            self._board(flight, wire)
            return
        flight.started = math.inf
        future = self._openers.submit(self._open, flight, flight.where)
        future.add_done_callback(lambda done: self._note_opened(flight, done))

    def _open(self, flight: Flight, where: Place) -> socket.socket:
        flight.started = time.monotonic()
        return open_(where, self._timeout)

    def _note_opened(self, flight: Flight, future: Future[socket.socket]) -> None:
        self._opened.append((flight, future))
        with suppress(OSError):
            self._bell.send(b"!")

    def _take_opened(self) -> None:
        while self._opened:
            flight, future = self._opened.popleft()
            if flight not in self._flights:  # its time was over before its connection was there
                if future.exception() is None:
                    future.result().close()
                continue
            try:
                wire = future.result()
            except urllib3.exceptions.HTTPError as error:
                self._land(flight, posting.word_for(error))
                continue
            except Exception:
                log.exception("a row of a batch failed: %r", flight.parcel)
                self._land(flight, "internal_error")
                continue
            self._board(flight, wire)

    def _board(self, flight: Flight, wire: socket.socket) -> None:
        flight.wire = wire
        self._selector.register(wire, selectors.EVENT_READ, flight)
        self._write(flight)

    def _write(self, flight: Flight) -> None:
        """As much as the connection takes; the rest when it can take more."""
        assert flight.wire is not None
        try:
            flight.left = flight.left[flight.wire.send(flight.left) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self._land(flight, "connection_lost")
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if flight.left else 0)
        if self._selector.get_key(flight.wire).events != wanted:
            self._selector.modify(flight.wire, wanted, flight)

    def _move(self, flight: Flight) -> None:
        if flight not in self._flights or flight.wire is None:
            return
        if flight.left:
            self._write(flight)
        while flight.wire is not None:
            try:
                piece = flight.wire.recv(PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                piece = b""
            if not self._read(flight, piece):
                return

    def _read(self, flight: Flight, piece: bytes) -> bool:
        """Whether there may be more."""
        if not piece:
            self._land(flight, None if flight.reading.status is not None else "connection_lost")
            return False
        try:
            flight.reading.take(piece)
        except NotHttp:
            self._land(flight, "connection_lost")
            return False
        if flight.reading.ended:
            self._land(flight, None)
            return False
        return len(piece) == PIECE or isinstance(flight.wire, ssl.SSLSocket)

    def _end_late(self, now: float) -> None:
        for flight in [one for one in self._flights if now - one.started >= self._timeout]:
            self._land(flight, "timeout" if flight.reading.status is None else None)

    def _land(self, flight: Flight, problem: str | None) -> None:
        """`problem`: a word for why there is no answer."""
        self._flights.discard(flight)
        self._let_go(flight)
        took = round((time.monotonic() - flight.started) * 1000)
        answer = Answer(None, "", problem, took) if problem else _answer_of(flight, took)
        queue = self._queues[flight.parcel.endpoint_id]
        queue.out -= 1
        with self._known:
            self._landed.append((flight.parcel, answer))
            # Whoever waits is woken for what he waits for, not a hundred times.
            if len(self._landed) in (1, self._enough) or not self._flights:
                self._known.notify()
        if answer.reason is None:
            self._follow(flight.parcel.endpoint_id)
        else:
            self._hand_back(flight.parcel.endpoint_id)

    def _let_go(self, flight: Flight) -> None:
        if flight.wire is None or flight.where is None:
            return
        self._selector.unregister(flight.wire)
        if flight.reading.ended and flight.reading.reusable and not flight.left:
            self._wires.keep(flight.where, flight.wire)
        else:
            flight.wire.close()
        flight.wire = None

    def _close(self) -> None:
        for flight in self._flights:
            if flight.wire is not None:
                flight.wire.close()
        self._wires.close()
        self._selector.close()
        self._ear.close()


def _answer_of(flight: Flight, took: int) -> Answer:
    """What a server said, whatever it was: one answer must not end the thread that all others come back by."""
    reading = flight.reading
    try:
        later = reading.headers.get(b"retry-after", b"").decode(errors="replace")
        return posting.answer(reading.status or 0, reading.text(), took, later)
    except Exception:
        log.exception("a row of a batch failed: %r", flight.parcel)
        return Answer(None, "", "internal_error", took)
