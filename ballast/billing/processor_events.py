"""Processors' events, read for a person: which there are, what one is about, and its text without what nobody should see."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from sqlalchemy import Select, select
from sqlalchemy.orm import defer

from ballast.billing import inbox
from ballast.ids import to_uuid
from ballast.models import InboxEvent
from ballast.models.states import INBOX
from ballast.security import HIDDEN, hide_secrets

LONGEST_TEXT: Final = 200_000
_NAME = r"[\w-]*(?:secret|password|private.key|access.token|signature.key|authorization.fingerprint|client.token)[\w-]*"
_IN_JSON = re.compile(rf'("{_NAME}": )"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_IN_XML = re.compile(rf"(<{_NAME}(?:\s[^>]*)?>)[^<]+", re.IGNORECASE)
_BETWEEN = re.compile(r">\s*<")


@dataclass(frozen=True)
class Filter:
    """Which events are wanted; None or "" for all. `type` is how the event's type begins."""

    account_id: str | None = None
    status: str | None = None
    type: str | None = None


def listed(organization_id: str, wanted: Filter) -> Select[InboxEvent]:
    """The organization's events that fit, without their payloads, in no order yet."""
    found = select(InboxEvent).where(InboxEvent.organization_id == organization_id).options(defer(InboxEvent.payload))
    if wanted.account_id and to_uuid(wanted.account_id, "pac"):
        found = found.where(InboxEvent.processor_account_id == wanted.account_id)
    if wanted.status in INBOX:
        found = found.where(InboxEvent.status == wanted.status)
    if wanted.type:
        found = found.where(InboxEvent.type.startswith(wanted.type, autoescape=True))
    return found


def payments_of(events: Iterable[InboxEvent]) -> dict[str, str]:
    """Event id → id of the payment it is about, where that is one of ours; one statement for all."""
    found = inbox.attempts_of(list(events))
    return {event_id: attempt.payment_id for (_organization, event_id), attempt in found.items()}


def text_of(payload: bytes) -> str:
    """What a processor sent, for a person: indented JSON, or the XML in a Braintree form; secrets and card numbers hidden."""
    text = _decoded(payload.decode(errors="replace"))
    for pattern, instead in ((_IN_JSON, rf'\1"{HIDDEN}"'), (_IN_XML, rf"\1{HIDDEN}")):
        text = pattern.sub(instead, text)
    text = hide_secrets(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\n…"


def _decoded(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        form = parse_qs(text, max_num_fields=8) if text.startswith("bt_") else {}
    try:
        return _indented(b64decode(form["bt_payload"][0]).decode(errors="replace"))
    except (LookupError, ValueError):
        return text


def _indented(xml: str) -> str:
    """One element a line. Not parsed: it is for the eye, and may be anything."""
    lines, depth = [], 0
    for piece in _BETWEEN.sub(">\n<", xml.strip()).split("\n"):
        closes, is_element = piece.startswith("</"), piece.startswith("<") and not piece.startswith(("<?", "<!"))
        depth -= closes
        lines.append("  " * max(depth, 0) + piece.strip())
        depth += is_element and not closes and "</" not in piece and not piece.endswith("/>")
    return "\n".join(lines)
