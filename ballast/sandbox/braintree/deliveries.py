"""Sending notifications: at least once, signed, again after a while when they are not taken; and asking an address who it is."""

import secrets
import time
from collections.abc import Mapping

import aiohttp

from ballast.sandbox.agenda import Agenda
from ballast.sandbox.braintree.merchants import Merchant, load_merchant
from ballast.sandbox.braintree.notifications import digest, encode, sign
from ballast.sandbox.faults import WEBHOOK_KINDS, Faults, Rule
from ballast.sandbox.store import Record, Store

# Seconds between one try and the next. Braintree tries every hour for a day; a sandbox is watched by people.
RETRY_AFTER = (1, 5, 30, 120, 600)
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Notifier:
    """Everything on its way to a merchant."""

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
        for account in self._store.accounts("notifications"):
            for record in reversed(list(self._store.begin(account).newest("notifications"))):
                if record["state"] == "pending":
                    self.enter(account, record)

    async def stop(self) -> None:
        """Stop sending; what is pending stays written."""
        await self._agenda.stop()
        if self._session:
            await self._session.close()

    def enter(self, account: str, notification: Record) -> None:
        """Send this notification when it is due."""
        self._agenda.enter(notification["due"], account, notification["id"])

    def clear(self) -> None:
        """Drop everything not yet sent."""
        self._agenda.clear()
        self._delayed.clear()

    async def ask(self, url: str, public_key: str, private_key: str) -> bool:
        """Ask an address to prove that it has the keys, as Braintree does before it takes it: GET ?bt_challenge=…"""
        assert self._session is not None
        challenge = secrets.token_hex(16)
        try:
            async with self._session.get(url, params={"bt_challenge": challenge}, allow_redirects=False) as response:
                said = (await response.text()).strip()
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return False
        return response.status == 200 and secrets.compare_digest(
            said.encode(), f"{public_key}|{digest(private_key, challenge)}".encode()
        )

    async def _deliver(self, account: str, key: str) -> None:
        tx = self._store.begin(account)
        notification, merchant = tx.get("notifications", key), load_merchant(tx)
        if notification is None or notification["state"] != "pending":
            return
        struck = {} if key in self._delayed else self._strike(notification["kind"])
        late = struck.get("webhook_late") or struck.get("webhook_reordered")
        if late:
            self._delayed.add(key)
            self._agenda.enter(time.time() + late.lasts(), account, key)
            return
        self._delayed.discard(key)
        taken = "webhook_lost" in struck or await self._post(merchant, notification, struck)
        self._settle(account, key, taken)

    def _strike(self, kind: str) -> Mapping[str, Rule]:
        """Return the faults for a delivery; a rule may name `webhook` or the kind of the notification."""
        struck = self._faults.fire("braintree", "webhook", lambda: None, WEBHOOK_KINDS)
        return struck | self._faults.fire("braintree", kind, lambda: None, set(WEBHOOK_KINDS) - set(struck))

    async def _post(self, merchant: Merchant, notification: Record, struck: Mapping[str, Rule]) -> bool:
        """Send the notification, twice if it is struck so; tell whether the last one was taken."""
        payload = encode(notification["body"])
        keys = (
            dict.fromkeys(merchant["keys"], "the key of somebody else")
            if "webhook_bad_signature" in struck
            else merchant["keys"]
        )
        form = {"bt_signature": sign(keys, payload), "bt_payload": payload}
        taken = False
        for _ in range(2 if "webhook_duplicate" in struck else 1):
            taken = await self._send(merchant["url"], form)
        return taken

    async def _send(self, url: str | None, form: dict[str, str]) -> bool:
        assert self._session is not None
        if not url or not form["bt_signature"]:
            return False
        headers = {"User-Agent": "Braintree-Webhooks"}
        try:
            async with self._session.post(url, data=form, headers=headers, allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return False

    def _settle(self, account: str, key: str, taken: bool) -> None:
        """Write what came of a try, and plan the next one where it failed."""
        tx = self._store.begin(account)
        notification = tx.get("notifications", key)
        if notification is None:
            return
        if taken:
            tx.delete("notifications", key)
        else:
            notification["attempts"] += 1
            plan_next(notification)
            tx.put("notifications", notification)
        tx.commit()
        if not taken and notification["state"] == "pending":
            self.enter(account, notification)


def plan_next(notification: Record) -> None:
    """Set when a notification is tried again, or give it up."""
    if notification["attempts"] > len(RETRY_AFTER):
        notification["state"] = "failed"
    else:
        notification["due"] = time.time() + RETRY_AFTER[notification["attempts"] - 1]
