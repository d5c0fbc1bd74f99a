"""Organizations: made with a name and an address nobody else has, and changed by their owners."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from zoneinfo import available_timezones

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from ballast import audit
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.identity import users
from ballast.ids import new_id
from ballast.models import Membership, Organization, ProcessorAccount, User
from ballast.money import exponent

SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_DERIVED: Final = 48
LONGEST_NAME: Final = 120
MOST_METADATA: Final = 20
EDITABLE: Final = ("name", "shop_name", "slug", "currency", "timezone", "metadata")


def derive_slug(name: str) -> str:
    """The address of a shop of this name: "Café Zoë & Co." → `cafe-zoe-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_DERIVED].strip("-") or "shop"


def _candidates(name: str) -> Iterator[str]:
    base = derive_slug(name)
    yield base
    yield from (f"{base}-{number}" for number in range(2, 10))
    yield from (f"{base}-{secrets.token_hex(4)}" for _ in range(3))


def create(organization_id: str, name: str, archived_at: datetime | None = None, mode: str = "sandbox") -> Organization:
    """A new organization under this id. In the caller's transaction, whose organization it must be. Raises Conflict(`slug_taken`)."""
    for slug in _candidates(name):
        made = Organization(
            id=organization_id, name=name, shop_name=name, slug=slug, mode=mode, archived_at=archived_at
        )
        try:
            with db.session.begin_nested():
                db.session.add(made)
        except IntegrityError as error:
            if "uq_organizations_slug" not in str(error.orig):
                raise
        else:
            said = {"name": name, "mode": mode}
            audit.record(organization_id, "organization.created", "organization", organization_id, said)
            return made
    raise Conflict(
        "slug_taken", "Every address like this name is taken. Choose another name.", param="organization_name"
    )


def begin_for(email: str, name: str, mode: str) -> Organization:
    """A new organization, owned by somebody with an account. By platform staff: nobody else begins a live one.

    Raises NotFound, InvalidRequest, Conflict(`slug_taken`, `user_banned`).
    """
    organization_id = new_id("org")
    with organization(organization_id), transaction() as session:
        owner = users.locked_by_email(email)
        if owner.banned_at is not None:
            raise Conflict("user_banned", f"{owner.email} is banned.")
        create(organization_id, _name(name), mode=mode)
        session.add(Membership(organization_id=organization_id, user_id=owner.id, role="owner"))
        record_owner(organization_id, owner)
    with organization(organization_id):
        return find(organization_id)


def record_owner(organization_id: str, owner: User) -> None:
    """Note that somebody is an owner from here on."""
    changes = {"email": owner.email} | audit.differences({}, {"role": "owner"})
    audit.record(organization_id, "member.joined", "user", owner.id, changes)


def find(organization_id: str) -> Organization:
    """The organization this context works for."""
    return db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()


def locked(organization_id: str, against_payments: bool = False) -> Organization:
    """The organization, and nobody else changes its settings or members until the transaction ends. (Payments go on, unless
    `against_payments`: then whatever refers to the organization waits too.)"""
    wanted = select(Organization).where(Organization.id == organization_id)
    wanted = wanted.with_for_update(key_share=not against_payments)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def change(organization_id: str, fields: dict[str, Any]) -> Organization:
    """Set some of EDITABLE; what changed is audited, before and after. In the caller's transaction.

    Raises InvalidRequest with the field as `param`, and Conflict(`slug_taken`).
    """
    found = locked(organization_id)
    checked = {name: CHECKS[name](value) for name, value in fields.items()}
    _check_currency_may_change(found, checked)
    changes = {}
    for name, value in checked.items():
        attribute = "metadata_" if name == "metadata" else name
        before = getattr(found, attribute)
        if before != value:
            changes[name] = {"before": before, "after": value}
            setattr(found, attribute, value)
    if changes:
        _flush_with_slug()
        audit.record(organization_id, "organization.updated", "organization", organization_id, changes)
    return found


def _flush_with_slug() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        if "uq_organizations_slug" not in str(error.orig):
            raise
        raise Conflict("slug_taken", "This address is taken. Choose another.", param="slug") from None


def _check_currency_may_change(found: Organization, checked: dict[str, Any]) -> None:
    """Bounds of processor accounts are amounts of the organization's currency: with another one they would say something else."""
    if checked.get("currency", found.currency) == found.currency:
        return
    bounded = exists().where(
        ProcessorAccount.organization_id == found.id,
        ProcessorAccount.amount_from.is_not(None) | ProcessorAccount.amount_to.is_not(None),
    )
    if db.session.scalar(select(bounded)):
        raise Conflict(
            "currency_in_use", "Processor accounts have amounts in this currency. Clear those first.", param="currency"
        )


def _name(value: str) -> str:
    cleaned = " ".join(value.split())
    if not 1 <= len(cleaned) <= LONGEST_NAME:
        raise InvalidRequest("parameter_invalid", f"A name has 1 to {LONGEST_NAME} characters.", param="name")
    return cleaned


def _shop_name(value: str) -> str:
    cleaned = " ".join(value.split())
    if len(cleaned) > LONGEST_NAME:
        raise InvalidRequest(
            "parameter_invalid", f"A shop's name has at most {LONGEST_NAME} characters.", param="shop_name"
        )
    return cleaned


def _slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise InvalidRequest(
            "slug_invalid", "Use 1 to 63 small letters, digits and dashes, with no dash at an end.", param="slug"
        )
    return value


def _currency(value: str) -> str:
    if len(value) != 3 or not value.isascii():
        raise InvalidRequest("currency_unknown", "Use a code of ISO 4217, such as USD.", param="currency")
    exponent(value)
    return value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise InvalidRequest("timezone_unknown", "Use a name such as Europe/Berlin or UTC.", param="timezone")
    return value


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > MOST_METADATA:
        raise InvalidRequest("parameter_invalid", f"At most {MOST_METADATA} keys.", param="metadata")
    return value


CHECKS: Final[dict[str, Any]] = {
    "name": _name,
    "shop_name": _shop_name,
    "slug": _slug,
    "currency": _currency,
    "timezone": _timezone,
    "metadata": _metadata,
}
