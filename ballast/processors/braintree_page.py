"""What the checkout page needs of Braintree. A page must not wait for it long, so tokens are kept for some minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from braintree.environment import Environment

from ballast.clock import real_time
from ballast.processors.base import ClientConfig, UnavailableError
from ballast.processors.braintree_answers import OpenError, RefusedError, ask
from ballast.processors.braintree_merchant import Merchant
from ballast.processors.urls import Policy, local_policy

SCRIPTS: Final = ("client", "hosted-fields", "three-d-secure", "data-collector")
# A token is good for a day and for any number of pages (developer.paypal.com/braintree/docs/guides/authorization/client-token).
FRESH_FOR: Final = timedelta(minutes=10)
# While the gateway does not answer, an older one is better than none.
GOOD_FOR: Final = timedelta(hours=6)


class Page:
    """Client tokens by currency, and the rest of the configuration."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def client_config(self, currency: str) -> ClientConfig:
        """The page's configuration; 3-D Secure is bound to the merchant account of the currency. Raises UnavailableError."""
        scripts = tuple(f"{self._merchant.scripts}/{name}.min.js" for name in SCRIPTS)
        return ClientConfig("braintree", scripts, (("client_token", self._token(currency)),), self._policy())

    def _token(self, currency: str) -> str:
        now = real_time()
        token, made_at = self._tokens.get(currency, ("", now))
        if token and now - made_at < FRESH_FOR:
            return token
        try:
            fresh = self._generate(currency)
        except (OpenError, RefusedError) as error:
            if token and now - made_at < GOOD_FOR:
                return token
            raise UnavailableError(str(error)) from error
        self._tokens[currency] = (fresh, now)
        return fresh

    def _generate(self, currency: str) -> str:
        quick = self._merchant.quick
        account = self._merchant.account(currency, quick)
        if account is None:
            raise RefusedError("merchant_account_missing")
        return str(ask(lambda: quick.client_token.generate({"merchant_account_id": account})))

    def _policy(self) -> Policy:
        """Braintree's origins and Cardinal's, which asks the bank: its page may come from anywhere, and a form brings one there.

        Source: the reference of braintree-web (Content Security Policy, 3-D Secure).
        """
        environment = self._merchant.environment
        if environment not in (Environment.Sandbox, Environment.Production):
            return local_policy(self._merchant.scripts, environment.base_url)
        is_live = environment is Environment.Production
        infix = "" if is_live else "sandbox."
        cardinal = (
            ("https://songbird.cardinalcommerce.com", "https://static.client.cardinaltrusted.com")
            if is_live
            else ("https://songbirdstag.cardinalcommerce.com", "https://cas.static.client.cardinaltrusted.com")
        )
        assets = "https://assets.braintreegateway.com"
        connect = (
            f"https://api.{infix}braintreegateway.com",
            f"https://client-analytics.{infix}braintreegateway.com",
            "https://*.braintree-api.com",
            "https://*.cardinalcommerce.com",
            "https://*.cardinaltrusted.com",
        )
        return (
            ("script-src", ("https://js.braintreegateway.com", assets, *cardinal)),
            ("img-src", (assets, "data:")),
            ("frame-src", ("*",)),
            ("connect-src", connect),
            ("form-action", ("*",)),
        )
