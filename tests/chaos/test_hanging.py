"""A processor answers nobody for a while: what does not need it goes on."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import requests

from tests.stack import Stack, await_value

pytestmark = pytest.mark.stack

# Caddy takes a server for gone that says nothing for ten seconds.
LOOKS_FOR = 8.0
HANGS_FOR = 12.0
SHOPPERS = 20


def test_a_processor_that_hangs_leaves_a_thread_to_everybody_else(stack: Stack) -> None:
    stack.fault(kind="slow", operation="payment_intents.confirm", seconds=HANGS_FOR, count=SHOPPERS)
    waited = []
    with ThreadPoolExecutor(SHOPPERS) as pool:
        paying = [pool.submit(stack.pay) for _ in range(SHOPPERS)]
        while wait(paying, timeout=0.2).not_done:
            began = time.monotonic()
            assert requests.get(f"{stack.web}/readyz", timeout=LOOKS_FOR).status_code == 200
            waited.append(time.monotonic() - began)
    answers = [one.result() for one in paying]
    assert {answer.status_code for answer in answers} == {201}
    found = Counter(answer.json()["status"] for answer in answers)
    assert set(found) == {"succeeded", "requires_confirmation"}, (
        "some were charged, some were turned away, nobody is left in doubt"
    )
    assert found["succeeded"] >= 3
    for answer in answers:
        wanted = 1 if answer.json()["status"] == "succeeded" else 0
        assert len(stack.charges(answer.json()["id"])) == wanted, answer.text

    stack.forget_faults()
    turned_away = next(one.json()["id"] for one in answers if one.json()["status"] == "requires_confirmation")
    again = await_value(
        lambda: stack.call("POST", f"/payments/{turned_away}/confirm", json={}).json()["status"] == "succeeded"
    )
    assert again
    assert len(stack.charges(turned_away)) == 1
    assert len(waited) > 3
