"""Secrets: how they are made, hashed, compared and kept at rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from functools import cache
from typing import TYPE_CHECKING, Final
from unicodedata import decimal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ballast import config

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
_passwords = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _make_decoy() -> str:
    """A hash that no password has, of the same parameters. Made up: to work it out took 19 MiB at the start of every process."""
    salt, tag = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    costs = f"m={_passwords.memory_cost},t={_passwords.time_cost},p={_passwords.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tag}"


_decoy = _make_decoy()


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt and parameters."""
    return _passwords.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` fits. With no stored hash the same work is done against a decoy, so timing tells nothing."""
    try:
        fits = _passwords.verify(stored or _decoy, password)
    except (VerificationError, InvalidHashError):
        return False
    return fits and stored is not None


def new_token(size: int = 32) -> str:
    """A URL-safe random token of `size` bytes."""
    return secrets.token_urlsafe(size)


def new_api_key(mode: str) -> str:
    """`bl_live_…` or `bl_test_…` with 32 random bytes; shown once, stored only as its hash."""
    return f"bl_{'live' if mode == 'live' else 'test'}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> bytes:
    """SHA-256 of a high-entropy token, for lookup. (Passwords go through argon2 instead.)"""
    return hashlib.sha256(token.encode()).digest()


def new_webhook_secret() -> str:
    """`whsec_` + base64 of 32 random bytes (Standard Webhooks 1.0.0: 24–64 bytes)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_key(secret: str) -> bytes:
    """The HMAC key inside a `whsec_…` secret (Standard Webhooks: the decoded part)."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def sign(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.digest(key, message, "sha256")


def same(left: str | bytes, right: str | bytes) -> bool:
    """Constant-time equality."""
    as_bytes = [value.encode() if isinstance(value, str) else value for value in (left, right)]
    return hmac.compare_digest(*as_bytes)


class Keyring:
    """AES-256-GCM with key rotation: the first key encrypts, every key decrypts. Raises ValueError for malformed keys."""

    def __init__(self, spec: str) -> None:
        """`spec`: comma-separated `id:base64` of 32 bytes each; plain base64 means id 1."""
        # Not for those who only log, and want of this module what hides secrets.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._keys: dict[str, AESGCM] = {}
        self._seals: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in spec.split(","))):
            key_id, separator, encoded = part.partition(":")
            raw = base64.b64decode(encoded if separator else part, validate=True)
            if len(raw) != 32:
                raise ValueError("ENCRYPTION_KEY needs 32 bytes of base64 per key")
            self._keys[key_id if separator else "1"] = AESGCM(raw)
            self._seals[key_id if separator else "1"] = sign(raw, b"ballast: a key for seals")
        if not self._keys:
            raise ValueError("ENCRYPTION_KEY is empty")

    def encrypt(self, plain: str, context: str) -> bytes:
        """Ciphertext bound to `context` (what it is and whose), so a row's secret cannot be moved to another row."""
        key_id, cipher = next(iter(self._keys.items()))
        nonce = os.urandom(12)
        return key_id.encode() + b":" + nonce + cipher.encrypt(nonce, plain.encode(), context.encode())

    def decrypt(self, sealed: bytes, context: str) -> str:
        """The plain text. Raises ValueError when the key is unknown or the ciphertext is not what was sealed for `context`."""
        from cryptography.exceptions import InvalidTag

        key_id, _, rest = sealed.partition(b":")
        cipher = self._keys.get(key_id.decode(errors="replace"))
        if cipher is None:
            raise ValueError("this secret was sealed with a key that is not in ENCRYPTION_KEY")
        try:
            return cipher.decrypt(rest[:12], rest[12:], context.encode()).decode()
        except InvalidTag:
            raise ValueError("this secret was altered, or belongs to another row") from None

    def vouch(self, message: bytes) -> bytes:
        """A code over `message` that nobody can make without these keys (HMAC-SHA256 with a key derived from the first)."""
        key_id, key = next(iter(self._seals.items()))
        return key_id.encode() + b":" + sign(key, message)

    def vouches(self, message: bytes, code: bytes) -> bool | None:
        """Whether `code` was made by `vouch` over this message; None when it names a key that is not here any more."""
        key_id, _, rest = code.partition(b":")
        key = self._seals.get(key_id.decode(errors="replace"))
        return None if key is None else same(rest, sign(key, message))


@cache
def _keyring(spec: str) -> Keyring:
    return Keyring(spec)


def keyring() -> Keyring:
    """This process's keys, from ENCRYPTION_KEY."""
    return _keyring(config.current().encryption_key)


FEWEST_DIGITS: Final = 13
# Digits in groups, as people write them: any kind of space, dash or dot between, invisible characters too.
_GROUPS = re.compile(r"\d+(?:[\s\-._\u00ad\u2010-\u2015\u2212\u200b-\u200d\u2060\ufeff]+\d+)*")
# Where the schemes' numbers begin and how long they are (ISO/IEC 7812 ranges in use): Visa; Mastercard; Mir; Amex; Diners; JCB;
# Discover, UnionPay, RuPay and Maestro. A date such as 20261121 begins none of them.
_SCHEMES = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|220[0-4]\d{12,15}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|(?:5[06-9]|6\d)\d{11,17}"
)


def looks_like_card_number(text: str) -> bool:
    """Whether `text` holds 13–19 digits, in one piece or in groups, that begin as a card scheme's do and pass Luhn.

    A number is found among others too ("4242 4242 4242 4242 12 26"), as long as its groups have three digits or more.
    """
    if len(text) < FEWEST_DIGITS:
        return False
    return any(_holds_card(re.findall(r"\d+", found)) for found in _GROUPS.findall(text))


def without_card_number(text: str) -> str:
    """What a page may show again of what was typed: all of it, or nothing where a card number was typed."""
    return "" if looks_like_card_number(text) else text


HIDDEN: Final = "[hidden]"
# What a secret looks like wherever it stands: keys, signing secrets, the browser's secret of one payment, tokens; or what stands
# before one. Each is bounded, so that a long text costs no more than its length.
_SECRETS = re.compile(
    r"\b(?:[sr]k_(?:live|test)_\w+|bl_(?:live|test)_[\w-]+|whsec_[\w+/=]+|\w+_secret_\w+|EAAA[\w-]{16,}|eyJ[\w-]+\.[\w-]+\.[\w-]+)"
)
_BEHIND = re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}|(://[^/\s:@]*:)[^@/\s]+(?=@)")
_NAMED = re.compile(
    r"(?i)((?:secret|password|passwd|api.?key|private.key|access.token|signature.key)[\w-]{0,40}[\"']?\s{0,4}[=:]\s{0,4})"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s,;)}\]\"'\[]+)"
)


# One of these stands in whatever the three above find, so where none does there is nothing to look for: most lines of a log.
_WORDS: Final = (
    "secret",
    "passw",
    "key",
    "token",
    "k_live_",
    "k_test_",
    "bl_live_",
    "bl_test_",
    "whsec_",
    "eaaa",
    "eyj",
)
_WORDS_BEFORE: Final = ("bearer", "basic", "://")
# As many digits as a card number has, with no more between them than people write.
_MANY_DIGITS: Final = re.compile(r"\d(?:[\s\-._\u00ad\u2010-\u2015\u2212\u200b-\u200d\u2060\ufeff]*\d){12}")


def hide_secrets(text: str) -> str:
    """The text without card numbers and without what looks like a key, a token or a password."""
    folded = text.casefold()
    if any(word in folded for word in _WORDS):
        text = _NAMED.sub(rf"\1{HIDDEN}", _SECRETS.sub(HIDDEN, text))
    if any(word in folded for word in _WORDS_BEFORE):
        text = _BEHIND.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text)
    if not _MANY_DIGITS.search(text):
        return text
    return _GROUPS.sub(lambda found: HIDDEN if looks_like_card_number(found[0]) else found[0], text)


def _holds_card(groups: list[str]) -> bool:
    if _is_card("".join(groups)):
        return True
    for start in range(len(groups)):
        run = ""
        for group in groups[start : start + 7]:
            run += group
            if len(group) < 3 or len(run) > 19:
                break
            if _is_card(run):
                return True
    return False


def _is_card(run: str) -> bool:
    if not FEWEST_DIGITS <= len(run) <= 19:
        return False
    digits = "".join(str(decimal(char)) for char in run)
    return _SCHEMES.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
