"""Write docs/configuration.md from the settings: `python -m scripts.write_configuration`; `--check` only says whether it is true.

What stands above the first table is written by hand and kept. `--check` also wants each setting named in .env.example and handed on by
compose.yaml, so that there is nothing that can only be set by who reads the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic.fields import FieldInfo

from ballast.config import DEFAULT_ENCRYPTION_KEY, DEFAULT_SECRET, Settings

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "configuration.md"
MARK: Final = (
    "<!-- From here on written by `python -m scripts.write_configuration`; change `ballast/config.py`, not this. -->"
)
# What each part is called, and how the settings in it begin; the first part that fits has it.
PARTS: Final = (
    ("Addresses", ("ballast_env", "public_url", "webapp_url", "admin_url", "trusted_proxies")),
    ("Servers", ("database_", "redis_")),
    (
        "Secrets and signing in",
        ("secret_", "secrets_", "jwt_", "encryption_key", "sign_in_", "second_factor_", "leaked_"),
    ),
    ("Processors", ("stripe_", "braintree_", "square_", "processor_", "sandbox_")),
    ("Mail", ("resend_",)),
    ("Webhooks", ("webhook_",)),
    ("Watching it", ("log_", "metrics_", "sentry_")),
    ("Everything else", ("",)),
)
# Only `make run` and the tests know these; no process of ours reads them through the settings.
LOCAL: Final = {
    "BALLAST_STATE_DIR": "`.ballast`|where the local stack keeps its data",
    "BALLAST_CHROMIUM": "found|the browser for the tests; `chromium-headless-shell` takes half the time of `chromium`",
}
# Set by compose.yaml itself, or of no use there.
NOT_HANDED_ON: Final = {"SANDBOX_URL", "DATABASE_OWNER_URL"}


def page(before: str) -> str:
    """The page, with what stands above the mark in `before`."""
    return before.partition(MARK)[0] + MARK + "\n" + "".join(_parts()) + _local()


def _parts() -> Iterator[str]:
    left = dict(Settings.model_fields)
    for title, beginnings in PARTS:
        here = [name for name in left if name.startswith(beginnings)]
        rows = [_row(name, left.pop(name)) for name in here]
        yield f"\n## {title}\n\n| variable | default | what |\n|---|---|---|\n" + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name.upper()}` | {_default(field.default)} | {field.description or ''} |\n"


def _default(value: Any) -> str:
    if value in (DEFAULT_SECRET, DEFAULT_ENCRYPTION_KEY):
        return "refused in production"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value not in (None, "") else "empty"


def _local() -> str:
    rows = "".join(f"| `{name}` | {told.replace('|', ' | ')} |\n" for name, told in LOCAL.items())
    return f"\n## The local stack and the tests\n\n| variable | default | what |\n|---|---|---|\n{rows}"


def problems() -> list[str]:
    """What is not as the settings are."""
    names = {name.upper() for name in Settings.model_fields}
    found = [f"{name} has no description in ballast/config.py" for name in _undescribed()]
    if PAGE.read_text(encoding="utf-8") != page(PAGE.read_text(encoding="utf-8")):
        found.append("docs/configuration.md is out of date: run `python -m scripts.write_configuration`")
    example = set(
        re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    found += [f".env.example does not name {name}" for name in sorted(names - example)]
    handed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["x-ballast"]["environment"]
    found += [f"compose.yaml does not hand on {name}" for name in sorted(names - set(handed) - NOT_HANDED_ON)]
    return found + [f"compose.yaml hands on {name}, which is no setting" for name in sorted(set(handed) - names)]


def _undescribed() -> list[str]:
    return [name.upper() for name, field in Settings.model_fields.items() if not field.description]


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say what is wrong; the exit code."""
    if arguments == ["--check"]:
        found = problems()
        print("\n".join(found))
        return 1 if found else 0
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
