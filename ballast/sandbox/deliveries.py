"""Sending what happened to whoever wants to know: at least once, signed, again after a while when it is not taken.

Every processor sends the same way; what differs, where to and with which signature, is its `Carrier`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.faults import WEBHOOK_KINDS, Faults, Rule
from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record, Store, Transaction

# Seconds between one try and the next. The processors try for days; a sandbox is watched by people.
RETRY_AFTER = (1, 5, 30, 120, 600)
TIMEOUT = aiohttp.ClientTimeout(total=10)
UNDELIVERED = ("pending", "failed")


@dataclass(frozen=True, slots=True)
class Message:
    """One POST."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Carrier:
    """How one processor sends.

    `write(tx, delivery, forged)` returns what is sent, signed with a wrong key if it is to be forged, or None when nobody
    waits for it any more. `table` keeps the deliveries.
    """

    processor: str
    table: str
    write: Callable[[Transaction, Record, bool], Message | None]


def make_delivery(tx: Transaction, kind: str, **more: object) -> Record:
    """Return a delivery that is due at once; `kind` is the type of what it tells."""
    start = {"id": new_id("whd"), "type": kind, "created": tx.now, "attempts": 0, "due": tx.now}
    return start | {"state": "pending", "answered": None} | more


def is_undelivered(delivery: Record) -> bool:
    """Tell whether a delivery was not taken, or not yet."""
    return delivery["state"] in UNDELIVERED


class Deliveries:
    """Everything of one processor that is on its way."""

    def __init__(self, store: Store, faults: Faults, carrier: Carrier) -> None:
        self.carrier = carrier
        self._store = store
        self._faults = faults
        self._agenda = Agenda(self._deliver)
        self._session: aiohttp.ClientSession | None = None
        self._delayed: set[str] = set()

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return what requests are sent with, once started."""
        assert self._session is not None
        return self._session

    async def start(self) -> None:
        """Take up what an earlier run left undelivered."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=False)
        self._agenda.start()
        for account in self._store.accounts(self.carrier.table):
            for delivery in reversed(list(self._store.begin(account).newest(self.carrier.table))):
                if delivery["state"] == "pending":
                    self.enter(account, delivery)

    async def stop(self) -> None:
        """Stop sending; what is pending stays written."""
        await self._agenda.stop()
        if self._session:
            await self._session.close()

    def enter(self, account: str, delivery: Record) -> None:
        """Send this delivery when it is due."""
        self._agenda.enter(delivery["due"], account, delivery["id"])

    def clear(self) -> None:
        """Drop everything not yet sent."""
        self._agenda.clear()
        self._delayed.clear()

    async def _deliver(self, account: str, key: str) -> None:
        tx = self._store.begin(account)
        delivery = tx.get(self.carrier.table, key)
        if delivery is None or delivery["state"] != "pending":
            return
        struck = {} if key in self._delayed else self._strike(delivery["type"])
        late = struck.get("webhook_late") or struck.get("webhook_reordered")
        if late:
            self._delayed.add(key)
            self._agenda.enter(time.time() + late.lasts(), account, key)
            return
        self._delayed.discard(key)
        message = self.carrier.write(tx, delivery, "webhook_bad_signature" in struck)
        if message is None:
            tx.delete(self.carrier.table, key)
            tx.commit()
            return
        self._settle(account, key, "lost" if "webhook_lost" in struck else await self._post(message, struck))

    def _strike(self, kind: str) -> Mapping[str, Rule]:
        """Return the faults for a delivery; a rule may name `webhook` or the type of what is sent."""
        processor = self.carrier.processor
        struck = self._faults.fire(processor, "webhook", lambda: None, WEBHOOK_KINDS)
        return struck | self._faults.fire(processor, kind, lambda: None, set(WEBHOOK_KINDS) - set(struck))

    async def _post(self, message: Message, struck: Mapping[str, Rule]) -> str:
        """Send the message, twice if it is struck so; return what the last one was answered."""
        if "webhook_duplicate" in struck:
            await self._send(message)
        return await self._send(message)

    async def _send(self, message: Message) -> str:
        """Return the status, or the word for what went wrong."""
        try:
            async with self.session.post(
                message.url, data=message.body, headers=message.headers, allow_redirects=False
            ) as response:
                return str(response.status)
        except TimeoutError:
            return "timeout"
        except aiohttp.ClientConnectorError:
            return "no connection"
        except (aiohttp.ClientError, ValueError):
            return "broken off"

    def _settle(self, account: str, key: str, answered: str) -> None:
        """Write what came of a try, and plan the next one where it failed."""
        tx = self._store.begin(account)
        delivery = tx.get(self.carrier.table, key)
        if delivery is None:
            return
        delivery |= {"attempts": delivery["attempts"] + 1, "answered": answered, "tried": time.time()}
        if answered == "lost":
            delivery["state"] = "lost"
        elif answered.startswith("2"):
            delivery["state"] = "delivered"
        else:
            plan_next(delivery)
        tx.put(self.carrier.table, delivery)
        tx.commit()
        if delivery["state"] == "pending":
            self.enter(account, delivery)


def plan_next(delivery: Record) -> None:
    """Set when a delivery is tried again, or give it up."""
    if delivery["attempts"] > len(RETRY_AFTER):
        delivery["state"] = "failed"
    else:
        delivery["due"] = time.time() + RETRY_AFTER[delivery["attempts"] - 1]


def rearm(tx: Transaction, table: str, delivery: Record) -> Record:
    """Have a delivery made again, from the first try on."""
    return tx.put(table, delivery | {"state": "pending", "attempts": 0, "due": tx.now})
