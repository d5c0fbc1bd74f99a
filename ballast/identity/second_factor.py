"""A second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when the phone is gone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

import pyotp
from sqlalchemy import select

from ballast import audit, config
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.identity import letters, organizations, reasons, throttle, users
from ballast.models import Organization, User
from ballast.security import hash_token, keyring, new_token, same, verify_password

ISSUER: Final = "Ballast"
STEP_SECONDS: Final = 30
# A phone's clock may be off by one step, both ways.
DRIFT: Final = (-1, 0, 1)
RECOVERY_CODES: Final = 10
# Of 24 bits each: with 120 in all, a plain hash of a code cannot be guessed back.
RECOVERY_GROUPS: Final = 5
WRONG: Final = "This code does not fit. Use the newest one your app shows."


@dataclass(frozen=True)
class Setup:
    """What an app needs to know: the secret, and the same as an address for a QR code."""

    secret: str
    uri: str


def is_on(user: User) -> bool:
    """Whether signing in takes a code."""
    return user.totp_confirmed_at is not None


def begin(user_id: str) -> Setup:
    """A new secret, which counts once a code of it was given. Raises Conflict when there is a second factor."""
    with transaction():
        user = users.locked(user_id)
        _refuse_if_on(user)
        user.totp_secret = keyring().encrypt(pyotp.random_base32(), _context(user_id))
        return _setup(user)


def pending(user_id: str) -> Setup:
    """The secret that waits for its first code. Raises Conflict when none does."""
    user = db.session.scalars(select(User).where(User.id == user_id)).one()
    _refuse_if_on(user)
    if user.totp_secret is None:
        raise Conflict("second_factor_not_begun", "Begin setting up the second factor first.")
    return _setup(user)


def confirm(user_id: str, code: str) -> list[str]:
    """The second factor is on; its recovery codes, shown this once. Raises InvalidRequest, Conflict, RateLimited."""
    pending(user_id)
    db.session.rollback()
    with transaction():
        user = users.locked(user_id)
        _refuse_if_on(user)
        throttle.check("second_factor", user.email)
        if not _fits(user, code):
            raise InvalidRequest("second_factor_wrong", WRONG, param="code")
        codes = ["-".join(secrets.token_hex(3) for _ in range(RECOVERY_GROUPS)) for _ in range(RECOVERY_CODES)]
        user.totp_confirmed_at = real_time()
        user.recovery_codes = [hash_token(one) for one in codes]
        audit.record_platform("user.second_factor_on", "user", user.id, _switched(True))
    return codes


def passes(user_id: str, code: str) -> bool:
    """Whether the code opens: of the app, once each, or a recovery code, which is used up. Raises RateLimited."""
    with transaction():
        user = users.locked(user_id)
        throttle.check("second_factor", user.email)
        good = _fits(user, code) or _is_recovery(user, code)
        if good:
            throttle.succeeded("second_factor", user.email)
        else:
            throttle.refused("second_factor", user.email, "wrong code")
        return good


def turn_off(user_id: str, password: str, code: str) -> None:
    """No second factor any more; proved by the password and a code. Raises InvalidRequest, RateLimited."""
    with transaction():
        user = users.locked(user_id)
        throttle.check("second_factor", user.email)
        if not verify_password(user.password_hash, password[:1024]):
            raise InvalidRequest("password_wrong", "This is not your password.", param="password")
        if not (_fits(user, code) or _is_recovery(user, code)):
            raise InvalidRequest("second_factor_wrong", WRONG, param="code")
        _clear(user)
        audit.record_platform("user.second_factor_off", "user", user.id, _switched(False))


def reset(email: str, reason: str) -> User:
    """Staff take away the second factor of somebody who lost phone and recovery codes. They are signed out everywhere and told by
    mail: a password alone opens the account now.

    Raises NotFound, what `reasons.read` raises, Conflict(`second_factor_off`, `own_account`).
    """
    reason = reasons.read(reason)
    with transaction():
        user = users.locked_by_email(email)
        if audit.actor().id == user.id:
            raise Conflict("own_account", "Ask another member of staff: a stolen session must not be enough.")
        if not is_on(user):
            raise Conflict("second_factor_off", f"{user.email} has no second factor.")
        _clear(user)
        user.token_generation += 1
        audit.record_platform("user.second_factor_reset", "user", user.id, {"reason": reason} | _switched(False))
        title = "Your second factor was taken off"
        sentence = (
            "You asked us to, since you could not use it any more. You are signed out everywhere; your password alone signs you in "
            "now, so set up a new one on your account's page."
        )
        letters.write_to(user, "account_changed", title, new_token(12), title=title, sentence=sentence)
    return users.find(user.id)


def _clear(user: User) -> None:
    user.totp_secret, user.totp_confirmed_at, user.recovery_codes = None, None, []


def _switched(to: bool) -> dict[str, Any]:
    return audit.differences({"second_factor": not to}, {"second_factor": to})


def require(organization_id: str, owner_id: str, required: bool) -> None:
    """Whether members need a second factor, from their next request on. In the caller's transaction.

    Raises Conflict when the owner who asks has none: they would shut themselves out.
    """
    owner = db.session.scalars(select(User).where(User.id == owner_id)).one()
    if required and not is_on(owner):
        raise Conflict("second_factor_missing", "Set up your own second factor first.")
    found = organizations.locked(organization_id)
    if found.requires_second_factor != required:
        changes = {"requires_second_factor": {"before": not required, "after": required}}
        audit.record(organization_id, "organization.updated", "organization", organization_id, changes)
    found.requires_second_factor = required


def is_asked(organization: Organization) -> bool:
    """Whether members need a second factor, because the owner or the whole installation asks for it."""
    return organization.requires_second_factor or config.current().second_factor_required


def is_missing(user: User, organization: Organization) -> bool:
    """Whether a second factor is asked for that the user has not."""
    return is_asked(organization) and not is_on(user)


def _context(user_id: str) -> str:
    return f"user:{user_id}:totp"


def _totp(user: User) -> pyotp.TOTP:
    assert user.totp_secret is not None
    return pyotp.TOTP(keyring().decrypt(user.totp_secret, _context(user.id)), interval=STEP_SECONDS)


def _setup(user: User) -> Setup:
    totp = _totp(user)
    return Setup(totp.secret, totp.provisioning_uri(name=user.email, issuer_name=ISSUER))


def _refuse_if_on(user: User) -> None:
    if is_on(user):
        raise Conflict("second_factor_on", "There is a second factor already.")


def _fits(user: User, code: str) -> bool:
    """A code of a step after the last one used: whoever looks over a shoulder comes too late."""
    if user.totp_secret is None:
        return False
    given, totp = code.replace(" ", ""), _totp(user)
    now = int(real_time().timestamp()) // STEP_SECONDS
    for step in (now + drift for drift in DRIFT):
        if step > user.totp_step and same(totp.at(step * STEP_SECONDS), given):
            user.totp_step = step
            return True
    return False


def _is_recovery(user: User, code: str) -> bool:
    hashed = hash_token(code.strip().lower())
    left = [one for one in user.recovery_codes if not same(one, hashed)]
    if len(left) == len(user.recovery_codes):
        return False
    user.recovery_codes = left
    audit.record_platform("user.recovery_code_used", "user", user.id, {"left": len(user.recovery_codes)})
    return True
