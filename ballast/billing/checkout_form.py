"""What a shopper types at the checkout: whether it can be so, and as plain data. Card numbers never get this far."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from email_validator import EmailNotValidError, validate_email

from ballast.ids import to_uuid
from ballast.security import looks_like_card_number

ADDRESS_FIELDS = ("line1", "line2", "city", "region", "postal_code", "country")
REQUIRED = {
    "name": "Enter your full name.",
    "line1": "Enter your street and number.",
    "city": "Enter your city.",
    "postal_code": "Enter your postal code.",
    "country": "Choose your country.",
}
LIMITS = {
    "email": 254,
    "name": 120,
    "line1": 200,
    "line2": 200,
    "city": 100,
    "region": 100,
    "postal_code": 20,
    "country": 2,
}
MOST_DEVICE_DATA: Final = 4000
# What the choice of cards says for one that is typed.
NEW_CARD: Final = "new"
# What processors call a card; never the card itself.
TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_:\-]{1,255}")


@dataclass(frozen=True, kw_only=True)
class Token:
    """The processor's one-time token for a card that was typed into its field.

    `account_id`: the processor account whose card field made the token. `verification`: what 3-D Secure came to, where it is before
    the charge. `device_data`: what the processor's library says of the device.
    """

    payment_method: str
    account_id: str | None = None
    verification: str | None = None
    device_data: str | None = None


@dataclass(frozen=True, kw_only=True)
class Details(Token):
    """What the shopper typed. `save_card`: keep the card for the next time; `shipping_rate`: at which rate it is to be
    sent. `is_saved`: `payment_method` is the id of a card stored before. `customer_id`: who they have shown to be; None for somebody
    who only typed an address."""

    email: str
    name: str
    address: dict[str, str]
    save_card: bool = False
    shipping_rate: str | None = None
    is_saved: bool = False
    customer_id: str | None = None


def check(typed: dict[str, str], asked: Sequence[str] = ADDRESS_FIELDS) -> dict[str, str]:
    """Field name → sentence, for whatever is wrong with what was typed; empty when all is well. `asked`: the parts of the address
    that the form has."""
    wanted = {name: sentence for name, sentence in REQUIRED.items() if name == "name" or name in asked}
    problems = {name: sentence for name, sentence in wanted.items() if not typed.get(name, "").strip()}
    problems |= {name: "This is too long." for name, limit in LIMITS.items() if len(typed.get(name, "")) > limit}
    problems |= {
        name: "This looks like a card number. Cards go into the card field only."
        for name in LIMITS
        if looks_like_card_number(typed.get(name, ""))
    }
    try:
        validate_email(typed.get("email", "").strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        problems["email"] = "Enter an email address such as ada@example.com."
    return problems | (_check_saved(typed) if is_saved(typed) else check_token(typed))


def is_saved(typed: dict[str, str]) -> bool:
    """Whether a stored card was chosen, and no new one typed."""
    return typed.get("card", NEW_CARD) != NEW_CARD


def _check_saved(typed: dict[str, str]) -> dict[str, str]:
    return {} if to_uuid(typed["card"], "pm") else {"payment_method": "Choose a card."}


def check_token(typed: dict[str, str]) -> dict[str, str]:
    """As `check`, for the card alone."""
    token = typed.get("payment_method", "").strip()
    verification = typed.get("verification", "").strip()
    if any(looks_like_card_number(text) or not TOKEN_SHAPE.fullmatch(text) for text in (token, verification or token)):
        return {"payment_method": "Enter your card details."}
    return {}


def shown_again(typed: dict[str, str]) -> dict[str, str]:
    """What the form keeps of what was typed: all of it but a card number in the wrong field."""
    return {name: "" if looks_like_card_number(value) else value for name, value in typed.items()}


def read_details(typed: dict[str, str], asked: Sequence[str] = ADDRESS_FIELDS) -> Details:
    """What was typed, trimmed, of the address no more than was `asked` for; call `check` first."""
    card = Token(payment_method=typed["card"]) if is_saved(typed) else read_token(typed)
    return Details(
        email=typed["email"].strip().lower(),
        name=typed["name"].strip(),
        address={name: typed.get(name, "").strip() for name in asked},
        save_card=typed.get("save_card") == "yes",
        shipping_rate=typed.get("shipping_rate") or None,
        is_saved=is_saved(typed),
        **vars(card),
    )


def read_token(typed: dict[str, str]) -> Token:
    """What the card field came to; call `check_token` first."""
    return Token(
        payment_method=typed.get("payment_method", "").strip(),
        account_id=typed.get("account", "").strip() or None,
        verification=typed.get("verification", "").strip() or None,
        device_data=_read_device_data(typed.get("device_data", "").strip()),
    )


def _read_device_data(said: str) -> str | None:
    """What the processor's library says of the device, for the processor alone; anything odd is dropped: a charge needs none."""
    return said if said.isprintable() and 0 < len(said) <= MOST_DEVICE_DATA else None
