"""What is logged, without what nobody should read there: card numbers, keys, tokens, passwords.

The whole text of a record is looked through, its traceback too, so that it does not matter who logs what of whom. Every logger of the
process writes through the handlers of the root, the libraries' as well. Lines are text on a developer's machine and JSON in production
(LOG_FORMAT); what they are about (request, organization, payment …) is a field of each, whoever writes it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

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
    "metrics_token",
    "sentry_dsn",
)
SHORTEST: Final = 8
MOST_NAMES: Final = 1000
Sources = Mapping[str, Callable[[], str | None]]

_about: ContextVar[Mapping[str, str]] = ContextVar("ballast_about", default=MappingProxyType({}))
# Field → where it is looked up when a line is written; `prepare` sets it.
_sources: Sources = {}


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Lines that are written inside the block are about these: `payment`, `attempt`, `job` …"""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def begin(**ids: str) -> None:
    """From here on in this context lines are about these, and about nothing that was named before: a thread serves many requests."""
    _about.set(ids)


def context() -> dict[str, str]:
    """What a line written here is about."""
    found = {name: look() for name, look in _sources.items()}
    return {**{name: value for name, value in found.items() if value}, **_about.get()}


class Scrubber:
    """Hides the secrets of this process, and whatever looks like one."""

    def __init__(self, settings: Settings) -> None:
        values = {getattr(settings, name) for name in SECRETS}
        known = sorted((re.escape(value) for value in values if len(value) >= SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None
        self._names: dict[str, bool] = {}

    def text(self, text: str) -> str:
        """The text without them."""
        return hide_secrets(self._known.sub(HIDDEN, text) if self._known else text)

    def all_of(self, value: Any, name: str = "") -> Any:
        """A value of JSON without them, down to the last string; one behind a name such as `password` goes whole."""
        match value:
            case dict():
                return {key: self.all_of(one, str(key)) for key, one in value.items()}
            case list() | tuple():
                return [self.all_of(one, name) for one in value]
            case str():
                said = self.text(value)
                return HIDDEN if said == value and self._hides(name) else said
        return value

    def _hides(self, name: str) -> bool:
        """Whether what stands behind this name goes whole; few names stand in many lines."""
        if name not in self._names:
            if len(self._names) > MOST_NAMES:
                self._names.clear()
            self._names[name] = bool(name) and self.text(f"{name}=x") != f"{name}=x"
        return self._names[name]


class Scrubbing(logging.Formatter):
    """Formats as any other, and hides what is secret in what comes out."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(FORMAT)
        self._scrubber = Scrubber(settings)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback below it."""
        return self._scrubber.text(super().format(record))


def formatter(settings: Settings) -> logging.Formatter:
    """How this process writes its lines."""
    return _json(settings) if settings.logs_as == "json" else Scrubbing(settings)


def _json(settings: Settings) -> logging.Formatter:
    import structlog
    from structlog.stdlib import ProcessorFormatter

    scrubber = Scrubber(settings)

    def add_context(_logger: Any, _method: str, said: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**context(), **said}

    def scrub(_logger: Any, _method: str, said: structlog.typing.EventDict) -> structlog.typing.EventDict:
        found: structlog.typing.EventDict = scrubber.all_of(dict(said))
        return found

    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            add_context,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
    )


def _dump(said: Any, **_options: Any) -> str:
    return json.dumps(said, default=str, ensure_ascii=False)


def prepare(settings: Settings, sources: Sources | None = None) -> None:
    """Have this process log at INFO, scrubbed. `sources`: field → what is asked for its value whenever a line is written."""
    global _sources
    _sources = sources or {}
    logging.basicConfig(level=logging.INFO)
    made = formatter(settings)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(made)
    for noisy in ("alembic", "stripe", "rq", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It warns of each connection it does not keep, which is what the bound of its pool is for.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
