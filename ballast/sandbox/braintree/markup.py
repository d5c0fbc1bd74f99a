"""Braintree's XML: requests read into plain values, answers written from them.

Requests come with underscores in their tags, answers go out with hyphens; types stand in attributes. JSON bodies, as the Node SDK
sends them, are read into the same values.
"""

import json
import re
import time
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
DEEPEST = 24
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z?")
HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


class MarkupError(ValueError):
    """The body cannot be read."""


class Instant(int):
    """Seconds since the epoch, read from and written as a datetime in UTC."""


class Day(int):
    """Seconds since the epoch, written as a date in UTC."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list: `<name type="array">` around one `<tag>` per item."""

    tag: str
    of: Iterable[Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search: `<name type="collection">` around its numbers and one `<tag>` per item."""

    tag: str
    of: list[Any]
    number: int
    size: int
    total: int


def read_body(body: bytes, content_type: str) -> dict[str, Any]:
    """Return what a request says; an empty body says nothing. Raises MarkupError."""
    if not body.strip():
        return {}
    if "json" in content_type:
        return read_json(body)
    try:
        root = fromstring(body, forbid_dtd=True)
        return {snake(root.tag): read_element(root, DEEPEST)}
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise MarkupError(str(error)) from error


def read_json(body: bytes) -> dict[str, Any]:
    """Return the object in a JSON body with its keys in snake case. Raises MarkupError."""
    try:
        found = snake_keys(json.loads(body), DEEPEST)
    except (ValueError, RecursionError) as error:
        raise MarkupError(str(error)) from error
    if not isinstance(found, dict):
        raise MarkupError("The body must be an object.")
    return found


def snake_keys(value: Any, depth: int) -> Any:
    """Return a JSON value with every key in snake case."""
    if depth < 1:
        raise MarkupError("The body is nested too deep.")
    if isinstance(value, dict):
        return {snake(key): snake_keys(one, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [snake_keys(one, depth - 1) for one in value]
    return value


def snake(name: str) -> str:
    """Return a tag or key in snake case."""
    return HUMP.sub(r"_\1", name).replace("-", "_").lower()


def read_element(element: Element, depth: int) -> Any:
    """Return the value of an element by its `type`; an empty one is None."""
    if depth < 1:
        raise MarkupError("The body is nested too deep.")
    kind = element.get("type")
    if element.get("nil") == "true":
        return None
    if kind == "array":
        return [read_element(child, depth - 1) for child in element]
    if len(element):
        return {snake(child.tag): read_element(child, depth - 1) for child in element}
    return read_text(element.text or "", kind)


def read_text(text: str, kind: str | None) -> Any:
    """Return a text as its type says."""
    if text == "":
        return None
    if kind == "integer":
        return int(text)
    if kind == "boolean":
        return text in ("true", "1")
    return read_instant(text) if kind == "datetime" else text


def read_instant(text: str) -> Instant:
    """Read `2026-11-21T12:00:00Z`. Raises MarkupError."""
    found = INSTANT.match(text)
    if not found:
        raise MarkupError(f"{text[:30]} is no time.")
    return Instant(timegm(tuple(int(part) for part in found.groups())))


def write(name: str, value: Any) -> bytes:
    """Return a document."""
    return (DECLARATION + node(name, value)).encode()


def node(name: str, value: Any) -> str:
    """Return one element."""
    tag = name.replace("_", "-")
    if value is None:
        return f'<{tag} nil="true"/>'
    if isinstance(value, str):
        return f"<{tag}>{escape(NOT_XML.sub('', value))}</{tag}>"
    if isinstance(value, dict):
        return f"<{tag}>{''.join(node(key, one) for key, one in value.items())}</{tag}>"
    kind, inside = typed(value)
    return f'<{tag} type="{kind}">{inside}</{tag}>'


def typed(value: Any) -> tuple[str, str]:
    """Return the type of a value that has one, and its text."""
    match value:
        case bool():
            return "boolean", "true" if value else "false"
        case Instant():
            return "datetime", write_instant(value)
        case Day():
            return "date", write_instant(value)[:10]
        case int():
            return "integer", str(value)
        case Items():
            return "array", "".join(node(value.tag, one) for one in value.of)
        case Page():
            return "collection", write_page(value)
    raise TypeError(f"{value!r} cannot be written")


def write_page(page: Page) -> str:
    """Return the inside of a page."""
    numbers = {"current_page_number": page.number, "page_size": page.size, "total_items": page.total}
    return "".join(node(key, value) for key, value in numbers.items()) + "".join(node(page.tag, one) for one in page.of)


def write_instant(moment: int) -> str:
    """Return `2026-11-21T12:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
