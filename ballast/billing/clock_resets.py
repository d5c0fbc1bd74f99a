"""Starting a sandbox over: the old organization is archived with all its books, a new one takes its place and its address.

Copied: settings, members, catalog, coupons, tax rates, financing offers, webhook endpoints; API keys move along. Not copied:
customers, payments, subscriptions, agreements, the ledger. Each processor account gets a fresh one at the sandbox.

It is one transaction. If the process dies before its commit nothing has happened; after it, hooks that were not registered are
registered by hand ("Register" on the processor's page), and the sandbox is asked again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, select, update

from ballast import audit
from ballast.billing import accounts, clocks, sandbox_hooks
from ballast.billing.account_fields import FIELDS
from ballast.clock import real_time
from ballast.db import db, set_organization, transaction
from ballast.errors import Conflict
from ballast.identity import organizations
from ballast.ids import new_id
from ballast.models import (
    ApiKey,
    Attempt,
    BillingSettings,
    Coupon,
    FinancingOffer,
    FinancingSettings,
    Membership,
    Organization,
    Price,
    ProcessorAccount,
    Product,
    PromotionCode,
    TaxRate,
    WebhookEndpoint,
)
from ballast.models.states import OPEN_ATTEMPT
from ballast.security import keyring

# What comes along, each after what it refers to, and what begins anew in it.
COPIED: Final[tuple[tuple[type[Any], dict[str, Any]], ...]] = (
    (Membership, {}),
    (BillingSettings, {"next_invoice": 1, "next_credit_note": 1}),
    (FinancingSettings, {}),
    (Product, {}),
    (Price, {}),
    (Coupon, {"redeemed": 0}),
    (PromotionCode, {"redeemed": 0}),
    (TaxRate, {}),
    (FinancingOffer, {"idempotency_key": None}),
    (WebhookEndpoint, {"sequence": 0, "failing_since": None, "old_secret": None, "old_secret_until": None}),
    (ApiKey, {"last_used_at": None}),
)
PREFIXES: Final = {
    "Product": "prod",
    "Price": "price",
    "Coupon": "cpn",
    "PromotionCode": "promo",
    "TaxRate": "txr",
    "FinancingOffer": "offer",
    "WebhookEndpoint": "we",
    "ApiKey": "key",
}
# By what part of its keys the sandbox knows an account.
NAMED_IN: Final = {
    "stripe": ("publishable_key", "secret_key"),
    "braintree": ("merchant_id",),
    "square": ("publishable_key", "secret_key"),
}
SUFFIX: Final = re.compile(r"_r[0-9a-f]{6}$")
Row = dict[str, Any]


def reset(organization_id: str) -> str:
    """Archive the organization and put a fresh one in its place, in real time again; answers the new one's id.

    The context works for the new one from then on. Raises Conflict(`clock_not_allowed`, `clock_is_moving`, `payment_in_progress`).
    """
    made = new_id("org")
    with transaction():
        old = organizations.locked(organization_id, against_payments=True)
        _refuse(old)
        rows = {model: _read(model, organization_id) for model, _fresh in COPIED}
        known = sorted(accounts.all_of(organization_id), key=lambda one: not one.is_default)
        keys = [(one.processor, _opening(one), _routing(one)) for one in known]
        settings, slug = _settings_of(old), old.slug
        _put_away(old, made)
        set_organization(made)
        _take_place(Organization(id=made, slug=slug, **settings), organization_id)
        _plant(made, rows)
        connected = _connect(made, keys)
    _register(made, connected)
    return made


def _refuse(old: Organization) -> None:
    if not clocks.may_have_clock(old):
        said = "Only an organization all of whose processors are the local sandbox can be started over."
        raise Conflict("clock_not_allowed", said)
    if old.clock_target_at is not None:
        raise Conflict("clock_is_moving", "The clock is being moved. Wait until it has arrived.")
    wanted = select(Attempt.id).where(
        Attempt.organization_id == old.id,
        Attempt.status.in_([state for state in OPEN_ATTEMPT if state != "action_required"]),
    )
    if db.session.scalars(wanted.limit(1)).first() is not None:
        raise Conflict("payment_in_progress", "A payment is under way. Wait until its outcome is known.")


def _settings_of(old: Organization) -> Row:
    names = ("name", "shop_name", "plan", "mode", "currency", "timezone", "requires_second_factor", "card_testing")
    return {name: getattr(old, name) for name in names} | {"metadata_": old.metadata_}


def _read(model: type[Any], organization_id: str) -> list[Row]:
    """The model's rows, by attribute."""
    wanted = select(model).where(model.organization_id == organization_id)
    wanted = wanted.order_by(*([model.id] if hasattr(model, "id") else []))
    names = [attribute.key for attribute in model.__mapper__.column_attrs]
    return [{name: getattr(row, name) for name in names} for row in db.session.scalars(wanted)]


