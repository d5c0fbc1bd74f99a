"""Having the processor sandbox send an account's events here, as a merchant would set it up in each processor's own pages."""

from __future__ import annotations

import requests

from ballast import config
from ballast.billing import accounts
from ballast.db import end_reading


def listen(organization_id: str, account_id: str) -> None:
    """Register the address; at Braintree, which has no call for it, in the sandbox itself. Holds no transaction while it asks."""
    if not accounts.listen(organization_id, account_id):
        account = accounts.find(organization_id, account_id)
        url = accounts.hook_url(account.processor, account_id)
        merchant = account.public_config["merchant_id"]
        keys = {
            "public_key": account.public_config["public_key"],
            "private_key": accounts.unseal(account)["secret_key"],
        }
        end_reading()
        answer = requests.post(
            f"{config.current().sandbox_url}/_sandbox/braintree/webhooks",
            json={"merchant_id": merchant, "url": url, **keys},
            timeout=10,
        )
        answer.raise_for_status()
