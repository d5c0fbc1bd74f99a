"""Webhooks, as they arrive."""

from collections.abc import Mapping
from typing import Any

from standardwebhooks import Webhook


def verify(secret: str, headers: Mapping[str, str], body: bytes | str) -> dict[str, Any]:
    """The event in a delivery. `secret`: the endpoint's `whsec_…`; `body`: as it arrived, unparsed.

    Raises standardwebhooks' WebhookVerificationError when it was not signed by us, or more than five minutes ago.
    """
    event: dict[str, Any] = Webhook(secret).verify(body, {name.lower(): text for name, text in headers.items()})
    return event
