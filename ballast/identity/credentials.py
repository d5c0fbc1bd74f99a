"""Passwords and addresses, changed by who owns them: proved by the old password, or by a link that was mailed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ballast import audit
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.identity import letters, links, passwords, throttle, users
from ballast.models import User
from ballast.security import new_token, verify_password

WRONG = "This is not your password."


def ask_reset(email: str) -> None:
    """Write to the address if an account has it; nobody is told whether one has. Raises RateLimited."""
    throttle.check("mail", email)
    user = db.session.scalars(select(User).where(User.email == email.strip().lower())).first()
    if user is None or user.banned_at is not None:
        return
    user_id = user.id
    db.session.rollback()
    with transaction():
        user = users.locked(user_id)
        link, token = links.make(user.id, "reset_password")
        url = letters.url(f"/reset-password/{token}")
        letters.write_to(user, "reset_password", "Choose a new password", link.id, link_url=url)


def reset(token: str, password: str) -> str:
    """The new password holds, every session and token ends, and the address is proved; the user's id.

    Raises NotFound, InvalidRequest.
    """
    with transaction():
        _link, user = links.use("reset_password", token)
        audit.record_platform("user.password_reset", "user", user.id)
        user.password_hash = passwords.hashed(password, user.email)
        user.email_verified = True
        _end_everywhere(user)
        _tell(user, "Your password was changed", "Your password was changed through a link we mailed you.")
        return user.id


def change_password(user_id: str, old: str, new: str) -> None:
    """The new password holds and every session and token ends. Raises InvalidRequest with `param`, RateLimited."""
    with transaction():
        user = users.locked(user_id)
        _prove(user, old)
        user.password_hash = passwords.hashed(new, user.email, "new_password")
        audit.record_platform("user.password_changed", "user", user.id)
        _end_everywhere(user)
        _tell(user, "Your password was changed", "Your password was changed in your account's settings.")


def ask_change_of_email(user_id: str, email: str, password: str) -> None:
    """Write to the new address; it counts once its link was opened. An address that has an account gets no mail, and nobody is told.

    Raises InvalidRequest with `param`, RateLimited.
    """
    address = passwords.address(email)
    throttle.check("mail", address)
    with transaction():
        user = users.locked(user_id)
        _prove(user, password)
        if db.session.scalars(select(User.id).where(User.email == address)).first() is not None:
            return
        link, token = links.make(user.id, "change_email", {"email": address})
        url = letters.url(f"/change-email/{token}")
        letters.write_to(
            user, "change_email", "Confirm your new address", link.id, address, link_url=url, email=address
        )


def change_email(token: str) -> str:
    """The new address counts; the new address. Sessions go on, links to the old address stop. Raises NotFound, Conflict."""
    try:
        with transaction():
            link, user = links.use("change_email", token)
            _tell(user, "Your address was changed", f"Your account's address is {link.data['email']} from now on.")
            links.end_all(user.id, "verify_email", "reset_password")
            changes = audit.differences({"email": user.email}, {"email": link.data["email"]})
            audit.record_platform("user.email_changed", "user", user.id, changes)
            user.email, user.email_verified = link.data["email"], True
            db.session.flush()
            return user.email
    except IntegrityError:
        raise Conflict("email_unavailable", "This address cannot be used.") from None


def _prove(user: User, password: str) -> None:
    """Guessing here counts as guessing at the sign-in page."""
    throttle.check("sign_in", user.email)
    if not verify_password(user.password_hash, password[: passwords.LONGEST + 1]):
        raise InvalidRequest("password_wrong", WRONG, param="password")
    throttle.succeeded("sign_in", user.email)


def _end_everywhere(user: User) -> None:
    user.token_generation += 1
    links.end_all(user.id, "reset_password", "change_email")


def _tell(user: User, subject: str, sentence: str) -> None:
    letters.write_to(user, "account_changed", subject, new_token(12), title=subject, sentence=sentence)
