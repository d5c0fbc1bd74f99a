"""Resend's SDK, which brings much: loaded by a process that sends its first mail."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import requests
import resend
from resend.exceptions import ResendError

from ballast import config

__all__ = ["ResendError", "put"]

TIMEOUT_SECONDS: Final = 10


def put(params: dict[str, Any], once: str) -> str:
    """Hand a mail to Resend, one time under the key `once`; its id there. Raises ResendError."""
    _configure()
    answer = resend.Emails.send(params, {"idempotency_key": once})  # type: ignore[arg-type]
    return str(answer["id"])


def _configure() -> None:
    settings = config.current()
    resend.api_key = settings.resend_api_key
    resend.api_url = settings.resend_api_url
    resend.default_http_client = _client()


class _PooledClient(resend.RequestsClient):
    """Resend's own client opens a connection per mail; this one keeps them."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=int(timeout))
        self._session = requests.Session()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = self._session.request(
                method, url, headers=headers, json=json, files=files, data=data, timeout=self._timeout
            )
        except requests.RequestException as error:
            raise RuntimeError(f"no answer: {type(error).__name__}") from error
        return response.content, response.status_code, response.headers


@cache
def _client() -> _PooledClient:
    return _PooledClient(TIMEOUT_SECONDS)
