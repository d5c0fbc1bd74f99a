"""Who belongs to an organization: invited by mail, joined, given another role, removed. An organization always has an owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, set_organization, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.identity import letters, organizations, passwords, users
from ballast.ids import new_id, to_uuid
from ballast.models import Invitation, Membership, Organization, User
from ballast.models.access import open_invitations
from ballast.models.identity import ROLES, members_of
from ballast.security import hash_token, new_token

INVITATION_LASTS: Final = timedelta(days=7)
MOST: Final = 500


@dataclass(frozen=True)
class Person:
    """A member (id `usr_…`) or somebody invited (id `inv_…`)."""

    id: str
    email: str
    full_name: str
    role: str
    status: str
    since: datetime
    expires_at: datetime | None = None


def role_named(given: str) -> str:
    """The role as it is stored. Raises InvalidRequest."""
    if given.lower() not in ROLES:
        raise InvalidRequest("role_unknown", f"A role is one of {', '.join(ROLES)}.", param="role")
    return given.lower()


def everyone(organization_id: str) -> list[Person]:
    """Members, then who is invited."""
    joined = db.session.execute(members_of(organization_id).limit(MOST))
    return [
        *(_member(membership, user) for membership, user in joined),
        *(_invited(one) for one in db.session.scalars(open_invitations(organization_id).limit(MOST))),
    ]


def find(organization_id: str, member_id: str) -> Person:
    """One member or invitation. Raises NotFound."""
    if to_uuid(member_id, "inv"):
        return _invited(_invitation(organization_id, member_id))
    membership, user = _membership(organization_id, member_id)
    return _member(membership, user)


def _member(membership: Membership, user: User) -> Person:
    return Person(user.id, user.email, user.full_name, membership.role, "active", membership.created_at)


def _invited(one: Invitation) -> Person:
    status = "invited" if one.expires_at > real_time() else "expired"
    return Person(one.id, one.email, "", one.role, status, one.created_at, one.expires_at)


def _membership(organization_id: str, user_id: str) -> tuple[Membership, User]:
    if to_uuid(user_id, "usr") is None:
        raise NotFound("member", user_id[:64])
    row = db.session.execute(members_of(organization_id).where(User.id == user_id)).first()
    if row is None:
        raise NotFound("member", user_id)
    return row[0], row[1]


def _invitation(organization_id: str, invitation_id: str) -> Invitation:
    if to_uuid(invitation_id, "inv") is None:
        raise NotFound("invitation", invitation_id[:64])
    found = db.session.scalars(open_invitations(organization_id).where(Invitation.id == invitation_id)).first()
    if found is None:
        raise NotFound("invitation", invitation_id)
    return found


# --- Inviting ----------------------------------------------------------------------------------------------------------------


def invite(organization_id: str, email: str, role: str, invited_by: str | None) -> Person:
    """Ask somebody to join, by mail, for seven days; asking again ends the older link. In the caller's transaction.

    Raises InvalidRequest, and Conflict(`member_exists`, `members_full`).
    """
    address, role = passwords.address(email), role_named(role)
    organization = organizations.locked(organization_id)
    present = everyone(organization_id)
    if any(one.email == address and one.status == "active" for one in present):
        raise Conflict("member_exists", "This person is a member already.", param="email")
    if len(present) >= MOST:
        raise Conflict("members_full", f"An organization has at most {MOST} members and open invitations.")
    for older in db.session.scalars(open_invitations(organization_id).where(Invitation.email == address)):
        older.revoked_at = real_time()
    db.session.flush()
    token = new_token()
    made = Invitation(
        id=new_id("inv"),
        organization_id=organization_id,
        email=address,
        role=role,
        token_hash=hash_token(token),
        invited_by=invited_by,
        expires_at=real_time() + INVITATION_LASTS,
    )
    db.session.add(made)
    audit.record(organization_id, "member.invited", "invitation", made.id, {"email": address, "role": role})
    _write(organization, made, token)
    return _invited(made)


def _write(organization: Organization, made: Invitation, token: str) -> None:
    letters.write(
        organization.id,
        "invitation",
        made.email,
        f"Join {organization.name} at Ballast",
        made.id,
        {"role": made.role, "link_url": letters.url(f"/invitations/{token}"), "expires_at": made.expires_at},
    )


def opened(token: str) -> tuple[Invitation, Organization, User | None]:
    """What an invitation's link leads to, and the account of its address. The context works for its organization from here on.

    Raises NotFound when it is unknown, answered, taken back or lapsed.
    """
    organization_id = users.lookup("organization_of_invitation", hash_token(token))
    if organization_id is None:
        raise NotFound("invitation")
    set_organization(organization_id)
    wanted = open_invitations(organization_id).where(Invitation.token_hash == hash_token(token)).with_for_update()
    found = db.session.scalars(wanted.execution_options(populate_existing=True)).first()
    if found is None or found.expires_at <= real_time():
        raise NotFound("invitation")
    user = db.session.scalars(select(User).where(User.email == found.email)).first()
    return found, organizations.find(organization_id), user


@dataclass(frozen=True)
class Newcomer:
    """What somebody without an account typed on the invitation's page."""

    full_name: str
    password: str = field(repr=False)


