"""Access tokens for the API: who, in which organization, as of which token generation. Never what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import jwt

from ballast import config
from ballast.clock import real_time
from ballast.db import set_organization
from ballast.errors import Forbidden, Unauthenticated
from ballast.identity import organizations, second_factor, users
from ballast.ids import to_uuid
from ballast.models import User

ALGORITHM: Final = "HS256"
LONGEST: Final = 2048
INVALID: Final = "This token is not valid. Sign in for a new one."


@dataclass(frozen=True)
class Claims:
    """What a token says. Times are seconds since 1970."""

    sub: str
    org: str
    generation: int
    iat: int
    exp: int

    @property
    def are_sound(self) -> bool:
        """Whether each is of its kind: a signature says who wrote them, not that they make sense."""
        numbers = all(type(value) is int for value in (self.generation, self.iat, self.exp))
        ids = isinstance(self.sub, str) and isinstance(self.org, str)
        return numbers and ids and to_uuid(self.org, "org") is not None


@dataclass(frozen=True)
class SignedInUser:
    """Who sent a token, and what they are in its organization now."""

    user: User
    organization_id: str
    role: str


def issue(user: User, organization_id: str) -> str:
    """A token for JWT_EXPIRES_IN seconds."""
    seconds = int(real_time().timestamp())
    claims = {
        "sub": user.id,
        "org": organization_id,
        "generation": user.token_generation,
        "iat": seconds,
        "exp": seconds + config.current().jwt_expires_in,
    }
    return jwt.encode(claims, config.current().jwt_secret, algorithm=ALGORITHM)


def authenticate(token: str) -> SignedInUser:
    """Who sent this token; the context works for its organization from here on. Asks Postgres each time.

    Raises Unauthenticated: `token_invalid`, `token_expired`, or `token_revoked` after a ban, "sign out everywhere" or leaving.
    Raises Forbidden when the organization asks for a second factor the user has not.
    """
    claims = _read(token)
    user = users.load(claims.sub, claims.generation)
    if user is None:
        raise Unauthenticated("token_revoked", "This token no longer holds. Please sign in again.")
    set_organization(claims.org)
    role = users.role_in(claims.org, user.id) or ("staff" if user.is_admin else None)
    if role is None:
        raise Unauthenticated("token_revoked", "This token no longer holds. Please sign in again.")
    if second_factor.is_missing(user, organizations.find(claims.org)):
        raise Forbidden(
            "second_factor_missing", "Your organization asks for a second factor. Set one up on your account's page."
        )
    return SignedInUser(user, claims.org, role)


def _read(token: str) -> Claims:
    if len(token) > LONGEST:
        raise Unauthenticated("token_invalid", INVALID)
    try:
        # The time is checked here, by our own clock, which tests move.
        found = jwt.decode(
            token,
            config.current().jwt_secret,
            algorithms=[ALGORITHM],
            options={"require": list(Claims.__annotations__), "verify_exp": False, "verify_iat": False},
        )
        claims = Claims(found["sub"], found["org"], found["generation"], found["iat"], found["exp"])
    except jwt.InvalidTokenError:
        raise Unauthenticated("token_invalid", INVALID) from None
    if not claims.are_sound:
        raise Unauthenticated("token_invalid", INVALID)
    if claims.exp <= real_time().timestamp():
        raise Unauthenticated("token_expired", "This token has expired. Please sign in again.")
    return claims
