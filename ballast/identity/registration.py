"""Registering: a person and an organization.

Nobody learns here who has an account. For an address that has one, the same things are made by the same work and the same is
answered, but the organization waits for the account's owner, who gets mail and may take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast import audit, config
from ballast.clock import real_time
from ballast.db import db, organization, set_organization, transaction
from ballast.errors import InvalidRequest
from ballast.identity import letters, links, organizations, passwords, throttle
from ballast.ids import new_id
from ballast.models import Membership, Organization, User


@dataclass(frozen=True)
class Registration:
    """What somebody typed."""

    email: str
    password: str = field(repr=False)
    full_name: str
    organization_name: str


def register(asked: Registration) -> Organization:
    """Make an organization and the account that owns it, and write to the address.

    Raises InvalidRequest, RateLimited. The organization is answered as made, whoever owned the address before.
    """
    email = passwords.address(asked.email)
    name = " ".join(asked.organization_name.split())
    if not 1 <= len(name) <= organizations.LONGEST_NAME:
        raise InvalidRequest("parameter_invalid", "Say what your organization is called.", param="organization_name")
    throttle.check("register", email)
    hashed = passwords.hashed(asked.password, email)
    organization_id = new_id("org")
    set_organization(organization_id)
    with transaction() as session:
        user_id = _insert_user(email, hashed, " ".join(asked.full_name.split()))
        waits = user_id is None or config.current().needs_verified_email
        made = organizations.create(organization_id, name, real_time() if waits else None)
        if user_id is None:
            _tell_owner_of_address(email, hashed, made)
        else:
            session.add(Membership(organization_id=organization_id, user_id=user_id, role="owner"))
            session.flush()
            user = _user(user_id)
            organizations.record_owner(organization_id, user)
            _welcome(user, made)
    return organizations.find(organization_id)


def _insert_user(email: str, hashed: str, full_name: str) -> str | None:
    """The new user's id, None when the address has an account (of two at once, one finds the other's)."""
    wanted = insert(User).values(id=new_id("usr"), email=email, full_name=full_name, password_hash=hashed)
    return db.session.scalar(wanted.on_conflict_do_nothing(index_elements=["email"]).returning(User.id))


def _welcome(user: User, made: Organization) -> None:
    link, token = links.make(user.id, "verify_email", {"organization": made.id})
    letters.write(
        made.id,
        "verify_email",
        user.email,
        "Confirm your address",
        link.id,
        {"user": user, "link_url": letters.url(f"/verify-email/{token}")},
    )


def _tell_owner_of_address(email: str, hashed: str, made: Organization) -> None:
    user = db.session.scalars(select(User).where(User.email == email)).one()
    link, token = links.make(user.id, "claim_organization", {"organization": made.id, "password": hashed})
    letters.write(
        made.id,
        "claim_organization",
        user.email,
        f"Add {made.name} to your account",
        link.id,
        {"user": user, "link_url": letters.url(f"/claim/{token}")},
    )


def verify(token: str) -> User:
    """The address is whose it says; what waited for that begins. Raises NotFound."""
    with transaction():
        link, user = links.use("verify_email", token)
        user.email_verified = True
        _record_verified(user)
        _open(link.data.get("organization"))
        user_id = user.id
    return _user(user_id)


def claim(token: str) -> str:
    """The account's owner takes the organization that was registered with their address; its id. Raises NotFound.

    An address that was never confirmed may have been registered by a stranger first. Whoever reads its mail wins: the password
    that came with this registration replaces the stranger's, and the stranger is signed out.
    """
    with transaction() as session:
        link, user = links.use("claim_organization", token)
        organization_id: str = link.data["organization"]
        if not user.email_verified:
            user.email_verified, user.password_hash = True, link.data["password"]
            user.token_generation += 1
            _record_verified(user)
            audit.record_platform("user.password_changed", "user", user.id)
        with organization(organization_id):
            session.add(Membership(organization_id=organization_id, user_id=user.id, role="owner"))
            _open(organization_id)
            organizations.record_owner(organization_id, user)
            session.flush()
    return organization_id


def _open(organization_id: str | None) -> None:
    if organization_id is None:
        return
    with organization(organization_id):
        found = organizations.find(organization_id)
        if found.archived_at is not None:
            found.archived_at = None
            changes = audit.differences({"archived": True}, {"archived": False})
            audit.record(organization_id, "organization.opened", "organization", organization_id, changes)
        db.session.flush()


def _record_verified(user: User) -> None:
    changes = audit.differences({"email_verified": False}, {"email_verified": True})
    audit.record_platform("user.email_verified", "user", user.id, changes)


def _user(user_id: str) -> User:
    return db.session.scalars(select(User).where(User.id == user_id)).one()
