"""How to make each call, with curl and with Python: written from the examples of the description, run by tests/api/test_samples.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Samples = dict[str, str]
NEW_UUID = "python3 -c 'import uuid; print(uuid.uuid4())'"


def samples(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Samples:
    """{"curl": …, "python": …}. Both take BALLAST_URL and BALLAST_API_KEY (or BALLAST_ACCESS_TOKEN) from the environment."""
    address = path + _query(operation)
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            address = address.replace("{" + parameter["name"] + "}", parameter["example"])
    needs_key = any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    body = _body(operation, schemas)
    sent = _credentials(operation.get("security", []))
    return {
        "curl": _curl(method, address, needs_key, body, sent),
        "python": _python(method, address, needs_key, body, sent),
    }


@dataclass(frozen=True)
class _Credentials:
    """What a call is signed in with: a header, and the variable of the environment that its value ends in."""

    header: str
    scheme: str
    variable: str


def _credentials(security: list[dict[str, Any]]) -> _Credentials | None:
    """A key where one will do, an access token where only people may, nothing where everybody may."""
    taken = {name for one in security for name in one}
    if "api_key" in taken:
        return _Credentials("X-API-Key", "", "BALLAST_API_KEY")
    return _Credentials("Authorization", "Bearer ", "BALLAST_ACCESS_TOKEN") if taken else None


def _query(operation: dict[str, Any]) -> str:
    """The parameters one cannot do without."""
    wanted = [one for one in operation["parameters"] if one["in"] == "query" and one["required"]]
    return "?" + "&".join(f"{one['name']}={quote(one['example'])}" for one in wanted) if wanted else ""


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in operation:
        return None
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    found: dict[str, Any] = schemas[reference.rpartition("/")[2]]["example"]
    return found


def _curl(method: str, address: str, needs_key: bool, body: dict[str, Any] | None, sent: _Credentials | None) -> str:
    lines = [f'curl -X {method} "$BALLAST_URL{address}"']
    if sent:
        lines.append(f'-H "{sent.header}: {sent.scheme}${sent.variable}"')
    if needs_key:
        lines.append(f'-H "Idempotency-Key: $({NEW_UUID})"')
    if body:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(body)}'"]
    return " \\\n  ".join(lines)


def _python(method: str, address: str, needs_key: bool, body: dict[str, Any] | None, sent: _Credentials | None) -> str:
    headers = []
    if sent:
        scheme = f'"{sent.scheme}" + ' if sent.scheme else ""
        headers.append(f'"{sent.header}": {scheme}os.environ["{sent.variable}"]')
    if needs_key:
        headers.append('"Idempotency-Key": str(uuid.uuid4())')
    lines = [
        "import os",
        *(["import uuid"] if needs_key else []),
        "",
        "import requests",
        "",
        f"answer = requests.{method.lower()}(",
        f'    os.environ["BALLAST_URL"] + "{address}",',
        *([f"    headers={{{', '.join(headers)}}},"] if headers else []),
        *([f"    json={body!r},"] if body else []),
        "    timeout=30,",
        ")",
        "answer.raise_for_status()",
        "print(answer.json())",
    ]
    return "\n".join(lines)
