"""The SDK's client for one Stripe account: one version, one pool, no retries, and nothing sent too late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests
import stripe
from requests.adapters import HTTPAdapter

from ballast.processors.base import Credentials
from ballast.processors.sending import assert_in_time

API_VERSION: Final = "2026-10-28.endive"
POOL = 32

stripe.enable_telemetry = False


class TimedClient(stripe.RequestsClient):
    """The SDK's transport, asking right before it sends whether there is still time."""

    def request(  # type: ignore[override]  # the SDK's own subclass differs from its base class in the same way
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request. Raises TooLateError."""
        assert_in_time(method)
        return super().request(method, url, headers, post_data)


def make_client(credentials: Credentials) -> stripe.StripeClient:
    """A client whose connections all threads share."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=POOL)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    base = credentials.api_base
    return stripe.StripeClient(
        credentials.secret_key,
        base_addresses={"api": base, "files": base, "connect": base, "meter_events": base},
        http_client=TimedClient(timeout=(credentials.connect_timeout, credentials.read_timeout), session=session),
        max_network_retries=0,
        stripe_version=API_VERSION,
    )
