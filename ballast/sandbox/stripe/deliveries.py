"""Sending events to the endpoints: at least once, signed, again after a while when an endpoint does not take them."""

import hashlib
import hmac
import time
from collections.abc import Mapping

import aiohttp

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.faults import WEBHOOK_KINDS, Faults, Rule
from ballast.sandbox.store import Record, Store, encode
from ballast.sandbox.stripe.events import API_VERSION, format_event

# Seconds between one try and the next. Stripe tries for days; a sandbox is watched by people.
RETRY_AFTER = (1, 5, 30, 120, 600)
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Deliveries:
    """Everything on its way to an endpoint."""

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
        for account in self._store.accounts("deliveries"):
            for delivery in reversed(list(self._store.begin(account).newest("deliveries"))):
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
        delivery = tx.get("deliveries", key)
        if delivery is None or delivery["state"] != "pending":
            return
        endpoint, event = tx.get("webhook_endpoints", delivery["endpoint"]), tx.get("events", delivery["event"])
        if endpoint is None or event is None or endpoint.get("status") == "disabled":
            tx.delete("deliveries", key)
            tx.commit()
            return
        struck = {} if key in self._delayed else self._strike(event["type"])
        late = struck.get("webhook_late") or struck.get("webhook_reordered")
        if late:
            self._delayed.add(key)
            self._agenda.enter(time.time() + late.lasts(), account, key)
            return
        self._delayed.discard(key)
        answered = "webhook_lost" in struck or await self._post(endpoint, event, struck)
        self._settle(account, key, answered)

    def _strike(self, kind: str) -> Mapping[str, Rule]:
        """Return the faults for a delivery; a rule may name `webhook` or the type of the event."""
        struck = self._faults.fire("stripe", "webhook", lambda: None, WEBHOOK_KINDS)
        return struck | self._faults.fire("stripe", kind, lambda: None, set(WEBHOOK_KINDS) - set(struck))

    async def _post(self, endpoint: Record, event: Record, struck: Mapping[str, Rule]) -> bool:
        """Send the event, twice if it is struck so; tell whether the last one was taken."""
        version = endpoint.get("api_version") or API_VERSION
        body = encode(format_event(event, version, 1)).encode()
        secret = "whsec_of_somebody_else" if "webhook_bad_signature" in struck else endpoint["_secret"]
        taken = False
        for _ in range(2 if "webhook_duplicate" in struck else 1):
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": sign(body, secret, int(time.time())),
            }
            taken = await self._send(endpoint["url"], body, headers)
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
        delivery = tx.get("deliveries", key)
        if delivery is None:
            return
        if taken:
            tx.delete("deliveries", key)
        else:
            delivery["attempts"] += 1
            plan_next(delivery)
            tx.put("deliveries", delivery)
        tx.commit()
        if not taken and delivery["state"] == "pending":
            self.enter(account, delivery)


def plan_next(delivery: Record) -> None:
    """Set when a delivery is tried again, or give it up."""
    if delivery["attempts"] > len(RETRY_AFTER):
        delivery["state"] = "failed"
    else:
        delivery["due"] = time.time() + RETRY_AFTER[delivery["attempts"] - 1]


def sign(body: bytes, secret: str, moment: int) -> str:
    """Return the header `t=…,v1=…`: the HMAC-SHA256 of the moment, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
