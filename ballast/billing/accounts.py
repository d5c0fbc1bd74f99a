"""Accounts at the processors: whose they are, what opens them, and which of them new cards go to.

Secrets are sealed before they are stored and shown to nobody again. Mode follows the organization: what looks like a live key is
refused in a sandbox organization, and what looks like a test key in a live one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from ballast import audit, config, money
from ballast.billing import processing
from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Organization, ProcessorAccount
from ballast.models.customers import account_of, accounts_of, default_account
from ballast.processors.base import Connection
from ballast.security import keyring


@dataclass(frozen=True)
class Field:
    """One value that opens an account. `secret`: sealed and never shown. `live`, `test`: how such a value begins in each mode."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    live: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    hint: str = ""


# What each processor's accounts are opened with; `secret_key`, `publishable_key` and `webhook_secret` are named as in `Credentials`.
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "stripe": (
        Field("publishable_key", "Publishable key", live=("pk_live_",), test=("pk_test_",)),
        Field("secret_key", "Secret key", secret=True, live=("sk_live_", "rk_live_"), test=("sk_test_", "rk_test_")),
        Field("webhook_secret", "Webhook signing secret", secret=True, required=False, hint="Begins with whsec_."),
    ),
    "braintree": (
        Field("merchant_id", "Merchant ID"),
        Field("public_key", "Public key"),
        Field("secret_key", "Private key", secret=True),
        Field(
            "merchant_accounts",
            "Merchant accounts",
            required=False,
            hint="Which takes which currency, such as USD:acme_usd, EUR:acme_eur. Left empty, Braintree is asked.",
        ),
    ),
    "square": (
        Field("publishable_key", "Application ID", live=("sq0idp-",), test=("sandbox-sq0idb-",)),
        Field("secret_key", "Access token", secret=True),
        Field("location_id", "Location ID"),
        Field("webhook_secret", "Webhook signature key", secret=True, required=False),
    ),
}
# The field that tells accounts of one processor apart, where the processor has not told us yet.
NAMED_BY: Final = {"stripe": "publishable_key", "braintree": "merchant_id", "square": "location_id"}
TOO_LONG: Final = 2000


