"""Reading and checking JSON as strictly as Square does: what is not known, or of another type, is refused."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from ballast.sandbox.square.errors import API, SquareError, refuse
from ballast.sandbox.square.money import CURRENCIES

Reader = Callable[[str, Any], Any]
Schema = dict[str, Any]

DURATION = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
LONGEST_DELAY = 7 * 86400


def check(schema: Schema, values: Any, prefix: str = "") -> dict[str, Any]:
    """Return the fields that were said, nulls left out. Raises the 400 that Square would answer."""
    if not isinstance(values, dict):
        raise refuse("EXPECTED_OBJECT", "Expected an object value.", prefix or None)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}.{name}" if prefix else name
        reader = schema.get(name)
        if reader is None:
            raise refuse("BAD_REQUEST", f"The field named '{name}' is unrecognized", path)
        if value is not None:
            checked[name] = reader(path, value) if callable(reader) else check(reader, value, path)
    return checked


def require(values: dict[str, Any], *names: str, prefix: str = "") -> None:
    """Raise the 400 for the first of these that was not said."""
    for name in names:
        if name not in values:
            raise refuse("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", f"{prefix}{name}")


def text(most: int | None = None, least: int = 0) -> Reader:
    """Read a text of so many characters."""

    def read(path: str, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse("EXPECTED_STRING", "Expected a string value.", path)
        if least and not value:
            raise refuse("VALUE_EMPTY", "Field must not be blank", path)
        if most is not None and len(value) > most:
            raise refuse("VALUE_TOO_LONG", f"Field must not be greater than {most} length", path)
        return value

    return read


def whole(path: str, value: Any) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("EXPECTED_INTEGER", "Expected an integer value.", path)
    return value


def boolean(path: str, value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise refuse("EXPECTED_BOOLEAN", "Expected a boolean value.", path)
    return value


def one_of(*allowed: str) -> Reader:
    """Read one of these words."""

    def read(path: str, value: Any) -> str:
        if value not in allowed:
            raise refuse("INVALID_ENUM_VALUE", f"`{value}` is not a valid enum value for `{path}`.", path)
        return str(value)

    return read


def list_of(reader: Reader) -> Reader:
    """Read a list."""

    def read(path: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise refuse("EXPECTED_ARRAY", "Expected an array.", path)
        return [reader(f"{path}[{place}]", item) for place, item in enumerate(value)]

    return read


def currency(path: str, value: Any) -> str:
    """Read a currency."""
    if value not in CURRENCIES:
        raise refuse("INVALID_ENUM_VALUE", f"`{value}` is not a valid enum value for `{path}`.", path)
    return str(value)


def money(path: str, value: Any) -> dict[str, Any]:
    """Read `{amount, currency}`, both of them needed; the amount is in minor units."""
    said = check({"amount": whole, "currency": currency}, value, path)
    require(said, "amount", "currency", prefix=f"{path}.")
    if said["amount"] < 0:
        raise refuse("VALUE_TOO_LOW", "`amount_money.amount` must not be negative.", f"{path}.amount")
    return said


def email(path: str, value: Any) -> str:
    """Read an e-mail address."""
    said: str = text(255)(path, value)
    if said and not EMAIL.match(said):
        raise refuse("INVALID_EMAIL_ADDRESS", f"'{said}' is not a valid email address", path)
    return said


def duration(path: str, value: Any) -> int:
    """Read an RFC 3339 duration such as P7D or PT36H as seconds, at most 7 days.

    Square's least is a minute; the sandbox takes a second, so that a test need not wait.
    """
    said: str = text(20)(path, value)
    found = DURATION.match(said)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if not 1 <= total <= LONGEST_DELAY:
        raise refuse("INVALID_VALUE", "Must be a duration of at most P7D.", path)
    return total


def instant(path: str, value: Any) -> float:
    """Read an RFC 3339 instant as seconds since the epoch."""
    try:
        read = dt.datetime.fromisoformat(text()(path, value).replace("Z", "+00:00"))
    except ValueError as error:
        raise refuse("INVALID_TIME", f"Invalid time: {value}", path) from error
    if read.tzinfo is None:
        raise refuse("INVALID_TIME", f"Invalid time: {value}", path)
    return read.timestamp()


def number(least: int, most: int) -> Reader:
    """Read a whole number out of a query; above the most counts as the most, as at Square."""

    def read(path: str, value: Any) -> int:
        digits = str(value)
        if not digits.isascii() or not digits.isdigit() or int(digits) < least:
            raise refuse("INVALID_VALUE", f"`{value}` is not a valid value for `{path}`.", path)
        return min(int(digits), most)

    return read


def not_played(path: str, _value: Any) -> Any:
    """Refuse a field that Square knows and the sandbox does not play, rather than pass over it."""
    raise SquareError(501, API, "NOT_IMPLEMENTED", f"The sandbox does not play the field '{path}'.", field=path)


KEY = text(45, 1)
ORDER = one_of("ASC", "DESC")
ADDRESS: Schema = {
    name: text()
    for name in (
        "address_line_1",
        "address_line_2",
        "address_line_3",
        "locality",
        "sublocality",
        "administrative_district_level_1",
        "postal_code",
        "country",
        "first_name",
        "last_name",
    )
}
PAGE: Schema = {"cursor": text(), "limit": number(1, 100), "sort_order": ORDER}
WINDOW: Schema = PAGE | {"begin_time": instant, "end_time": instant, "location_id": text()}