def accept(token: str, newcomer: Newcomer | None, user_id: str | None) -> tuple[User, str]:
    """Join: as the signed-in user whose address was invited, or with a new account for it. The link proves the address.

    Answers the user and the organization's id. Raises NotFound, InvalidRequest, and Conflict(`sign_in_first`) when the address has
    an account that is not signed in.
    """
    with transaction() as session:
        invitation, organization, user = opened(token)
        if user is None:
            if newcomer is None:
                raise InvalidRequest("password_missing", "Choose a password.", param="password")
            user = _sign_up(invitation.email, newcomer)
        elif user.id != user_id:
            raise Conflict("sign_in_first", f"Sign in as {invitation.email} to join.")
        user.email_verified = True
        invitation.accepted_at = real_time()
        joins = insert(Membership).values(organization_id=organization.id, user_id=user.id, role=invitation.role)
        session.execute(joins.on_conflict_do_nothing())
        changes = {"email": user.email} | audit.differences({}, {"role": invitation.role})
        audit.record(organization.id, "member.joined", "user", user.id, changes)
        joined, organization_id = user.id, organization.id
    return db.session.scalars(select(User).where(User.id == joined)).one(), organization_id


def _sign_up(email: str, newcomer: Newcomer) -> User:
    hashed = passwords.hashed(newcomer.password, email)
    user = User(
        id=new_id("usr"), email=email, full_name=" ".join(newcomer.full_name.split())[:120], password_hash=hashed
    )
    db.session.add(user)
    db.session.flush()
    return user


# --- Changing ----------------------------------------------------------------------------------------------------------------


def change_role(organization_id: str, member_id: str, role: str) -> Person:
    """Give a member, or somebody invited, another role. In the caller's transaction. Raises NotFound, Conflict(`last_owner`)."""
    role = role_named(role)
    organizations.locked(organization_id)
    changed: Any
    if to_uuid(member_id, "inv"):
        changed = _invitation(organization_id, member_id)
    else:
        changed, _user = _membership(organization_id, member_id)
        if changed.role == "owner" and role != "owner":
            _keep_an_owner(organization_id)
    before, changed.role = changed.role, role
    db.session.flush()
    if before != role:
        audit.record(
            organization_id, "member.role_changed", "user", member_id, {"role": {"before": before, "after": role}}
        )
    return find(organization_id, member_id)


def remove(organization_id: str, member_id: str) -> Person:
    """Remove a member, or take an invitation back. In the caller's transaction. Raises NotFound, Conflict(`last_owner`)."""
    organizations.locked(organization_id)
    gone = find(organization_id, member_id)
    if gone.status != "active":
        _invitation(organization_id, member_id).revoked_at = real_time()
        audit.record(organization_id, "member.uninvited", "invitation", member_id, {"email": gone.email})
        return gone
    if gone.role == "owner":
        _keep_an_owner(organization_id)
    membership, _user = _membership(organization_id, member_id)
    db.session.delete(membership)
    changes = {"email": gone.email} | audit.differences({"role": gone.role}, {})
    audit.record(organization_id, "member.removed", "user", member_id, changes)
    return gone


def _keep_an_owner(organization_id: str) -> None:
    """Under the organization's lock: of two owners who leave at once, one is the last. Banned owners count for nothing."""
    wanted = select(func.count()).select_from(Membership).join(User, User.id == Membership.user_id)
    owners = db.session.scalar(
        wanted.where(
            Membership.organization_id == organization_id, Membership.role == "owner", User.banned_at.is_(None)
        )
    )
    if (owners or 0) <= 1:
        raise Conflict("last_owner", "An organization needs an owner. Make somebody else an owner first.")
