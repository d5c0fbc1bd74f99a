"""Errors as Square answers them: a list of `{category, code, detail, field}`."""

from typing import Any

INVALID = "INVALID_REQUEST_ERROR"
PAYMENT_METHOD = "PAYMENT_METHOD_ERROR"
REFUND = "REFUND_ERROR"
API = "API_ERROR"


class SquareError(Exception):
    """An answer of 4xx or 5xx.

    `kept` says that what the endpoint wrote stays written and that its idempotency key remembers this answer, as it does
    when a card is declined; `more` goes beside the errors, the failed payment for one.
    """

    def __init__(
        self, status: int, category: str, code: str, detail: str, *, field: str | None = None, kept: bool = False
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kept = kept
        self.code = code
        self.more: dict[str, Any] = {}
        error = {"category": category, "code": code, "detail": detail, "field": field}
        self.errors = [{name: value for name, value in error.items() if value is not None}]

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        return {"errors": self.errors} | self.more


def refuse(code: str, detail: str, field: str | None = None) -> SquareError:
    """Return the 400 of a request that makes no sense, or comes at the wrong time."""
    return SquareError(400, INVALID, code, detail, field=field)


def report_missing(noun: str, key: str, field: str | None = None) -> SquareError:
    """Return the 404 of an object that is not there."""
    return SquareError(404, INVALID, "NOT_FOUND", f"Could not find {noun} with id: {key}", field=field)


def refuse_refund(code: str, detail: str) -> SquareError:
    """Return the 400 of a refund that cannot be."""
    return SquareError(400, REFUND, code, detail)


def decline(code: str, detail: str | None = None) -> SquareError:
    """Return the 400 of a card that was refused. Source: developer.squareup.com/docs/payments-api/error-codes."""
    told = detail or f"Authorization error: '{code}'"
    return SquareError(400, PAYMENT_METHOD, code, told, kept=True)
