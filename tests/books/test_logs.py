"""Nothing secret is readable in a log: not a card's number, not a key, in no message, argument or traceback."""

from __future__ import annotations

import io
import logging

import pytest

from ballast.config import Settings
from ballast.logs import Scrubbing
from ballast.security import hide_secrets

TOLD = {
    "paid with 4242 4242 4242 4242 at noon": "paid with [hidden] at noon",
    "card=5555555555554444;": "card=[hidden];",
    "3782-822463-10005": "[hidden]",
    "key sk_live_51Habc and rk_test_9": "key [hidden] and [hidden]",
    "bl_test_a-b_c whsec_MfKQ9r8= EAAAEl4x_yz-0123456789": "[hidden] [hidden] [hidden]",
    "pi_3Pq_secret_8sQ": "[hidden]",
    "Authorization: Bearer eyJhbGciOi.J9eyJzdWI.abc": "Authorization: Bearer [hidden]",
    "postgresql://ballast:hunter2@db/ballast": "postgresql://ballast:[hidden]@db/ballast",
    "{'secret_key': 'a b', \"password\": \"x y\", 'amount': 5}": "{'secret_key': [hidden], \"password\": [hidden], 'amount': 5}",
    "private_key=abc, id=7": "private_key=[hidden], id=7",
}


@pytest.mark.parametrize("text", TOLD)
def test_secrets_and_card_numbers_are_hidden_wherever_they_stand(text: str) -> None:
    assert hide_secrets(text) == TOLD[text]


@pytest.mark.parametrize(
    "text",
    [
        "payment pay_01m8gx3v9vhtz6 re_01kbe9000pe2r9f3x7m5d0t1ab 2026-11-28 11:05:57,120 took 1234567890123 ns",
        "order 4242 of 1,000; /checkout/<token> 200 12 ms",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert hide_secrets(text) == text


def test_a_record_is_scrubbed_with_its_arguments_and_its_traceback(settings: Settings) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Scrubbing(settings))
    log = logging.Logger("of a library", logging.INFO)
    log.addHandler(handler)
    try:
        raise ValueError("number 4000056655665556 was declined for sk_test_51Habc")
    except ValueError:
        log.exception("sent %s with %s", "4242424242424242", settings.secret_key)
    said = out.getvalue()
    assert said.count("[hidden]") >= 4
    assert "ValueError: number [hidden] was declined for [hidden]" in said
    for secret in ("4242424242424242", "4000056655665556", "sk_test_51Habc", settings.secret_key):
        assert secret not in said


def test_every_handler_of_the_process_scrubs(settings: Settings, app: object) -> None:
    ours = [handler for handler in logging.getLogger().handlers if isinstance(handler.formatter, Scrubbing)]
    assert ours or not logging.getLogger().handlers
