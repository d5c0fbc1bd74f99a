"""The errors Ballast raises on purpose. Each has a code, an HTTP status and a sentence fit for the public."""

from __future__ import annotations


class BallastError(Exception):
    """Something a caller did or must know about. `code` is stable; `message` may be shown to anyone."""

    status = 400
    kind = "invalid_request_error"

    def __init__(self, code: str, message: str, *, param: str | None = None, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.param = param
        if status is not None:
            self.status = status


class InvalidRequest(BallastError):
    """The request cannot be served as it was sent."""


class Unauthenticated(BallastError):
    """Nobody we know sent this."""

    status = 401
    kind = "authentication_error"


class Forbidden(BallastError):
    """We know who sent this, and they may not."""

    status = 403
    kind = "permission_error"


class NotFound(BallastError):
    """There is no such thing for this caller."""

    status = 404
    kind = "not_found_error"

    def __init__(self, what: str, public_id: str | None = None) -> None:
        shown = f" {public_id}" if public_id else ""
        super().__init__("resource_missing", f"No such {what}{shown}.", param="id" if public_id else None)


class Conflict(BallastError):
    """The request collides with the present state of what it is about."""

    status = 409
    kind = "conflict_error"


class PaymentDeclined(BallastError):
    """The bank or the processor said no. Nothing was charged."""

    status = 402
    kind = "card_error"


class RateLimited(BallastError):
    """Too many requests; `retry_after` is in seconds."""

    status = 429
    kind = "rate_limit_error"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__("rate_limit_exceeded", message)
        self.retry_after = retry_after


class TooManyAttempts(RateLimited):
    """Too many tries were declined before this one, which was not made; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super(RateLimited, self).__init__("too_many_attempts", message)
        self.retry_after = retry_after


class ProcessorError(BallastError):
    """A processor refused our request for a reason that is ours to mend (configuration, credentials)."""

    status = 502
    kind = "processor_error"
