"""What a measurement asks of the API beside what it measures."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import requests


def call(local: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST as the demo's program; the answer. Raises requests.HTTPError."""
    headers = {"X-API-Key": local["api_key"], "Idempotency-Key": str(uuid4())}
    answer = requests.post(f"{local['web']}/api/v1{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
