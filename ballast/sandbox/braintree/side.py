"""Braintree's part of the world: what is settling, what is on its way to merchants, and which keys are being used right now."""

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.braintree import settlement
from ballast.sandbox.braintree.deliveries import CARRIER
from ballast.sandbox.braintree.merchants import load_merchant
from ballast.sandbox.braintree.routes import Call
from ballast.sandbox.deliveries import Deliveries
from ballast.sandbox.faults import Faults
from ballast.sandbox.store import Store, Transaction


class BraintreeSide:
    """The settlement timers and the notifier, over the store that all processors share."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._settlements = Agenda(self._ring)
        self.deliveries = Deliveries(store, faults, CARRIER)
        # The api_request_keys, by merchant, of requests that are being answered.
        self.in_flight: set[tuple[str, str]] = set()

    async def start(self) -> None:
        """Take up what an earlier run left to be done."""
        await self.deliveries.start()
        self._settlements.start()
        for account in self._store.accounts("settlements"):
            for timer in self._store.begin(account).newest("settlements"):
                self._settlements.enter(timer["due"], account, timer["id"])

    async def stop(self) -> None:
        """Stop; what is planned stays written."""
        await self._settlements.stop()
        await self.deliveries.stop()

    def clear(self) -> None:
        """Drop everything that is planned."""
        self._settlements.clear()
        self.deliveries.clear()

    def commit(self, tx: Transaction) -> None:
        """Make a transaction durable, then set going what it planned."""
        planned = [
            (kind, record) for (kind, _), record in tx.changes.items() if kind in ("settlements", "notifications")
        ]
        tx.commit()
        for kind, record in planned:
            if record and kind == "notifications":
                self.deliveries.enter(tx.account, record)
            elif record:
                self._settlements.enter(record["due"], tx.account, record["id"])

    async def _ring(self, account: str, key: str) -> None:
        tx = self._store.begin(account)
        settlement.ring(Call(tx, load_merchant(tx)), key)
        self.commit(tx)
