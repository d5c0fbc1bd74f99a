"""What of Resend runs by itself: webhooks on their way."""

from ballast.sandbox.deliveries import Deliveries
from ballast.sandbox.faults import Faults
from ballast.sandbox.resend.webhooks import CARRIER
from ballast.sandbox.store import Store, Transaction


class ResendSide:
    """Resend's part of the world."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.deliveries = Deliveries(store, faults, CARRIER)
        # The idempotency keys of requests that are being answered.
        self.in_flight: set[str] = set()

    def commit(self, tx: Transaction) -> None:
        """Make a transaction durable, then send what it planned."""
        planned = [record for (kind, _), record in tx.changes.items() if kind == "mail_deliveries" and record]
        tx.commit()
        for record in planned:
            self.deliveries.enter(tx.account, record)
