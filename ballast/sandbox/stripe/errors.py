"""Errors as Stripe answers them."""

from typing import Any

from ballast.sandbox.stripe.declines import Decline


class StripeError(Exception):
    """An answer of 4xx or 5xx.

    `executed` says that the endpoint had begun, so that the answer is kept for the idempotency key; `committed` says
    that what the endpoint wrote stays written, as it does when a card is declined.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        committed: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.committed = committed
        fields = {"code": code, "message": message, "param": param, "type": kind, **more}
        self.error = {name: value for name, value in fields.items() if value is not None}
        if code:
            self.error["doc_url"] = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the JSON of the answer."""
        return {"error": self.error | {"request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}"}}


def refuse_parameter(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """Return a 400 for a request that failed validation, which no idempotency key remembers."""
    return StripeError(400, "invalid_request_error", message, code=code, param=param, executed=False)


def refuse_state(message: str, code: str | None = None, param: str | None = None, **more: Any) -> StripeError:
    """Return a 400 for a request that was well formed and came at the wrong time."""
    return StripeError(400, "invalid_request_error", message, code=code, param=param, **more)


def report_missing(noun: str, key: str, param: str) -> StripeError:
    """Return the 404, or the 400 when the object was named in a parameter, for an object that is not there."""
    status = 404 if param in ("id", "intent", "customer_id") else 400
    name = "id" if param == "customer_id" else param
    message = f"No such {noun}: '{key}'"
    return StripeError(status, "invalid_request_error", message, code="resource_missing", param=name)


def decline_card(decline: Decline, *, committed: bool = True, **more: Any) -> StripeError:
    """Return the 402 for a refused card."""
    return StripeError(402, "card_error", decline.message, committed=committed, **describe_decline(decline), **more)


def describe_decline(decline: Decline) -> dict[str, Any]:
    """Return the codes of a decline, without those it has not."""
    codes = {
        "code": decline.code,
        "decline_code": decline.decline_code,
        "advice_code": decline.advice_code,
        "network_decline_code": decline.network_code,
    }
    return {name: value for name, value in codes.items() if value}
