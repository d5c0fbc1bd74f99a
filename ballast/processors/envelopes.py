"""What every processor's event must be before it is believed: JSON that ends, and words the database can keep."""

from __future__ import annotations

import json
from typing import Any, Final

from ballast.processors.base import ProcessorEvent, UnreadableEvent

# Above the longest that any of the three writes (Stripe's metadata, 500), below what an index of PostgreSQL takes.
LONGEST: Final = 500


def read_json(text: str) -> Any:
    """The JSON of an event whose signature was verified. Raises UnreadableEvent, for brackets without end too."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableEvent(f"no JSON: {type(error).__name__}") from None


def check_words(event: ProcessorEvent) -> ProcessorEvent:
    """The event, when each of its words can be kept. Raises UnreadableEvent with the name of one that cannot."""
    required = {"id": event.external_id, "type": event.type}
    optional = {"subject": event.subject_id, "reference": event.reference, "dispute": event.dispute_id}
    for name, word in (required | optional).items():
        if word is not None and not _can_be_kept(word):
            raise UnreadableEvent(f"its {name} is too long, or no text")
    if not all(required.values()):
        raise UnreadableEvent("without an id or a type")
    return event


def _can_be_kept(word: str) -> bool:
    """Whether PostgreSQL takes it: JSON may hold the character 0 and half of a pair, a text there may not."""
    return len(word) <= LONGEST and "\0" not in word and not any("\ud800" <= char <= "\udfff" for char in word)
