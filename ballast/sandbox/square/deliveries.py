"""Sending events to the subscriptions: at least once, signed, again after a while when nobody takes them.

The signature is over the exact address and the body, without a timestamp. Source: developer.squareup.com/docs/webhooks/step3validate.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

import aiohttp

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.faults import WEBHOOK_KINDS, Faults, Rule
from ballast.sandbox.square.events import show_event
from ballast.sandbox.square.routes import write_instant
from ballast.sandbox.store import Record, Store, encode

# Seconds between one try and the next. Square tries for a day; a sandbox is watched by people.
RETRY_AFTER = (1, 5, 30, 120, 600)
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Deliveries:
    """Everything on its way to a subscription."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._agenda = Agenda(self._deliver)
        self._session: aiohttp.ClientSession | None = None
        self._delayed: set[str] = set()

    async def start(self) -> None:
        """Take up what an earlier run left undelivered."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, auto_decompress=False)
        self._agenda.start()
        for account in self._store.accounts("square_deliveries"):
            for delivery in reversed(list(self._store.begin(account).newest("square_deliveries"))):
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
        delivery = tx.get("square_deliveries", key)
        if delivery is None or delivery["state"] != "pending":
            return
        subscription = tx.get("square_subscriptions", delivery["subscription"])
        event = tx.get("square_events", delivery["event"])
        if subscription is None or event is None or not subscription["enabled"]:
            tx.delete("square_deliveries", key)
            tx.commit()
            return
        struck = {} if key in self._delayed else self._strike(event["type"])
        late = struck.get("webhook_late") or struck.get("webhook_reordered")
        if late:
            self._delayed.add(key)
            self._agenda.enter(time.time() + late.lasts(), account, key)
            return
        self._delayed.discard(key)
        taken = "webhook_lost" in struck or await self._post(subscription, event, delivery["attempts"], struck)
        self._settle(account, key, taken)

    def _strike(self, kind: str) -> Mapping[str, Rule]:
        """Return the faults for a delivery; a rule may name `webhook` or the type of the event."""
        struck = self._faults.fire("square", "webhook", lambda: None, WEBHOOK_KINDS)
        return struck | self._faults.fire("square", kind, lambda: None, set(WEBHOOK_KINDS) - set(struck))

    async def _post(self, subscription: Record, event: Record, tries: int, struck: Mapping[str, Rule]) -> bool:
        """Send the event, twice if it is struck so; tell whether the last one was taken."""
        url, body = subscription["notification_url"], encode(show_event(event)).encode()
        key = "the_key_of_somebody_else" if "webhook_bad_signature" in struck else subscription["signature_key"]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Square Connect v2",
            "X-Square-HmacSha256-Signature": sign(url, body, key),
            "Square-Environment": "Sandbox",
            "Square-Initial-Delivery-Timestamp": write_instant(event["_moment"]),
        }
        if tries:
            headers |= {"Square-Retry-Number": str(tries), "Square-Retry-Reason": "other_error"}
        taken = False
        for _ in range(2 if "webhook_duplicate" in struck else 1):
            taken = await self._send(url, body, headers)
        return taken

    async def _send(self, url: str, body: bytes, headers: dict[str, str]) -> bool:
        assert self._session is not None
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return False

    def _settle(self, account: str, key: str, taken: bool) -> None:
        """Write what came of a try, and plan the next one where it failed."""
        tx = self._store.begin(account)
        delivery = tx.get("square_deliveries", key)
        if delivery is None:
            return
        if taken:
            tx.delete("square_deliveries", key)
        else:
            delivery["attempts"] += 1
            plan_next(delivery)
            tx.put("square_deliveries", delivery)
        tx.commit()
        if not taken and delivery["state"] == "pending":
            self.enter(account, delivery)


def plan_next(delivery: Record) -> None:
    """Set when a delivery is tried again, or give it up."""
    if delivery["attempts"] > len(RETRY_AFTER):
        delivery["state"] = "failed"
    else:
        delivery["due"] = time.time() + RETRY_AFTER[delivery["attempts"] - 1]


def sign(url: str, body: bytes, key: str) -> str:
    """Return the base64 of the HMAC-SHA256 over the address and the body."""
    return base64.b64encode(hmac.new(key.encode(), url.encode() + body, hashlib.sha256).digest()).decode()
