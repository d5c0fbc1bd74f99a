"""The demo organization: Acme Corp and its shop, Acme Coffee. Planted on a first start, mended on every later one."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

from sqlalchemy import select

from ballast import config
from ballast.billing import accounts, demo_shop, processing, sandbox_hooks
from ballast.billing.account_fields import NAMED_BY
from ballast.billing.financing import offers
from ballast.db import db, end_reading, set_organization, transaction
from ballast.errors import BallastError
from ballast.identity import api_keys, users
from ballast.ids import new_id
from ballast.models import ApiKey, Membership, Organization, ProcessorAccount, User, WebhookEndpoint
from ballast.notifications import webhooks
from ballast.security import hash_password, hash_token, keyring, new_webhook_secret

log = logging.getLogger(__name__)
SLUG = "acme"
PEOPLE = {
    "owner": ("owner@acme.test", "Ada Okafor", "owner"),
    "admin": ("admin@acme.test", "Jun Watanabe", "admin"),
    "viewer": ("viewer@acme.test", "Lena Brandt", "viewer"),
    "staff": ("staff@ballast.test", "Sam Rivera", None),
    "shopper": ("shopper@example.com", "Noor Haddad", None),
}
# Where the fields of the demo's accounts stand in the environment.
ENVIRONMENT = {
    "stripe": {
        "publishable_key": "STRIPE_PUBLISHABLE_KEY",
        "secret_key": "STRIPE_SECRET_KEY",
        "webhook_secret": "STRIPE_WEBHOOK_SECRET",
    },
    "braintree": {
        "merchant_id": "BRAINTREE_MERCHANT_ID",
        "public_key": "BRAINTREE_PUBLIC_KEY",
        "secret_key": "BRAINTREE_PRIVATE_KEY",
    },
    "square": {
        "publishable_key": "SQUARE_APPLICATION_ID",
        "secret_key": "SQUARE_ACCESS_TOKEN",
        "location_id": "SQUARE_LOCATION_ID",
        "webhook_secret": "SQUARE_WEBHOOK_SIGNATURE_KEY",
    },
}


def plant(known: dict[str, Any]) -> dict[str, Any]:
    """Put Acme Corp in place and answer its credentials: {api_key, webhook_secret, owner, admin, viewer, staff, shopper, …}, with
    `complaints`: a sentence for each processor whose keys in the environment are of no use.

    `known` is what an earlier call answered: passwords, key and secret that still hold are kept, others are made anew.
    """
    organization_id = _organization()
    set_organization(organization_id)
    with transaction():
        organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
        people = {name: _person(organization, name, known.get(name)) for name in PEOPLE}
        db.session.flush()
        _catalog(organization)
        found = {
            **people,
            "organization": organization.id,
            "api_key": _api_key(organization, known.get("api_key")),
            "webhook_secret": _endpoint(organization, known.get("webhook_secret")),
            "store_path": f"/shop/{SLUG}/",
        }
    return found | {"complaints": _connect_processors(organization_id)}


def _organization() -> str:
    existing = users.organization_by_slug(SLUG)
    if existing is not None:
        return existing.id
    made = new_id("org")
    set_organization(made)
    with transaction() as session:
        session.add(
            Organization(id=made, name="Acme Corp", shop_name="Acme Coffee", slug=SLUG, currency="USD", plan="GROWTH")
        )
    return made


def _person(organization: Organization, name: str, known: dict[str, str] | None) -> dict[str, str]:
    email, full_name, role = PEOPLE[name]
    user = db.session.scalars(select(User).where(User.email == email)).first()
    password = (known or {}).get("password") or secrets.token_urlsafe(9)
    if user is None:
        user = User(
            id=new_id("usr"),
            email=email,
            full_name=full_name,
            email_verified=True,
            is_admin=name == "staff",
            password_hash="",
        )
        db.session.add(user)
        db.session.flush()
    if not known or not user.password_hash:
        user.password_hash = hash_password(password)
    is_member = users.role_in(organization.id, user.id) is not None
    if role and not is_member:
        db.session.add(Membership(organization_id=organization.id, user_id=user.id, role=role))
    return {"email": email, "password": password}


def plant_catalog(organization_id: str) -> int:
    """Put the shop's products in place that are not there; answers how many that were. Work for the organization first."""
    with transaction() as session:
        organization = session.scalars(select(Organization).where(Organization.id == organization_id)).one()
        return _catalog(organization)


