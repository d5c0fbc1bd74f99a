"""What a password must be (NIST SP 800-63B: long, anything in it, none of the obvious ones), and what an address must be."""

from __future__ import annotations

from typing import Final

from email_validator import EmailNotValidError, validate_email

from ballast.errors import InvalidRequest
from ballast.identity import leaked
from ballast.security import hash_password

SHORTEST: Final = 12
# Hashing is bounded: longer is refused, never cut.
LONGEST: Final = 256
MOST_REPEATED: Final = 4
LEAKED: Final = "This password was leaked elsewhere, and is tried first. Use a few unrelated words."


def hashed(password: str, email: str, param: str = "password") -> str:
    """The hash to store. Raises InvalidRequest for a password that is too short, too long or too easily guessed."""
    _check(password, email, param)
    return hash_password(password)


def _check(password: str, email: str, param: str) -> None:
    if len(password) < SHORTEST:
        raise InvalidRequest("password_too_short", f"Use at least {SHORTEST} characters.", param=param)
    if len(password) > LONGEST:
        raise InvalidRequest("password_too_long", f"Use at most {LONGEST} characters.", param=param)
    name = email.partition("@")[0].lower()
    left = password.lower().replace(email.lower(), "").replace(name, "") if name else password.lower()
    if len(set(password)) <= MOST_REPEATED or len(left) < SHORTEST // 2:
        raise InvalidRequest("password_too_easy", "This is easily guessed. Use a few unrelated words.", param=param)
    if leaked.holds(password):
        raise InvalidRequest("password_too_easy", LEAKED, param=param)


def address(given: str, param: str = "email") -> str:
    """An e-mail address as it is kept: trimmed, lower case. Raises InvalidRequest."""
    cleaned = given.strip().lower()
    try:
        validate_email(cleaned, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidRequest("email_invalid", "Enter an email address such as ada@example.com.", param=param) from None
    return cleaned