def read_fields(processor: str, mode: str, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The public values and the secrets among what was given.

    Raises InvalidRequest(`processor_unknown`, `processor_field_required`, `processor_field_invalid`, `processor_mode_mismatch`) with
    the field's name as `param`.
    """
    if processor not in FIELDS:
        raise InvalidRequest("processor_unknown", "Choose Stripe, Braintree or Square.", param="processor")
    found = {field.name: _read(field, mode, given.get(field.name, "").strip()) for field in FIELDS[processor]}
    public = {field.name: found[field.name] for field in FIELDS[processor] if not field.secret and found[field.name]}
    secrets = {field.name: found[field.name] for field in FIELDS[processor] if field.secret}
    return public, secrets


def _read(field: Field, mode: str, value: str) -> str:
    if not value and field.required:
        raise InvalidRequest("processor_field_required", f"Enter the {field.label.lower()}.", param=field.name)
    if len(value) > TOO_LONG or not value.isprintable():
        raise InvalidRequest("processor_field_invalid", f"This is no {field.label.lower()}.", param=field.name)
    wrong, right = (field.test, field.live) if mode == "live" else (field.live, field.test)
    if value.startswith(wrong) and wrong:
        kind = "live" if mode == "live" else "test"
        raise InvalidRequest(
            "processor_mode_mismatch",
            f"A {mode} organization takes {kind} keys only. This {field.label.lower()} belongs to the other world.",
            param=field.name,
        )
    if value and right and not value.startswith(right):
        raise InvalidRequest(
            "processor_field_invalid",
            f"This is no {field.label.lower()}: it begins with {' or '.join(right)}.",
            param=field.name,
        )
    return value


def add(organization: Organization, processor: str, given: Mapping[str, str]) -> ProcessorAccount:
    """An account with its secrets sealed; the organization's first one takes all new cards. In the caller's transaction.

    Raises what `read_fields` raises, Conflict(`processor_account_taken`) for an account that is connected already, here or elsewhere.
    """
    public, secrets = read_fields(processor, organization.mode, given)
    is_first = db.session.scalars(default_account(organization.id)).first() is None
    account = ProcessorAccount(
        id=new_id("pac"),
        organization_id=organization.id,
        processor=processor,
        name=given.get("name", "").strip()[:120],
        mode="live" if organization.mode == "live" else "test",
        external_account=given.get("external_account") or public[NAMED_BY[processor]],
        public_config=public,
        is_default=is_first,
        share=100 if is_first else 0,
        currencies=[],
        credentials=b"",
    )
    seal(account, secrets)
    db.session.add(account)
    _flush(account)
    changes = {"processor": processor, "external_account": account.external_account}
    audit.record(organization.id, "processor_account.added", "processor_account", account.id, changes)
    return account


def _flush(account: ProcessorAccount) -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        if "external_account" not in str(error.orig):
            raise
        raise Conflict(
            "processor_account_taken", f"This {account.processor.capitalize()} account is connected to Ballast already."
        ) from error


def seal(account: ProcessorAccount, secrets: Mapping[str, str]) -> None:
    """Put secrets into the account, sealed."""
    account.credentials = keyring().encrypt(json.dumps(dict(secrets)), processing.seal_name(account.id))


def unseal(account: ProcessorAccount) -> dict[str, str]:
    """The account's secrets. Raises ValueError for a broken seal."""
    found: dict[str, str] = json.loads(keyring().decrypt(account.credentials, processing.seal_name(account.id)))
    return found


def find(organization_id: str, account_id: str, lock: bool = False) -> ProcessorAccount:
    """The account. Raises NotFound."""
    wanted = account_of(organization_id, account_id) if to_uuid(account_id, "pac") else None
    if wanted is not None and lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalars(wanted).first() if wanted is not None else None
    if found is None:
        raise NotFound("processor account")
    return found


def replace_credentials(account: ProcessorAccount, organization: Organization, given: Mapping[str, str]) -> None:
    """New keys of the same account; a secret left empty stays as it is. In the caller's transaction.

    Raises what `read_fields` raises.
    """
    kept = unseal(account)
    filled = {name: value for name, value in given.items() if value.strip()}
    public, secrets = read_fields(account.processor, organization.mode, kept | filled)
    account.public_config = public
    seal(account, secrets)
    audit.record(organization.id, "processor_account.credentials_replaced", "processor_account", account.id)


def check(organization_id: str, account_id: str) -> Connection:
    """Try the account's credentials at the processor, and note what came of it. Raises NotFound."""
    opened = processing.open_account(find(organization_id, account_id))
    end_reading()
    found = processing.read(opened, lambda adapter: adapter.check())
    with transaction():
        account = find(organization_id, account_id, lock=True)
        account.checked_at, account.problem = real_time(), found.problem
        account.name = account.name or found.name
    return found


def listen(organization_id: str, account_id: str) -> bool:
    """Have the processor send its events here, where it can be told so; whether it was. Raises NotFound, UnavailableError."""
    account = find(organization_id, account_id)
    opened = processing.open_account(account)
    end_reading()
    if not processing.capabilities_of(opened.processor).registers_webhooks:
        return False
    secret = processing.read(opened, lambda adapter: adapter.listen(hook_url(opened.processor, account_id)))
    with transaction():
        account = find(organization_id, account_id, lock=True)
        seal(account, unseal(account) | {"webhook_secret": secret})
        audit.record(organization_id, "processor_account.webhook_registered", "processor_account", account_id)
    return True


def hook_url(processor: str, account_id: str) -> str:
    """Where a processor sends an account's events, exactly as it was told: Square signs this text too."""
    return f"{config.current().public_url}/hooks/{processor}/{account_id}"


def make_default(organization_id: str, account_id: str) -> None:
    """Take this account where nobody names one. In the caller's transaction.

    Raises NotFound, Conflict(`processor_account_disabled`).
    """
    account = find(organization_id, account_id, lock=True)
    if not account.enabled or account.archived_at:
        raise Conflict("processor_account_disabled", "Enable this account before making it the default.")
    db.session.execute(
        update(ProcessorAccount)
        .where(ProcessorAccount.organization_id == organization_id, ProcessorAccount.is_default)
        .values(is_default=False)
    )
    account.is_default = True
    db.session.flush()
    audit.record(organization_id, "processor_account.made_default", "processor_account", account_id)


@dataclass(frozen=True)
class Route:
    """Which new cards an account is for. `share`: 0 to 100; `currencies`: empty for all; amounts in minor units, both included."""

    share: int
    currencies: tuple[str, ...] = ()
    amount_from: int | None = None
    amount_to: int | None = None


def route(organization_id: str, account_id: str, wanted: Route) -> None:
    """Say which new cards an account is for. In the caller's transaction.

    Raises NotFound, InvalidRequest(`share_invalid`, `currency_unknown`, `amount_invalid`, `amount_range_invalid`).
    """
    account = find(organization_id, account_id, lock=True)
    if not 0 <= wanted.share <= 100:
        raise InvalidRequest("share_invalid", "A share is a whole number from 0 to 100.", param="share")
    for currency in wanted.currencies:
        money.exponent(currency)
    bounds = [bound for bound in (wanted.amount_from, wanted.amount_to) if bound is not None]
    if any(not 0 <= bound <= money.MAX_AMOUNT for bound in bounds):
        raise InvalidRequest("amount_invalid", "This amount is out of range.", param="amount_from")
    if bounds != sorted(bounds):
        raise InvalidRequest("amount_range_invalid", "The lowest amount is above the highest.", param="amount_to")
    account.share, account.currencies = wanted.share, list(wanted.currencies)
    account.amount_from, account.amount_to = wanted.amount_from, wanted.amount_to
    audit.record(
        organization_id,
        "processor_account.routed",
        "processor_account",
        account_id,
        {"share": wanted.share, "currencies": list(wanted.currencies)},
    )


def enable(organization_id: str, account_id: str, enabled: bool) -> None:
    """Take new cards again, or no more; what is stored there can be charged all the same. In the caller's transaction.

    Raises NotFound.
    """
    account = find(organization_id, account_id, lock=True)
    account.enabled = enabled
    verb = "enabled" if enabled else "disabled"
    audit.record(organization_id, f"processor_account.{verb}", "processor_account", account_id)


def archive(organization_id: str, account_id: str) -> None:
    """Put an account away: nothing new goes there, its tokens and attempts stay. In the caller's transaction.

    Raises NotFound, Conflict(`processor_account_default`).
    """
    account = find(organization_id, account_id, lock=True)
    if account.is_default:
        raise Conflict("processor_account_default", "Make another account the default first.")
    account.enabled, account.archived_at = False, real_time()
    audit.record(organization_id, "processor_account.archived", "processor_account", account_id)


def all_of(organization_id: str) -> list[ProcessorAccount]:
    """The organization's accounts that are not archived, the default one first."""
    return list(db.session.scalars(accounts_of(organization_id)))
