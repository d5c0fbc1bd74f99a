"""compose.yaml, read as Docker Compose reads it: what each service runs, in which environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Z_]+)(?::(?P<sign>[-?])(?P<otherwise>[^}]*))?\}")


@dataclass(frozen=True)
class Service:
    """One service, its variables filled in."""

    name: str
    command: list[str]
    environment: dict[str, str]
    written: dict[str, Any]

    @property
    def stop_seconds(self) -> float:
        return float(str(self.written.get("stop_grace_period", "10s")).removesuffix("s"))


def services(env: Mapping[str, str]) -> dict[str, Service]:
    """Every service, with the variables of an `.env` file; raises KeyError for one that has to be there and is not."""
    written = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return {name: _service(name, content, env) for name, content in written.items()}


def _service(name: str, content: dict[str, Any], env: Mapping[str, str]) -> Service:
    command = [_fill(str(word), env) for word in content.get("command", [])]
    given = content.get("environment", {})
    environment = {key: _fill(str(value), env) for key, value in given.items() if value is not None}
    environment |= {key: env[key] for key, value in given.items() if value is None and key in env}
    return Service(name, command, environment, content)


def _fill(text: str, env: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found["sign"] == "?":
            return env[found["name"]]
        return env.get(found["name"]) or found["otherwise"] or ""

    return VARIABLE.sub(value, text)
