"""One Braintree merchant at the gateway: the connection, its accounts in currencies, and finding what it holds."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import braintree
import requests
from braintree import TransactionSearch
from braintree.environment import Environment
from braintree.exceptions.too_many_requests_error import TooManyRequestsError
from braintree.util.http import Http

from ballast.processors import braintree_answers as answers
from ballast.processors.base import Credentials, Outcome
from ballast.processors.braintree_answers import ask
from ballast.processors.headers import seconds_to_wait
from ballast.processors.merchant_accounts import read_pairs
from ballast.processors.sending import TooLateError, assert_in_time

SCRIPTS_VERSION: Final = "3.144.0"
READS: Final = re.compile(r"/advanced_search(_ids)?$|/client_token$")
# For what a page waits for: seconds to connect and to read, at most.
QUICK: Final = (2.0, 5.0)


class RateLimitedError(TooManyRequestsError):  # type: ignore[misc]
    """The gateway asks for patience; the SDK's own error does not say how much. `retry_after` is in seconds."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__()
        self.retry_after = retry_after


class DirectHttp(Http):  # type: ignore[misc]
    """The SDK's HTTP, but for the proxies of the environment, which it takes even where NO_PROXY says not to.

    It asks right before it sends whether there is still time; a search is a read, though it is a POST.
    """

    def http_do(self, http_verb: str, path: str, headers: dict[str, str], request_body: Any) -> list[Any]:
        """Send one request; answers its status and text. Raises TooLateError, RateLimitedError."""
        prepared = requests.Request(http_verb, path, headers=headers, data=request_body).prepare()
        prepared.url = path
        verify = self.environment.ssl_certificate or self.environment.is_ssl
        session = self._get_session()
        session.trust_env = False
        assert_in_time("GET" if READS.search(path) else http_verb)
        response = session.send(prepared, verify=verify, timeout=self.config.timeout, allow_redirects=False)
        response.encoding = "utf-8"
        if response.status_code == 429:
            raise RateLimitedError(seconds_to_wait(response.headers))
        return [response.status_code, response.text]

    def handle_exception(self, exception: Exception) -> None:
        """Wrap what `requests` raises; what is ours passes as it is."""
        if isinstance(exception, (TooLateError, RateLimitedError)):
            raise exception
        super().handle_exception(exception)


class Merchant:
    """The gateway with one merchant's keys. Its connections belong to the threads that use it; the rest is learned once and shared."""

    def __init__(self, credentials: Credentials) -> None:
        extra = dict(credentials.extra)
        self.environment = _environment(credentials.api_base)
        self.scripts = extra.get("js_base") or _scripts(credentials.api_base, self.environment)
        # Whether the merchant is allowed api_request_keys: learned from the first refusal.
        self.keyed = extra.get("api_request_keys") != "no"
        # The merchant accounts by currency: as a setting names them, else learned.
        self.asks_holders = extra.get("three_d_secure") == "required"
        self.named = read_pairs(extra.get("merchant_accounts", ""))[0]
        self._accounts: dict[str, str] | None = self.named or None
        self.merchant_id = extra["merchant_id"]
        connect, read = credentials.connect_timeout, credentials.read_timeout
        self.gateway = self._open(credentials, extra["public_key"], (connect, read))
        # The same, for questions that a page waits for.
        self.quick = self._open(credentials, extra["public_key"], (min(connect, QUICK[0]), min(read, QUICK[1])))
        self.transactions = self.gateway.transaction

    def _open(self, credentials: Credentials, public_key: str, timeout: tuple[float, float]) -> Any:
        return braintree.BraintreeGateway(
            braintree.Configuration(
                environment=self.environment,
                merchant_id=self.merchant_id,
                public_key=public_key,
                private_key=credentials.secret_key,
                timeout=timeout,
                wrap_http_exceptions=True,
                http_strategy=DirectHttp,
            )
        )

    def account(self, currency: str, gateway: Any = None) -> str | None:
        """The merchant account that takes a currency: a sale names none, its account has one. Raises OpenError, RefusedError."""
        if self._accounts is None:
            # Of several in one currency the first is meant, so it is written last.
            self._accounts = dict(reversed(self.list_accounts(gateway)))
        return self._accounts.get(currency)

    def list_accounts(self, gateway: Any = None) -> list[tuple[str, str]]:
        """Currency and id of each active merchant account, the default one first. Raises OpenError, RefusedError."""
        asked = gateway or self.gateway
        accounts = ask(lambda: list(asked.merchant_account.all().merchant_accounts.items))
        accounts.sort(key=lambda one: not getattr(one, "default", False))
        active = [one for one in accounts if getattr(one, "status", "active") == "active"]
        return [(str(one.currency_iso_code), str(one.id)) for one in active]

    def load(self, transaction_id: str) -> Any:
        """A transaction. Raises OpenError, RefusedError."""
        return ask(lambda: self.transactions.find(transaction_id))

    def search(self, reference: str, amount: int, currency: str) -> Any:
        """The charge with our reference: of several, one that took money before one that did not; None if there is none."""
        found = [
            one for one in self.list_orders(reference, "sale") if not getattr(one, "authorized_transaction_id", None)
        ]
        ours = [one for one in found if one.currency_iso_code == currency and answers.amount_of(one) <= amount]
        return min(ours, key=_rank, default=None)

    def list_orders(self, order_id: str, kind: str) -> list[Any]:
        """The sales or the credits with an order id."""
        found = ask(lambda: [*self.transactions.search(TransactionSearch.order_id == order_id).items])
        return [one for one in found if one.type == kind and one.order_id == order_id]

    def legs(self, charge: Any) -> list[Any]:
        """The transactions that hold a charge's money: itself, or the parts it was captured in, in their order."""
        ids = getattr(charge, "partial_settlement_transaction_ids", None)
        return [self.load(key) for key in ids] if ids else [charge]

    def read(self, charge: Any) -> Outcome:
        """The outcome of a charge; what was captured in parts is added up."""
        if not getattr(charge, "partial_settlement_transaction_ids", None):
            return answers.outcome_of(charge)
        taken = [answers.amount_of(leg) for leg in self.legs(charge) if leg.status in answers.CAPTURED]
        return answers.outcome_of(charge, sum(taken))


def _rank(transaction: Any) -> int:
    """Money that moved or is held comes first, then what was given up, then what was declined, then a mere duplicate."""
    if transaction.status in answers.CAPTURED or transaction.status == "authorized":
        return 0
    if transaction.status not in answers.REFUSED:
        return 1
    return 3 if getattr(transaction, "gateway_rejection_reason", None) == "duplicate" else 2


def _environment(base: str) -> Environment:
    """The SDK's own environment where the address is one of theirs, else one for this address. Raises ValueError."""
    url = urlsplit(base)
    host = url.hostname or ""
    for known in (Environment.Sandbox, Environment.Production):
        if host == known.server:
            return known
    secure = url.scheme == "https"
    port = str(url.port or (443 if secure else 80))
    if not host or url.scheme not in ("http", "https") or secure != (port == "443"):
        raise ValueError("BRAINTREE_BASE_URL must be http, or https on port 443: the SDK knows no other")
    return Environment("local", host, port, base, secure, None, host, port)


def _scripts(base: str, environment: Environment) -> str:
    """Where the browser library lies: with Braintree, or with whoever plays it."""
    is_known = environment in (Environment.Sandbox, Environment.Production)
    origin = "https://js.braintreegateway.com" if is_known else f"{base.rstrip('/')}/js/braintree"
    return f"{origin}/web/{SCRIPTS_VERSION}/js"
