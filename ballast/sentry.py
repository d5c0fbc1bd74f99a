"""Errors told to Sentry, or whatever speaks its protocol, where SENTRY_DSN says where: each line of the log at ERROR, with its trace.

Nothing of a request goes along but the ids that the log has too: no address, header, body, cookie or variable. What goes is scrubbed
as the log is.
"""

from __future__ import annotations

from typing import Any

from ballast.config import ConfigurationError, Settings
from ballast.logs import Scrubber, context


def prepare(settings: Settings) -> None:
    """Have this process tell its errors. Does nothing without a DSN; raises ConfigurationError where sentry-sdk is not installed."""
    if not settings.sentry_dsn:
        return
    try:
        import sentry_sdk
    except ImportError as error:
        raise ConfigurationError("SENTRY_DSN is set and sentry-sdk is not there: uv sync --group sentry") from error
    scrubber = Scrubber(settings)

    def scrub(event: Any, _hint: Any) -> Any:
        event["tags"] = {**(event.get("tags") or {}), **context()}
        return scrubber.all_of(event)

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        environment=settings.ballast_env,
        before_send=scrub,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=20,
        auto_enabling_integrations=False,
    )
