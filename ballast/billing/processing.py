"""The one door to the processors: credentials out of their seal, one adapter per account and process, no transaction held.

Calls are repeated here and nowhere else, always the very same call with the same reference, and only where that is safe: a read, or a
call the processor said it did not begin.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
)

from ballast import config, metrics
from ballast.billing import circuits
from ballast.billing.usual_accounts import UsualAccount
from ballast.clock import real_time
from ballast.db import assert_no_transaction
from ballast.errors import InvalidRequest, ProcessorError
from ballast.models import ProcessorAccount
from ballast.processors.adapter import Adapter
from ballast.processors.base import (
    Capabilities,
    Connection,
    Credentials,
    NotSent,
    RefundOutcome,
    UnavailableError,
    Unknown,
)
from ballast.processors.sending import sending_until
from ballast.security import keyring

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

ADAPTERS: Final = {
    "stripe": ("ballast.processors.stripe", "StripeAdapter"),
    "braintree": ("ballast.processors.braintree", "BraintreeAdapter"),
    "square": ("ballast.processors.square", "SquareAdapter"),
}
ADDRESS_SETTING: Final = {
    "stripe": "stripe_api_base",
    "braintree": "braintree_base_url",
    "square": "square_base_url",
}
ADDRESSES: Final = {
    ("stripe", "test"): "https://api.stripe.com",
    ("stripe", "live"): "https://api.stripe.com",
    ("braintree", "test"): "https://api.sandbox.braintreegateway.com",
    ("braintree", "live"): "https://api.braintreegateway.com",
    ("square", "test"): "https://connect.squareupsandbox.com",
    ("square", "live"): "https://connect.squareup.com",
}
TRIES: Final = 3
# What repeating may add to one call in all, and the longest wait a processor may ask for.
REPEATING: Final = timedelta(seconds=3)
LONGEST_WAIT: Final = 2.0
# From the commit that announces a call to the last moment at which it may leave the process, on top of the processor's timeouts.
SEND_SLACK: Final = timedelta(seconds=5)
NO_ANSWER: Final = ("no_answer", "unreadable", "unreadable_answer", "empty_answer")


@dataclass(frozen=True)
class Account:
    """A processor account as plain data, for calls that hold no transaction."""

    organization_id: str
    id: str
    credentials: Credentials

    @property
    def processor(self) -> str:
        return self.credentials.processor


def read(account: Account, ask: Callable[[Adapter], Answer]) -> Answer:
    """Ask what changes nothing, or may be done twice; asks again when there is no answer. Raises what `ask` raises.

    Raises RuntimeError if a database transaction is open: a call may take a minute.
    """
    return _call(account, ask, _is_open)


def send(account: Account, act: Callable[[Adapter], Answer], until: datetime) -> Answer:
    """Do what moves money, if it leaves this process by `until` (real time); once more only if the processor did not begin.

    Raises RuntimeError if a database transaction is open.
    """
    return _call(account, act, _was_not_begun, until)


def _call(
    account: Account,
    ask: Callable[[Adapter], Answer],
    repeatable: Callable[[Any], bool],
    until: datetime | None = None,
) -> Answer:
    assert_no_transaction()
    adapter = adapter_for(account.credentials)

    def once() -> Answer:
        began = time.monotonic()
        try:
            answer = ask(adapter)
        except UnavailableError as error:
            _time(account, began, error)
            circuits.note(account.organization_id, account.id, not _is_outage(error))
            raise
        _time(account, began, answer)
        circuits.note(account.organization_id, account.id, not _is_outage(answer))
        return answer

    with sending_until(until):
        return _repeated(repeatable)(once)


def _time(account: Account, began: float, answer: Any) -> None:
    said = "none" if _is_outage(answer) else "some"
    metrics.observe(
        "ballast_processor_seconds", time.monotonic() - began, processor=account.credentials.processor, answer=said
    )


def try_out(given: Credentials) -> Connection:
    """What credentials open that nobody has stored yet; no circuit hears of it, and no adapter is kept.

    Raises RuntimeError if a database transaction is open.
    """
    assert_no_transaction()
    found: Connection = _repeated(_is_open)(_make_adapter(given).check)
    return found


@cache
def _repeated(repeatable: Callable[[Any], bool]) -> Retrying:
    """One for all threads: what it keeps of a call it keeps for each."""
    return Retrying(
        retry=retry_if_result(repeatable) | retry_if_exception(repeatable),
        stop=stop_after_attempt(TRIES) | stop_after_delay(REPEATING.total_seconds()),
        wait=_wait,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )


def _wait(state: RetryCallState) -> float:
    """As long as the processor asked, else a little and then a little more."""
    answer = None if state.outcome is None or state.outcome.failed else state.outcome.result()
    asked: float | None = getattr(answer, "retry_after", None)
    return min(asked, LONGEST_WAIT) if asked is not None else 0.1 * 2.0**state.attempt_number


def _reason(answer: Any) -> str | None:
    """Why there is no answer, if there is none; a call the processor wants to be made much later is not made again here."""
    match answer:
        case Unknown(reason=reason) | NotSent(reason=reason) | Connection(reason=reason):
            return reason
        case UnavailableError():
            return answer.reason
        case RefundOutcome(status="unknown", message=message):
            return message
        case _:
            return None


def _is_outage(answer: Any) -> bool:
    """Whether nothing answered. Who turns us away for asking too often is there: a pause would be the wrong cure."""
    reason = _reason(answer) or ""
    return reason in NO_ANSWER or reason.startswith("http_5")


def _was_turned_away(answer: Any) -> bool:
    return _reason(answer) == "rate_limited"


def _is_open(answer: Any) -> bool:
    return (_is_outage(answer) or _was_turned_away(answer)) and _asks_little_patience(answer)


def _was_not_begun(answer: Any) -> bool:
    """Turned away at the door; or a charge that was to be made known and was not, under a key of its own (`prepare`)."""
    was_not_made = isinstance(answer, NotSent) and _is_outage(answer)
    return (_was_turned_away(answer) or was_not_made) and _asks_little_patience(answer)


def _asks_little_patience(answer: Any) -> bool:
    return (getattr(answer, "retry_after", None) or 0.0) <= LONGEST_WAIT


def patience(account: Account) -> timedelta:
    """How long one call to the account's processor may last, repeating included."""
    found = account.credentials
    return timedelta(seconds=found.connect_timeout + found.read_timeout) + REPEATING


