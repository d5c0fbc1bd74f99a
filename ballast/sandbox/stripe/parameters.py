"""Reading and checking form parameters as strictly as Stripe does: what is not known is refused."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from ballast.sandbox.stripe.errors import refuse_parameter

Reader = Callable[[str, Any], Any]
Schema = dict[str, Any]

TOO_LARGE = 2**53


def parse_form(text: str) -> dict[str, Any]:
    """Parse a form body or a query into nested dicts and lists: `a[b]=1`, `a[0]=1` and `a[]=1`."""
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=1000):
        if "[" in name:
            place_nested(values, name, value)
        else:
            values[name] = value
    return {name: listed(value) for name, value in values.items()}


def place_nested(values: dict[str, Any], name: str, value: str) -> None:
    """Put one bracketed parameter in its place."""
    head, *path = name.replace("]", "").split("[")
    place = values
    for step in [head, *path][:-1]:
        inner = place.setdefault(step, {})
        if not isinstance(inner, dict):
            raise refuse_parameter(f"Invalid parameter: {name}", name)
        place = inner
    last = path[-1]
    place[last or str(len(place))] = value


def listed(value: Any) -> Any:
    """Turn dicts whose keys are all digits into lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: listed(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def check(schema: Schema, values: Any, prefix: str = "") -> dict[str, Any]:
    """Return the parameters with their types. Raises the 400 that Stripe would answer."""
    if not isinstance(values, dict):
        raise refuse_parameter("Invalid object", prefix)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}[{name}]" if prefix else name
        reader = schema.get(name)
        if reader is None:
            raise refuse_parameter(f"Received unknown parameter: {path}", path, "parameter_unknown")
        if callable(reader):
            checked[name] = reader(path, value)
        else:
            checked[name] = None if value == "" else check(reader, value, path)
    return checked


def require(values: dict[str, Any], *names: str) -> None:
    """Raise the 400 for the first of these that is not there."""
    for name in names:
        if values.get(name) is None:
            raise refuse_parameter(f"Missing required param: {name}.", name, "parameter_missing")


def text(most: int = 5000) -> Reader:
    """Read a text; an empty one unsets the field."""

    def read(path: str, value: Any) -> str | None:
        if not isinstance(value, str):
            raise refuse_parameter(f"Invalid string: {value}", path)
        if len(value) > most:
            raise refuse_parameter(f"Invalid string: must be at most {most} characters", path)
        return value or None

    return read


def filled(path: str, value: Any) -> str:
    """Read a text that must not be empty."""
    if not isinstance(value, str):
        raise refuse_parameter(f"Invalid string: {value}", path)
    if not value:
        raise refuse_parameter(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty "
            "value.",
            path,
            "parameter_invalid_empty",
        )
    return value


def integer(path: str, value: Any) -> int:
    """Read a whole number."""
    digits = filled(path, value)
    if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit() or len(digits) > 18:
        raise refuse_parameter(f"Invalid integer: {value}", path, "parameter_invalid_integer")
    return int(digits)


def between(least: int, most: int) -> Reader:
    """Read a whole number within limits."""

    def read(path: str, value: Any) -> int:
        number = integer(path, value)
        if not least <= number <= most:
            code = "parameter_invalid_integer"
            raise refuse_parameter(f"This value must be between {least} and {most}.", path, code)
        return number

    return read


def boolean(path: str, value: Any) -> bool:
    """Read `true` or `false`."""
    if value not in ("true", "false"):
        raise refuse_parameter(f"Invalid boolean: {value}", path)
    return bool(value == "true")


def one_of(*allowed: str) -> Reader:
    """Read one of these words; an empty text unsets the field."""

    def read(path: str, value: Any) -> str | None:
        if value == "":
            return None
        if value not in allowed:
            raise refuse_parameter(f"Invalid {path}: must be one of {', '.join(allowed[:-1])} or {allowed[-1]}", path)
        return str(value)

    return read


def list_of(reader: Reader, most: int = 100) -> Reader:
    """Read a list."""

    def read(path: str, value: Any) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, list):
            raise refuse_parameter("Invalid array", path)
        if len(value) > most:
            raise refuse_parameter(f"Array must have at most {most} elements", path)
        return [reader(f"{path}[{place}]", item) for place, item in enumerate(value)]

    return read


def metadata(path: str, value: Any) -> dict[str, str] | None:
    """Read up to 50 pairs, keys of up to 40 and values of up to 500 characters; empty clears all."""
    if value == "":
        return None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise refuse_parameter("Invalid metadata: must be a hash of strings", path)
    if len(value) > 50:
        raise refuse_parameter("Metadata can have at most 50 keys", path)
    for key, item in value.items():
        if len(key) > 40 or len(item) > 500:
            raise refuse_parameter("Metadata keys have at most 40 and values at most 500 characters", f"{path}[{key}]")
    return dict(value)


def off_session(path: str, value: Any) -> bool:
    """Read `true`, `false`, `one_off` or `recurring`."""
    return value in ("one_off", "recurring") or boolean(path, value)


def instants(path: str, value: Any) -> dict[str, int]:
    """Read a moment, or a range of `gt`, `gte`, `lt`, `lte`, in seconds since the epoch."""
    if isinstance(value, str):
        moment = integer(path, value)
        return {"gte": moment, "lte": moment}
    return check({"gt": integer, "gte": integer, "lt": integer, "lte": integer}, value, path)


ADDRESS: Schema = {name: text() for name in ("city", "country", "line1", "line2", "postal_code", "state")}
BILLING: Schema = {"address": ADDRESS, "email": text(800), "name": text(), "phone": text(), "tax_id": text()}
SHIPPING: Schema = {
    "address": ADDRESS,
    "carrier": text(),
    "name": text(),
    "phone": text(),
    "tracking_number": text(),
}
EXPAND = list_of(filled)
PAGE: Schema = {
    "limit": between(1, 100),
    "starting_after": filled,
    "ending_before": filled,
    "created": instants,
    "expand": EXPAND,
}


def merge_metadata(old: dict[str, str], params: dict[str, Any]) -> dict[str, str]:
    """Return the metadata after an update: an empty value removes a key, an empty hash all of them."""
    if "metadata" not in params:
        return old
    if params["metadata"] is None:
        return {}
    merged = old | params["metadata"]
    return {key: value for key, value in merged.items() if value != ""}
