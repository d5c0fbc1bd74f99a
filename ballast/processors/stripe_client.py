"""The SDK's client for one Stripe account: one version, one pool, no retries, and nothing sent too late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import stripe
import urllib3
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError, SSLError

from ballast.processors.base import Credentials
from ballast.processors.sending import assert_in_time

API_VERSION: Final = "2026-10-28.endive"
# As many connections as threads may wait at once for one account (ballast/billing/attempts_under_way.py), and some more.
POOL = 128

stripe.enable_telemetry = False


class PooledClient(stripe.HTTPClient):
    """The SDK's transport, asking right before it sends whether there is still time. Over urllib3 itself: what the SDK's own transport
    does above it costs a third of a call.
    """

    name = "urllib3"

    def __init__(self, base: str, connect: float, read: float) -> None:
        super().__init__(verify_ssl_certs=True)
        proxy = select_proxy(base, get_environ_proxies(base))
        options: dict[str, Any] = {
            "num_pools": 4,
            "maxsize": POOL,
            "timeout": urllib3.Timeout(connect=connect, read=read),
            "retries": False,
            "ca_certs": stripe.ca_bundle_path,
            "cert_reqs": "CERT_REQUIRED",
        }
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def request(  # type: ignore[override]  # the SDK's own subclasses differ from their base class in the same way
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request. Raises TooLateError, stripe.APIConnectionError."""
        assert_in_time(method)
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            answer = self._pool.request(method, url, body=body, headers=headers, redirect=False)
        except HTTPError as error:
            _raise_for(error)
        return answer.data, answer.status, answer.headers

    def close(self) -> None:
        """Give up every connection."""
        self._pool.clear()


def _raise_for(error: HTTPError) -> NoReturn:
    """As the SDK's own transports say it."""
    said = f"Unexpected error communicating with Stripe (Network error: {type(error).__name__}: {error})"
    raise stripe.APIConnectionError(said, should_retry=not isinstance(error, SSLError)) from error  # type: ignore[no-untyped-call]


def make_client(credentials: Credentials) -> stripe.StripeClient:
    """A client whose connections all threads share."""
    base = credentials.api_base
    return stripe.StripeClient(
        credentials.secret_key,
        base_addresses={"api": base, "files": base, "connect": base, "meter_events": base},
        http_client=PooledClient(base, credentials.connect_timeout, credentials.read_timeout),
        max_network_retries=0,
        stripe_version=API_VERSION,
    )