def _opening(account: ProcessorAccount) -> dict[str, str]:
    """Everything that opens an account, but for the secret of its hooks: those are registered anew."""
    found = {**account.public_config, **accounts.kept_secrets(account)}
    return {name: value for name, value in found.items() if name != "webhook_secret"}


def _routing(account: ProcessorAccount) -> Row:
    """Which new cards go there."""
    names = ("name", "enabled", "share", "currencies", "amount_from", "amount_to")
    return {name: getattr(account, name) for name in names}


def _put_away(old: Organization, successor: str) -> None:
    """Its address is free, its keys and hooks do nothing any more, nobody is a member; its books stay."""
    at = real_time()
    old.slug = f"{old.slug[:40].rstrip('-')}-{secrets.token_hex(4)}"
    old.clock_at, old.archived_at = old.clock_at or at.replace(microsecond=0), at
    audit.record(old.id, "organization.reset", "organization", old.id, {"successor": successor})
    for key in db.session.scalars(select(ApiKey).where(ApiKey.organization_id == old.id)):
        key.token_hash, key.revoked_at = secrets.token_bytes(32), key.revoked_at or at
    hooks = update(WebhookEndpoint).where(WebhookEndpoint.organization_id == old.id)
    db.session.execute(hooks.values(enabled=False, disabled_at=at, disabled_because="by_hand"))
    db.session.execute(delete(Membership).where(Membership.organization_id == old.id))
    db.session.flush()


def _take_place(new: Organization, predecessor: str) -> None:
    db.session.add(new)
    db.session.flush()
    audit.record(new.id, "organization.created", "organization", new.id, {"predecessor": predecessor})


def _plant(organization_id: str, rows: Mapping[type[Any], list[Row]]) -> None:
    """The rows again, with new ids that refer to each other as the old ones did."""
    ids: dict[str, str] = {}
    for model, fresh in COPIED:
        made = [_copy(model, row, organization_id, ids) | fresh for row in rows[model]]
        db.session.add_all(model(**row) for row in made)
        db.session.flush()


def _copy(model: type[Any], row: Row, organization_id: str, ids: dict[str, str]) -> Row:
    copied: Row = {name: _renamed(value, ids) for name, value in row.items()}
    copied["organization_id"] = organization_id
    prefix = PREFIXES.get(model.__name__)
    if prefix:
        copied["id"] = ids[row["id"]] = new_id(prefix)
    if model is WebhookEndpoint:
        copied["secret"] = _resealed(row["secret"], row["id"], copied["id"])
    return copied


def _renamed(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


def _resealed(sealed: bytes, old_id: str, new_id_: str) -> bytes:
    plain = keyring().decrypt(sealed, f"webhook_endpoint:{old_id}")
    return keyring().encrypt(plain, f"webhook_endpoint:{new_id_}")


def _connect(organization_id: str, keys: list[tuple[str, dict[str, str], Row]]) -> list[str]:
    """Fresh accounts at the sandbox, named after the old ones; the first is the default."""
    organization = organizations.find(organization_id)
    suffix = f"_r{secrets.token_hex(3)}"
    made = []
    for processor, given, routing in keys:
        account = accounts.add(organization, processor, _fresh(processor, given, suffix))
        for name, value in routing.items():
            setattr(account, name, value)
        made.append(account.id)
    return made


def _fresh(processor: str, given: dict[str, str], suffix: str) -> dict[str, str]:
    known = {field.name for field in FIELDS[processor]}
    fresh = {name: value for name, value in given.items() if name in known}
    for name in NAMED_IN[processor]:
        fresh[name] = SUFFIX.sub("", fresh[name]) + suffix
    if processor == "square":
        fresh["location_id"] = f"L{fresh['publishable_key'].removeprefix('sandbox-sq0idb-')}"
    return fresh


def _register(organization_id: str, account_ids: list[str]) -> None:
    """Have the sandbox say what the accounts take, and send their events here."""
    for account_id in account_ids:
        accounts.check(organization_id, account_id)
        sandbox_hooks.listen(organization_id, account_id)