def _catalog(organization: Organization) -> int:
    planted = demo_shop.plant(organization)
    if not offers.has_any(organization.id):
        offers.ready_made(organization)
    return planted


def _api_key(organization: Organization, known: str | None) -> str:
    if known:
        wanted = select(ApiKey).where(ApiKey.organization_id == organization.id, ApiKey.token_hash == hash_token(known))
        key = db.session.scalars(wanted).first()
        if key is not None and key.usable:
            return known
    _key, token = api_keys.create(organization, "Demo key", None)
    return token


def _endpoint(organization: Organization, known: str | None) -> str:
    """The demo's webhook endpoint is the sandbox's receiver, which plays the merchant's server."""
    settings = config.current()
    url = f"{settings.sandbox_url}/_sandbox/receiver"
    existing = db.session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization.id, WebhookEndpoint.url.like("%/_sandbox/receiver"))
        .limit(1)
    ).first()
    secret = known or new_webhook_secret()
    if existing is None:
        webhooks.create_endpoint(organization.id, url, ["*"], secret)
        return secret
    existing.url, existing.enabled = url, True
    existing.secret = keyring().encrypt(secret, f"webhook_endpoint:{existing.id}")
    return secret


def _connect_processors(organization_id: str) -> list[str]:
    """The demo's processor accounts, from STRIPE_*, BRAINTREE_* and SQUARE_*; the first of them takes the new cards.

    At the sandbox, webhooks are made as a merchant would make them; a real account's are its owner's. Answers what is wrong.
    """
    complaints = []
    for processor, given in _given_accounts().items():
        try:
            account_id = _connect(organization_id, processor, given)
        except BallastError as error:
            name = ENVIRONMENT[processor].get(error.param or "", "its keys")
            complaints.append(f"{processor.capitalize()} is left out, see {name} in the environment: {error.message}")
            continue
        if problem := accounts.check(organization_id, account_id).problem:
            complaints.append(f"{processor.capitalize()} will not work with the keys in the environment: {problem}")
        if _is_played(organization_id, account_id) and not given.get("webhook_secret"):
            sandbox_hooks.listen(organization_id, account_id)
    for complaint in complaints:
        log.error(complaint)
    return complaints


def _is_played(organization_id: str, account_id: str) -> bool:
    """Whether the sandbox plays this account."""
    account = processing.open_account(accounts.find(organization_id, account_id))
    end_reading()
    return account.credentials.api_base == config.current().sandbox_url


def _given_accounts() -> dict[str, dict[str, str]]:
    """What the environment says of each processor it says anything of."""
    settings = config.current()
    given = {
        processor: {field: str(getattr(settings, name.lower())) for field, name in names.items()}
        for processor, names in ENVIRONMENT.items()
    }
    return {processor: fields for processor, fields in given.items() if any(fields.values())}


def _connect(organization_id: str, processor: str, given: dict[str, str]) -> str:
    """The account these fields open, with these credentials from now on. Raises what `accounts.add` raises."""
    name = NAMED_BY[processor]
    with transaction() as session:
        organization = session.scalars(select(Organization).where(Organization.id == organization_id)).one()
        known = session.scalars(
            select(ProcessorAccount).where(
                ProcessorAccount.organization_id == organization_id,
                ProcessorAccount.processor == processor,
                ProcessorAccount.public_config[name]
                .as_string()
                .op("~")(f"^{re.escape(given[name])}(_r[0-9a-f]{{6}})?$"),
            )
        ).first()
        if known is not None and known.public_config[name] != given[name]:
            return known.id  # the sandbox was started over: its accounts are named after these
        if known is not None:
            accounts.replace_credentials(known, organization, given)
            return known.id
        return accounts.add(organization, processor, given).id
