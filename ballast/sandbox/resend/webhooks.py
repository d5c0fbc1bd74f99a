"""Webhooks of Resend: where they go, and what is told of each mail. They are signed as Svix signs.

Source: resend.com/docs/dashboard/webhooks (event types, test addresses `bounced@resend.dev` and `complained@resend.dev`) and
docs.svix.com/receiving/verifying-payloads/how-manual.
"""

import base64
import datetime as dt
import hashlib
import hmac
import secrets
import time
import uuid
from typing import Any

from ballast.sandbox.acts import RefusedActError
from ballast.sandbox.deliveries import Carrier, Message, make_delivery
from ballast.sandbox.resend.answers import RefusedError
from ballast.sandbox.store import Record, Store, Transaction, encode

KINDS = (
    "email.sent",
    "email.scheduled",
    "email.delivered",
    "email.delivery_delayed",
    "email.complained",
    "email.bounced",
    "email.opened",
    "email.clicked",
    "email.received",
    "email.failed",
    "email.suppressed",
)
# What becomes of mail to the addresses that are there for it; all other mail is delivered.
FATES = {
    "bounced@resend.dev": ("email.bounced",),
    "complained@resend.dev": ("email.delivered", "email.complained"),
    "suppressed@resend.dev": ("email.suppressed",),
}
BOUNCE = {
    "type": "Permanent",
    "subType": "General",
    "message": "The recipient's mail server said that there is no such address.",
}


def create(tx: Transaction, wanted: Any) -> dict[str, Any]:
    """Register an address; this answer holds the secret."""
    record: Record = {
        "id": str(uuid.uuid4()),
        "created": tx.now,
        "status": "enabled",
        "secret": new_secret(),
    }
    write_fields(tx, record, wanted, required=True)
    return {"object": "webhook", "id": record["id"], "signing_secret": record["secret"]}


def update(tx: Transaction, key: str, wanted: Any) -> dict[str, Any]:
    """Change an address, its events, or switch it off."""
    write_fields(tx, load(tx, key), wanted, required=False)
    return {"object": "webhook", "id": key}


def remove(tx: Transaction, key: str) -> dict[str, Any]:
    """Forget an address."""
    load(tx, key)
    tx.delete("mail_webhooks", key)
    return {"object": "webhook", "id": key, "deleted": True}


def rotate(tx: Transaction, key: str) -> dict[str, Any]:
    """Give an address a new secret; what is sent from now on is signed with it."""
    record = tx.put("mail_webhooks", load(tx, key) | {"secret": new_secret()})
    return {"object": "webhook", "id": key, "signing_secret": record["secret"]}


def list_all(tx: Transaction) -> dict[str, Any]:
    """Answer the addresses."""
    return {"object": "list", "data": [show(record) for record in tx.newest("mail_webhooks")], "has_more": False}


def show(record: Record) -> dict[str, Any]:
    """Return a webhook as a list or a read shows it."""
    return {
        "object": "webhook",
        "id": record["id"],
        "endpoint": record["endpoint"],
        "events": record["events"],
        "status": record["status"],
        "created_at": write_instant(record["created"]),
        "signing_secret": record["secret"],
    }


def write_fields(tx: Transaction, record: Record, wanted: Any, *, required: bool) -> None:
    """Take over what was said. Raises 422."""
    if not isinstance(wanted, dict):
        raise RefusedError(422, "validation_error", "The webhook must be an object.")
    for name in ("endpoint", "events"):
        if required and not wanted.get(name):
            raise RefusedError(422, "missing_required_field", f"Missing `{name}` field.")
    said = {name: wanted[name] for name in ("endpoint", "events", "status") if wanted.get(name)}
    if not str(said.get("endpoint", "http://")).startswith(("http://", "https://")):
        raise RefusedError(422, "validation_error", "Invalid `endpoint` field.")
    events = said.get("events", [])
    if not isinstance(events, list) or not set(map(str, events)) <= set(KINDS):
        raise RefusedError(422, "validation_error", "Invalid `events` field.")
    if said.get("status", "enabled") not in ("enabled", "disabled"):
        raise RefusedError(422, "validation_error", "Invalid `status` field.")
    tx.put("mail_webhooks", record | said)


def load(tx: Transaction, key: str) -> Record:
    """Return a webhook. Raises 404."""
    record = tx.get("mail_webhooks", key)
    if record is None:
        raise RefusedError(404, "not_found", "Webhook not found")
    return record


def tell(tx: Transaction, mail: Record) -> None:
    """Plan what is told of a mail that was handed over: that it was sent, and what became of it."""
    fate = next((FATES[to] for to in map(address_of, mail["to"]) if to in FATES), ("email.delivered",))
    for webhook in tx.newest("mail_webhooks"):
        for kind in ("email.sent", *fate):
            if webhook["status"] == "enabled" and kind in webhook["events"]:
                body = encode(describe(kind, mail, tx.now))
                tx.put("mail_deliveries", make_delivery(tx, kind, webhook=webhook["id"], body=body))


def address_of(said: str) -> str:
    """Return the bare address of `Name <a@b.c>`."""
    return said.rpartition("<")[2].rstrip(">").strip().lower()


def describe(kind: str, mail: Record, now: int) -> dict[str, Any]:
    """Return an event."""
    data = {
        "created_at": write_instant(mail["created"]),
        "email_id": mail["id"],
        "from": mail["from"],
        "to": mail["to"],
        "subject": mail["subject"],
        "tags": {tag["name"]: tag["value"] for tag in mail.get("tags") or []},
    }
    if kind == "email.bounced":
        data["bounce"] = BOUNCE
    return {"type": kind, "created_at": write_instant(now), "data": data}


def write_instant(moment: int) -> str:
    """Write seconds since the epoch as Resend does."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(tx: Transaction, delivery: Record, forged: bool) -> Message | None:
    """Return an event as its webhook is sent it, or None for one that is gone or switched off."""
    webhook = tx.get("mail_webhooks", delivery["webhook"])
    if webhook is None or webhook["status"] != "enabled":
        return None
    body, moment = delivery["body"].encode(), str(int(time.time()))
    message_id = f"msg_{delivery['id'][4:]}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Svix-Webhooks/1.0",
        "svix-id": message_id,
        "svix-timestamp": moment,
        "svix-signature": sign(
            f"{message_id}.{moment}.".encode() + body, new_secret() if forged else webhook["secret"]
        ),
    }
    return Message(webhook["endpoint"], body, headers)


def sign(signed: bytes, secret: str) -> str:
    """Return `v1,` and the base64 of the HMAC-SHA256 with the decoded secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def new_secret() -> str:
    """Return a signing secret."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def list_endpoints(store: Store) -> list[dict[str, Any]]:
    """Return the addresses as the page shows those of all processors."""
    return [
        {
            "processor": "resend",
            "account": "resend",
            "id": record["id"],
            "url": record["endpoint"],
            "events": record["events"],
            "enabled": record["status"] == "enabled",
            "secrets": [record["secret"]],
        }
        for record in store.begin("_sandbox").newest("mail_webhooks")
    ]


def roll(tx: Transaction, key: str) -> dict[str, str]:
    """Give an address a new secret, for whoever plays with the sandbox. Raises RefusedActError."""
    try:
        return {"id": key, "secret": rotate(tx, key)["signing_secret"]}
    except RefusedError as error:
        raise RefusedActError(404, str(error)) from error


CARRIER = Carrier("resend", "mail_deliveries", write)
