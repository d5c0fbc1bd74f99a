"""Nothing secret is readable in a log: not a card's number, not a key, in no message, argument or traceback."""

from __future__ import annotations

import gzip
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest

from ballast import logs
from ballast.config import Settings
from ballast.logs import Scrubbing
from ballast.processors.stripe import StripeAdapter
from ballast.security import hide_secrets
from ballast.wiring import LOG_FIELDS
from tests.notifications.endpoint import serving
from tests.world import Api, World

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


# --- As JSON -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the process logs as JSON while the test runs."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.formatter(settings.model_copy(update={"log_format": "json"})))
    root = logging.getLogger()
    monkeypatch.setattr(logs, "_sources", LOG_FIELDS)
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def test_a_request_is_one_line_with_its_route_its_ids_and_what_it_cost(
    world: World, api: Api, written: Callable[[], list[dict[str, Any]]]
) -> None:
    answer = api.pay()
    payment_id = answer.get_json()["id"]
    assert api.get(f"/payments/{payment_id}").status_code == 200
    created, read = [line for line in written() if line["logger"] == "ballast.requests"]
    assert (created["method"], created["route"], created["status"]) == ("POST", "/api/v1/payments", 201)
    assert created["request"] == answer.headers["X-Request-Id"]
    assert created["organization"] == read["organization"] == world.acme.id
    assert created["level"] == "info"
    assert created["statements"] > 5
    assert 0 < created["duration_ms"] < 60_000
    assert "payment" not in created
    assert (read["route"], read["payment"]) == ("/api/v1/payments/<payment_id>", payment_id)


def test_what_a_charge_logs_names_payment_and_attempt_and_the_next_request_does_not(
    world: World, api: Api, written: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = logging.getLogger("ballast.of.a.library")
    submit = StripeAdapter.submit

    def telling(adapter: StripeAdapter, charge: Any) -> Any:
        said.warning("asked with sk_test_51Habc", extra={"password": "x y", "card": "4242 4242 4242 4242"})
        return submit(adapter, charge)

    monkeypatch.setattr(StripeAdapter, "submit", telling)
    answer = api.pay()
    (told,) = [line for line in written() if line["logger"] == said.name]
    assert (told["event"], told["password"], told["card"]) == ("asked with [hidden]", "[hidden]", "[hidden]")
    assert told["payment"] == answer.get_json()["id"]
    assert told["attempt"].startswith("att_")
    assert told["request"] == answer.headers["X-Request-Id"]
    assert "payment" not in logs.context()


def test_a_line_of_json_holds_its_traceback_scrubbed(written: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise ValueError("number 4000056655665556 was declined for sk_test_51Habc")
    except ValueError:
        logging.getLogger("ballast").exception('said "password": "x y" to {"secret": "a\nb"}')
    (told,) = written()
    assert told["exception"].endswith("ValueError: number [hidden] was declined for [hidden]")
    assert "x y" not in told["event"]
    assert told["level"] == "error"


# --- Told to Sentry ----------------------------------------------------------------------------------------------------------

UNPACK: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}
CRASH = """
import logging, sys
from ballast import create_app, audit
from ballast.config import Settings

app = create_app("worker", Settings(_env_file=None, ballast_env="test", secret_key="a secret of the tests", sentry_dsn=sys.argv[1]))
audit.act_as(audit.Actor(request_id="req_of_the_test"))
card = "4242424242424242"
try:
    raise RuntimeError(f"card {card} with sk_test_51Habc and a secret of the tests")
except RuntimeError:
    logging.getLogger("ballast").exception("it failed for 5555555555554444")
"""


def test_an_error_is_told_to_sentry_with_its_ids_and_without_secrets() -> None:
    with serving() as sentry:
        dsn = sentry.url.replace("://", "://a_public_key@").rstrip("/") + "/1"
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", CRASH, dsn]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
    bodies = [UNPACK[one.headers["content-encoding"]](one.body) for one in sentry.received]
    (event,) = [json.loads(line) for body in bodies for line in body.splitlines() if b'"exception"' in line]
    (raised,) = event["exception"]["values"]
    assert raised["value"] == "card [hidden] with [hidden] and [hidden]"
    assert event["logentry"]["message"] == "it failed for [hidden]"
    assert event["tags"]["request"] == "req_of_the_test"
    assert b"4242424242424242" not in b"".join(bodies)
    assert "request" not in event
    assert all("vars" not in frame for frame in raised["stacktrace"]["frames"])
