"""What opens an account at each processor: which values, which of them are secret, and how one of the other world looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ballast import money
from ballast.errors import InvalidRequest
from ballast.processors.merchant_accounts import read_pairs, write_pairs


@dataclass(frozen=True)
class Field:
    """One value that opens an account. `secret`: sealed and never shown.

    `live`, `test`: how such a value begins in each mode. `others`: it may begin in other ways too, which say nothing of the mode.
    `kind`: a key is printable ASCII without spaces; an id stands in addresses too; `pairs` are currencies with merchant accounts; a
    choice is one of `choices`, (value, words), of which the usual one is empty.
    """

    name: str
    label: str
    secret: bool = False
    required: bool = True
    live: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    others: bool = False
    hint: str = ""
    kind: Literal["key", "id", "pairs", "choice"] = "key"
    choices: tuple[tuple[str, str], ...] = ()


# `secret_key`, `publishable_key` and `webhook_secret` are named as in `Credentials`.
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "stripe": (
        Field(
            "publishable_key",
            "Publishable key",
            live=("pk_live_",),
            test=("pk_test_",),
            hint="Developers → API keys. Goes into the checkout page.",
        ),
        Field(
            "secret_key",
            "Secret key",
            secret=True,
            live=("sk_live_", "rk_live_"),
            test=("sk_test_", "rk_test_"),
            hint="From the same page. A restricted key will do if it may write payment intents, refunds and webhook endpoints.",
        ),
        Field(
            "webhook_secret",
            "Webhook signing secret",
            secret=True,
            required=False,
            live=("whsec_",),
            test=("whsec_",),
            hint="Begins with whsec_. Leave it empty to have the endpoint registered for you afterwards.",
        ),
    ),
    "braintree": (
        Field("merchant_id", "Merchant ID", hint="Settings → API. All three values are on that page.", kind="id"),
        Field("public_key", "Public key"),
        Field("secret_key", "Private key", secret=True),
        Field(
            "merchant_accounts",
            "Merchant accounts",
            required=False,
            hint="Which takes which currency, such as USD:acme_usd, EUR:acme_eur. Left empty, Braintree is asked.",
            kind="pairs",
        ),
        Field(
            "three_d_secure",
            "3-D Secure at the checkout",
            required=False,
            hint="Require it once it is switched on at Braintree: a card whose holder was not asked is refused then.",
            kind="choice",
            choices=(("", "Where the page can ask"), ("required", "Required")),
        ),
    ),
    "square": (
        Field(
            "publishable_key",
            "Application ID",
            live=("sq0idp-",),
            test=("sandbox-sq0idb-",),
            hint="Developer Console → your application → Credentials.",
        ),
        Field(
            "secret_key",
            "Access token",
            secret=True,
            live=("sq0atp-",),
            test=("sandbox-sq0atb-",),
            others=True,
            hint="From the same page, for the same environment.",
        ),
        Field("location_id", "Location ID", hint="Locations. Each location is an account of its own here.", kind="id"),
        Field(
            "webhook_secret",
            "Webhook signature key",
            secret=True,
            required=False,
            hint="Leave it empty to have the subscription registered for you afterwards.",
        ),
    ),
}
# The field that tells accounts of one processor apart, where the processor has not told us yet.
NAMED_BY: Final = {"stripe": "publishable_key", "braintree": "merchant_id", "square": "location_id"}
TOO_LONG: Final = 2000
KEY: Final = re.compile(r"[!-~]+")
ID: Final = re.compile(r"[A-Za-z0-9_-]+")


def read_fields(processor: str, mode: str, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The public values and the secrets among what was given.

    Raises InvalidRequest(`processor_unknown`, `processor_field_required`, `processor_field_invalid`, `processor_mode_mismatch`) with
    the field's name as `param`.
    """
    fields = fields_of(processor)
    found = {field.name: _read(field, mode, given.get(field.name, "").strip()) for field in fields}
    public = {field.name: found[field.name] for field in fields if not field.secret and found[field.name]}
    secrets = {field.name: found[field.name] for field in fields if field.secret}
    return public, secrets


def fields_of(processor: str) -> tuple[Field, ...]:
    """What an account at `processor` is opened with. Raises InvalidRequest(`processor_unknown`)."""
    if processor not in FIELDS:
        raise InvalidRequest("processor_unknown", "Choose Stripe, Braintree or Square.", param="processor")
    return FIELDS[processor]


def _read(field: Field, mode: str, value: str) -> str:
    if not value and field.required:
        raise InvalidRequest("processor_field_required", f"Enter the {_name(field)}.", param=field.name)
    if len(value) > TOO_LONG:
        raise _invalid(field, f"This is no {_name(field)}.")
    if field.kind == "choice":
        return _read_choice(field, value)
    if value and field.kind == "pairs":
        return _read_pairs(field, value)
    if value and not (ID if field.kind == "id" else KEY).fullmatch(value):
        made_of = "letters, digits, - and _" if field.kind == "id" else "letters, digits and signs, without spaces"
        raise _invalid(field, f"This is no {_name(field)}: that is made of {made_of}.")
    right, other = (field.live, field.test) if mode == "live" else (field.test, field.live)
    if not value or not right or value.startswith(right):
        return value
    if value.startswith(other):
        raise _mismatch(field, mode)
    if field.others:
        return value
    raise _invalid(field, f"This is no {_name(field)}: that begins with {' or '.join(right)}.")


def _invalid(field: Field, said: str) -> InvalidRequest:
    return InvalidRequest("processor_field_invalid", said, param=field.name)


def _read_choice(field: Field, value: str) -> str:
    if value not in dict(field.choices):
        raise _invalid(field, "Choose one of these.")
    return value


def _read_pairs(field: Field, value: str) -> str:
    """The pairs in one way of writing. Whether the merchant has such accounts is asked at Braintree."""
    pairs, wrong = read_pairs(value)
    if wrong:
        said = f"“{wrong[0][:40]}” is no pair of a currency, named once, and a merchant account, such as USD:acme_usd."
        raise _invalid(field, said)
    try:
        for currency in pairs:
            money.exponent(currency)
    except InvalidRequest as error:
        raise _invalid(field, error.message) from None
    return write_pairs(pairs)


def _mismatch(field: Field, mode: str) -> InvalidRequest:
    if mode == "live":
        said = f"This {_name(field)} is for testing. This organization is live and takes live keys only."
    else:
        said = f"This is a live {_name(field)}. This organization is a sandbox and takes test keys only; nothing was stored."
    return InvalidRequest("processor_mode_mismatch", said, param=field.name)


def _name(field: Field) -> str:
    """As it stands in a sentence: "merchant ID", "secret key"."""
    return field.label[:1].lower() + field.label[1:]
