"""What the generated calls are made with, and what becomes of their answers."""

from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx

from ballast_client.rest.client import AuthenticatedClient
from ballast_client.rest.models.error_out import ErrorOut

API_VERSION: Final = "2026-11-01"
# A connection that could not be opened has carried nothing, so it is opened again.
RETRIES: Final = 2

Answer = TypeVar("Answer")


class ApiError(Exception):
    """The API said no. `code` is in docs/errors.md, `param` names what was wrong with it, `request_id` is what support asks for."""

    def __init__(self, answer: ErrorOut) -> None:
        error: Any = answer.error
        super().__init__(error.message)
        self.type, self.code, self.param = error.type_, error.code, error.param
        self.request_id = error.request_id


def connect(api_key: str, base_url: str, timeout: float = 30.0) -> AuthenticatedClient:
    """A client for the calls in `ballast_client.rest.api`. `timeout` in seconds.

    Every POST gets an Idempotency-Key of its own. To repeat one after a lost answer, give both tries the same key:
    `client.with_headers({"Idempotency-Key": key})`.
    """
    return AuthenticatedClient(
        base_url=base_url,
        token=api_key,
        headers={"Ballast-Version": API_VERSION},
        timeout=httpx.Timeout(timeout),
        httpx_args={
            "event_hooks": {"request": [_name_once]},
            "transport": httpx.HTTPTransport(retries=RETRIES),
        },
    )


def _name_once(request: httpx.Request) -> None:
    if request.method == "POST":
        request.headers.setdefault("Idempotency-Key", str(uuid4()))


def value(answer: Answer | ErrorOut | None) -> Answer:
    """The answer itself. Raises ApiError if it is an error."""
    if isinstance(answer, ErrorOut):
        raise ApiError(answer)
    if answer is None:
        raise ValueError("the answer is none of this version of the API")
    return answer
