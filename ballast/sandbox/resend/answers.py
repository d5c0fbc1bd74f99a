"""Answers in Resend's shape."""

from typing import Any

from ballast.sandbox.exchanges import Answer
from ballast.sandbox.store import encode


class RefusedError(Exception):
    """An error in Resend's shape."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.answer = answer_error(status, name, message)


def answer_json(status: int, value: dict[str, Any]) -> Answer:
    """Return a JSON answer."""
    return Answer(status, encode(value).encode(), {"Content-Type": "application/json; charset=utf-8"})


def answer_error(status: int, name: str, message: str) -> Answer:
    """Return an error's JSON answer."""
    return answer_json(status, {"statusCode": status, "name": name, "message": message})
