"""The one door to the processors: credentials out of their seal, one adapter per account and process, no transaction held."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from ballast import config
from ballast.db import assert_no_transaction
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import Organization, ProcessorAccount
from ballast.processors.base import Adapter, Credentials
from ballast.security import keyring

Answer = TypeVar("Answer")


def call(account: Credentials, ask: Callable[[Adapter], Answer]) -> Answer:
    """Ask the processor. Raises RuntimeError if a database transaction is open: a call may take a minute."""
    assert_no_transaction()
    return ask(adapter_for(account))


@lru_cache(maxsize=256)
def adapter_for(account: Credentials) -> Adapter:
    """The process's adapter for these credentials; its SDK client and connections are built once."""
    match account.processor:
        case "stripe":
            from ballast.processors.stripe import StripeAdapter

            return StripeAdapter(account)
        case other:
            raise InvalidRequest("processor_unsupported", f"{other} is not available yet.", param="processor")


def credentials_of(account: ProcessorAccount) -> Credentials:
    """The account's credentials, unsealed, with where and how patiently to reach it."""
    settings = config.current()
    secrets = json.loads(keyring().decrypt(account.credentials, f"processor_account:{account.id}"))
    return Credentials(
        processor=account.processor,
        secret_key=secrets["secret_key"],
        publishable_key=account.public_config.get("publishable_key", ""),
        webhook_secret=secrets.get("webhook_secret", ""),
        api_base=settings.stripe_api_base,
        connect_timeout=settings.processor_connect_timeout,
        read_timeout=settings.processor_read_timeout,
    )


def add_account(
    organization: Organization,
    processor: str,
    secret_key: str,
    publishable_key: str,
    webhook_secret: str,
    external_account: str,
) -> ProcessorAccount:
    """A processor account with its secrets sealed. In the caller's transaction (the caller adds the row).

    Raises InvalidRequest(`processor_mode_mismatch`) for a live-looking key in a sandbox organization and the reverse.
    """
    is_live = secret_key.startswith(("sk_live_", "rk_live_"))
    if is_live != (organization.mode == "live"):
        raise InvalidRequest(
            "processor_mode_mismatch",
            f"A {organization.mode} organization takes {'live' if not is_live else 'test'} keys only.",
        )
    account_id = new_id("pac")
    account = ProcessorAccount(
        id=account_id,
        organization_id=organization.id,
        processor=processor,
        mode="live" if is_live else "test",
        external_account=external_account,
        public_config={"publishable_key": publishable_key},
        is_default=True,
        credentials=b"",
    )
    seal(account, secret_key, webhook_secret)
    return account


def seal(account: ProcessorAccount, secret_key: str, webhook_secret: str) -> None:
    """Put secrets into the account, sealed."""
    secrets = json.dumps({"secret_key": secret_key, "webhook_secret": webhook_secret})
    account.credentials = keyring().encrypt(secrets, f"processor_account:{account.id}")
