"""What a delivery says and how it proves that it is ours.

Format: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and beside it
`X-Ballast-Signature: sha256=<hex>`, HMAC-SHA256 of the raw body under the endpoint's secret as it is shown.
While an old secret has not lapsed both headers carry a signature of each, the new one first.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ballast.models import Event, WebhookEndpoint
from ballast.security import keyring, sign, webhook_key

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def body_of(event: Event, sequence: int | None) -> bytes:
    """The JSON that is sent: the fact as it was, and its number at this endpoint."""
    return told(event.id, event.type, event.created_at, sequence, event.api_version, _json(event.data))


def told(event_id: str, kind: str, created_at: datetime, sequence: int | None, api_version: str, data: str) -> bytes:
    """As `body_of`, of an event whose `data` is JSON already: as it comes from Postgres, it need not be read to be sent."""
    made = created_at.isoformat()
    payload = {
        "id": event_id,
        "type": kind,
        "created_at": made,
        "timestamp": made,
        "sequence": sequence,
        "api_version": api_version,
    }
    return f'{_json(payload)[:-1]},"data":{data}}}'.encode()


def signed_headers(event_id: str, body: bytes, secrets: Sequence[str], at: int) -> dict[str, str]:
    """The headers that prove a delivery is ours, under each of `secrets`; `at` is Unix seconds of this attempt."""
    signed = f"{event_id}.{at}.".encode() + body
    standard = [base64.b64encode(sign(webhook_key(secret), signed)).decode() for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Ballast-Webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{one}" for one in standard),
        "x-ballast-signature": ",".join(f"sha256={sign(secret.encode(), body).hex()}" for secret in secrets),
    }


def seal(endpoint_id: str, secret: str) -> bytes:
    """A secret as it is kept, bound to its endpoint."""
    return keyring().encrypt(secret, f"webhook_endpoint:{endpoint_id}")


def unseal(endpoint_id: str, sealed: Sequence[bytes]) -> list[str]:
    """Kept secrets in plain text. Raises ValueError when one was sealed for another endpoint or with an unknown key."""
    return [keyring().decrypt(one, f"webhook_endpoint:{endpoint_id}") for one in sealed]


def kept_secrets(endpoint: WebhookEndpoint | Row[Any], at: datetime) -> tuple[bytes, ...]:
    """The sealed secrets that sign at `at`: the present one, and the old one until it lapses."""
    secret, old, until = bytes(endpoint.secret), endpoint.old_secret, endpoint.old_secret_until
    if old is not None and until is not None and until > at:
        return (secret, bytes(old))
    return (secret,)
