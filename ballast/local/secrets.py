"""Secrets of a local stack: generated once, kept in files only their owner can read."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from ballast.local.errors import LocalError


def generate_password() -> str:
    """Letters and digits only, so that it needs no quoting in an address."""
    return secrets.token_hex(24)


def generate_key() -> str:
    """32 random bytes in base64, the form ENCRYPTION_KEY takes."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def load_or_generate(path: Path, makers: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """The secrets of a file; those it lacks are made and kept. Raises LocalError when the file is not readable JSON."""
    known = _read(path)
    made = {name: make() for name, make in makers.items() if name not in known}
    if made:
        write_private(path, json.dumps(known | made, indent=2) + "\n")
    return known | made


def write_private(path: Path, text: str) -> None:
    """Replace a file by one of mode 600 in a single step: readers see the old text or the new, never a part."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    partial.replace(path)


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LocalError(f"{path} holds the secrets of the local stack and is damaged: {error}.") from error
    return {str(name): str(value) for name, value in known.items()}