def longest_patience() -> timedelta:
    """How long one call to whichever processor may last, repeating included."""
    settings = config.current()
    slowest = max(settings.processor_read_timeout, settings.braintree_read_timeout)
    return timedelta(seconds=settings.processor_connect_timeout + slowest) + REPEATING


def send_deadline() -> datetime:
    """Until when a call announced now may leave this process, real time; whoever takes over waits `patience` longer."""
    return real_time() + SEND_SLACK


@lru_cache(maxsize=256)
def adapter_for(credentials: Credentials) -> Adapter:
    """The process's adapter for these credentials; its SDK client and connections are built once."""
    return _make_adapter(credentials)


def _make_adapter(credentials: Credentials) -> Adapter:
    module, name = _adapter(credentials.processor)
    made: Adapter = getattr(import_module(module), name)(credentials)
    return made


def capabilities_of(processor: str) -> Capabilities:
    """What a processor can do. Raises InvalidRequest(`processor_unsupported`)."""
    module, name = _adapter(processor)
    declared: Capabilities = getattr(import_module(module), name).capabilities
    return declared


def _adapter(processor: str) -> tuple[str, str]:
    if processor not in ADAPTERS:
        raise InvalidRequest("processor_unsupported", f"{processor} is not available yet.", param="processor")
    return ADAPTERS[processor]


def open_account(row: ProcessorAccount | UsualAccount) -> Account:
    """The account with its credentials unsealed, and where and how patiently to reach it. Raises ValueError for a broken seal."""
    secrets = json.loads(keyring().decrypt(row.credentials, seal_name(row.id)))
    return Account(row.organization_id, row.id, credentials(row.processor, row.mode, row.public_config, secrets))


def open_now(row: ProcessorAccount) -> Account:
    """As `open_account`, for somebody who waits for an answer.

    Raises ProcessorError(`processor_unavailable`), a 503: to ask again is right, for the keys may have been entered anew by then.
    """
    try:
        return open_account(row)
    except ValueError as error:
        log.error("the keys of account %s cannot be read: %s", row.id, error)
        sentence = "The keys of this processor account cannot be read."
        raise ProcessorError("processor_unavailable", sentence, status=503) from error


def credentials(processor: str, mode: str, public: dict[str, str], secrets: dict[str, str]) -> Credentials:
    """Credentials as an adapter takes them. `public` and `secrets` are an account's fields, see `account_fields.FIELDS`."""
    settings = config.current()
    slow = processor == "braintree"
    extra = {name: value for name, value in public.items() if name != "publishable_key"}
    if processor == "stripe":
        extra["js_url"] = settings.stripe_js_url
    return Credentials(
        processor=processor,
        secret_key=secrets["secret_key"],
        publishable_key=public.get("publishable_key", ""),
        webhook_secret=secrets.get("webhook_secret", ""),
        api_base=address_of(processor, mode),
        connect_timeout=settings.processor_connect_timeout,
        read_timeout=settings.braintree_read_timeout if slow else settings.processor_read_timeout,
        extra=tuple(sorted(extra.items())),
    )


def address_of(processor: str, mode: str) -> str:
    """Where a processor is reached: at the address of the settings, else at its own for the mode (live or test)."""
    return getattr(config.current(), ADDRESS_SETTING[processor]) or ADDRESSES[processor, mode]


def seal_name(account_id: str) -> str:
    """What the seal of an account's secrets is bound to."""
    return f"processor_account:{account_id}"
