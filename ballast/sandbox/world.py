"""The state of a running sandbox, shared by everything that answers requests."""

import time
from pathlib import Path
from typing import Any

from aiohttp import web

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.braintree.side import BraintreeSide
from ballast.sandbox.deliveries import Deliveries
from ballast.sandbox.faults import Faults
from ballast.sandbox.resend.side import ResendSide
from ballast.sandbox.square.side import SquareSide
from ballast.sandbox.store import Store, Transaction
from ballast.sandbox.stripe import timers
from ballast.sandbox.stripe.deliveries import CARRIER
from ballast.sandbox.stripe.idempotency import IdempotencyKeys
from ballast.sandbox.stripe.routes import Call
from ballast.sandbox.wire import WireLog


class World:
    """Records, faults, the wire log, and what is still to happen."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        self.faults = Faults(self.store)
        self.wire = WireLog(directory)
        self.idempotency = IdempotencyKeys(self.store)
        self.deliveries = Deliveries(self.store, self.faults, CARRIER)
        self.timers = Agenda(self._ring)
        self.square = SquareSide(self.store, self.faults)
        self.braintree = BraintreeSide(self.store, self.faults)
        self.resend = ResendSide(self.store, self.faults)
        self.started_at = time.time()

    async def start(self) -> None:
        """Take up what an earlier run left to be done."""
        await self.square.start()
        await self.braintree.start()
        await self.resend.deliveries.start()
        await self.deliveries.start()
        self.timers.start()
        for account in self.store.accounts("timers"):
            for timer in self.store.begin(account).newest("timers"):
                self.timers.enter(timer["due"], account, timer["id"])

    async def stop(self) -> None:
        """Close the files; nothing that was answered is lost."""
        await self.square.stop()
        await self.braintree.stop()
        await self.resend.deliveries.stop()
        await self.timers.stop()
        await self.deliveries.stop()
        self.wire.close()
        self.store.journal.close()

    @property
    def sides(self) -> dict[str, Any]:
        """Return what commits and delivers for each processor; for Stripe that is the world itself."""
        return {"stripe": self, "braintree": self.braintree, "square": self.square, "resend": self.resend}

    def commit(self, tx: Transaction) -> None:
        """Make a transaction durable, then set going what it planned."""
        planned = [(kind, record) for (kind, _), record in tx.changes.items() if kind in ("deliveries", "timers")]
        tx.commit()
        for kind, record in planned:
            if record and kind == "deliveries":
                self.deliveries.enter(tx.account, record)
            elif record:
                self.timers.enter(record["due"], tx.account, record["id"])

    def reset(self) -> None:
        """Forget what happened: records, faults, mails, the wire log and what was planned."""
        self.square.clear()
        self.braintree.clear()
        self.resend.deliveries.clear()
        self.deliveries.clear()
        self.timers.clear()
        self.faults.rules.clear()
        self.store.clear()
        self.wire.clear()

    async def _ring(self, account: str, key: str) -> None:
        tx = self.store.begin(account)
        timers.ring(Call(tx, {}), key)
        self.commit(tx)


WORLD = web.AppKey("world", World)
