"""Reading a mail as Resend reads it."""

import base64
import hashlib
from typing import Any

MOST_RECIPIENTS = 50
MOST_CHARACTERS = 2_000_000
COPIED = ("cc", "bcc", "reply_to", "headers", "tags")
KNOWN = frozenset(
    (*COPIED, "from", "to", "subject", "html", "text", "attachments", "scheduled_at", "template", "topic_id")
)


class InvalidMailError(ValueError):
    """The mail cannot be sent; `name` is Resend's word for why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def read_mail(wanted: Any) -> dict[str, Any]:
    """Return the mail to keep; of attachments only names and sizes. Raises InvalidMailError."""
    if not isinstance(wanted, dict):
        raise InvalidMailError("validation_error", "The email must be an object.")
    for name in ("from", "to", "subject"):
        if not wanted.get(name):
            raise InvalidMailError("missing_required_field", f"Missing `{name}` field.")
    if not wanted.get("html") and not wanted.get("text"):
        raise InvalidMailError("missing_required_field", "Missing `html` or `text` field.")
    unknown = set(wanted) - KNOWN
    if unknown:
        raise InvalidMailError("validation_error", f"Unknown field `{sorted(unknown)[0]}`.")
    mail: dict[str, Any] = {"from": read_address(wanted["from"], "from"), "to": read_addresses(wanted["to"], "to")}
    mail |= {name: read_text(wanted.get(name), name) for name in ("subject", "html", "text")}
    mail |= {name: wanted[name] for name in COPIED if wanted.get(name)}
    mail["attachments"] = [describe_attachment(one) for one in wanted.get("attachments") or []]
    return mail


def read_text(value: Any, name: str) -> str | None:
    """Return a text that is not beyond measure."""
    if value is not None and (not isinstance(value, str) or len(value) > MOST_CHARACTERS):
        raise InvalidMailError("validation_error", f"Invalid `{name}` field.")
    return value


def read_addresses(value: Any, name: str) -> list[str]:
    """Return one or up to fifty addresses."""
    addresses = [value] if isinstance(value, str) else value
    if not isinstance(addresses, list) or not 1 <= len(addresses) <= MOST_RECIPIENTS:
        raise InvalidMailError(
            "validation_error", f"Invalid `{name}` field. It takes 1 to {MOST_RECIPIENTS} addresses."
        )
    return [read_address(address, name) for address in addresses]


def read_address(value: Any, name: str) -> str:
    """Return `a@b.c` or `Name <a@b.c>`."""
    address = value.rpartition("<")[2].rstrip(">").strip() if isinstance(value, str) else ""
    local, _, domain = address.rpartition("@")
    if not local or not domain or " " in address or "\n" in value:
        raise InvalidMailError(
            "validation_error",
            f"Invalid `{name}` field. The email address needs to follow the `email@example.com` or `Name "
            "<email@example.com>` format.",
        )
    return str(value)


def describe_attachment(attachment: Any) -> dict[str, Any]:
    """Return the name, the size and the SHA-256 of an attachment."""
    if not isinstance(attachment, dict):
        raise InvalidMailError("validation_error", "Invalid `attachments` field.")
    content = attachment.get("content") or ""
    try:
        raw = bytes(content) if isinstance(content, list) else base64.b64decode(content, validate=True)
    except (TypeError, ValueError) as error:
        raise InvalidMailError("validation_error", "Invalid `attachments` field.") from error
    named = {"filename": attachment.get("filename"), "content_type": attachment.get("content_type")}
    return named | {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
