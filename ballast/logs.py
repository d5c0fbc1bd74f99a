"""What is logged, without what nobody should read there: card numbers, keys, tokens, passwords.

The whole text of a record is looked through, its traceback too, so that it does not matter who logs what of whom. Every logger of the
process writes through the handlers of the root, the libraries' as well.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from ballast.config import Settings
from ballast.security import HIDDEN, hide_secrets

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Settings that are secrets, whatever they look like.
SECRETS: Final = (
    "secret_key",
    "jwt_secret",
    "encryption_key",
    "stripe_secret_key",
    "stripe_webhook_secret",
    "braintree_private_key",
    "square_access_token",
    "square_webhook_signature_key",
    "resend_api_key",
    "jobs_internal_api_token",
)
SHORTEST: Final = 8


class Scrubbing(logging.Formatter):
    """Formats as any other, and hides what is secret in what comes out."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(FORMAT)
        values = {getattr(settings, name) for name in SECRETS}
        known = sorted((re.escape(value) for value in values if len(value) >= SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback below it."""
        text = super().format(record)
        return hide_secrets(self._known.sub(HIDDEN, text) if self._known else text)


def prepare(settings: Settings) -> None:
    """Have this process log at INFO, scrubbed."""
    logging.basicConfig(level=logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(Scrubbing(settings))
    for noisy in ("alembic", "stripe", "rq", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
