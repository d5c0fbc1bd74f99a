"""What of Square runs by itself: events on their way, refunds and disputes to be decided, payments whose time is up."""

from collections.abc import Callable

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.deliveries import Deliveries
from ballast.sandbox.faults import Faults
from ballast.sandbox.square import disputes, payment_changes, payouts, refunds
from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.deliveries import CARRIER
from ballast.sandbox.square.routes import Call
from ballast.sandbox.store import Store, Transaction

ROUND: dict[str, Callable[[Call, str], object]] = {
    "refund": refunds.decide,
    "delay": payment_changes.end_delay,
    "dispute": disputes.open_dispute,
    "decide": disputes.decide,
    "payout": payouts.end,
}


class SquareSide:
    """Square's part of the world."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self.deliveries = Deliveries(store, faults, CARRIER)
        self.timers = Agenda(self._ring)

    async def start(self) -> None:
        """Take up what an earlier run left to be done."""
        await self.deliveries.start()
        self.timers.start()
        for account in self._store.accounts("square_timers"):
            for timer in self._store.begin(account).newest("square_timers"):
                self.timers.enter(timer["due"], account, timer["id"])

    async def stop(self) -> None:
        """End; what is planned stays written."""
        await self.timers.stop()
        await self.deliveries.stop()

    def clear(self) -> None:
        """Drop what was planned."""
        self.timers.clear()
        self.deliveries.clear()

    def commit(self, tx: Transaction) -> None:
        """Make a transaction durable, then set going what it planned."""
        planned = [(kind, record) for (kind, _), record in tx.changes.items() if record]
        tx.commit()
        for kind, record in planned:
            if kind == "square_deliveries":
                self.deliveries.enter(tx.account, record)
            elif kind == "square_timers":
                self.timers.enter(record["due"], tx.account, record["id"])

    async def _ring(self, account: str, key: str) -> None:
        """Do what a timer stands for; one that was lifted meanwhile does nothing."""
        tx = self._store.begin(account)
        if tx.get("square_timers", key) is None:
            return
        tx.delete("square_timers", key)
        what, _, subject = key.partition("-")
        ROUND[what](Call(tx, Account(account)), subject)
        self.commit(tx)
