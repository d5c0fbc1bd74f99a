"""Every fault at every processor: what its SDK makes of it, and what is true afterwards."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests

from ballast.sandbox.faults import KINDS, REQUEST_KINDS, WEBHOOK_KINDS
from tests.sandbox.conftest import Sandbox, wait_until
from tests.sandbox.shops import OTHER, PLAIN, SHOPS, Inbox, Shop, open_inbox

OUTCOMES = {
    "latency": ("paid", 1),
    "slow": ("paid", 1),
    "decline": ("declined", 0),
    "rate_limit": ("limited", 0),
    "error_before": ("unknown", 0),
    "error_after": ("unknown", 1),
    "bad_gateway_before": ("unknown", 0),
    "bad_gateway_after": ("unknown", 1),
    "reset_before": ("unknown", 0),
    "reset_after": ("unknown", 1),
    "truncate": ("unknown", 1),
}
ASKS = {
    "stripe": ("/v1/customers", "Bearer sk_test_x"),
    "braintree": ("/merchants/ballast_x/customers", "Basic YTpi"),
    "square": ("/v2/customers", "Bearer EAAAEx"),
    "resend": ("/emails", "Bearer re_x"),
}


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest, sandbox: Sandbox, account: str) -> Iterator[Shop]:
    with httpx.Client(timeout=10, trust_env=False) as http:
        yield SHOPS[request.param](*([sandbox, account, http] if request.param == "square" else [sandbox, account]))


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox


@pytest.mark.parametrize("kind", REQUEST_KINDS)
def test_a_fault_and_what_was_charged(sandbox: Sandbox, shop: Shop, kind: str) -> None:
    outcome, charged = OUTCOMES[kind]
    sandbox.fault(kind, processor=shop.processor, operation=shop.operation, count=1, seconds=0.3)
    begun = time.monotonic()
    assert shop.pay() == outcome
    assert kind not in ("latency", "slow") or time.monotonic() - begun >= 0.3
    assert len(sandbox.charges(shop.account)) == charged
    assert requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json() == []
    assert shop.pay() == "paid"


def test_a_rule_strikes_one_card(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.fault("decline", processor=shop.processor, card=shop.other_last4)
    assert (shop.pay(PLAIN), shop.pay(OTHER)) == ("paid", "declined")


def test_a_rule_strikes_a_share(sandbox: Sandbox, shop: Shop) -> None:
    sandbox.fault("decline", processor=shop.processor, operation=shop.operation, share=0.5)
    assert {shop.pay() for _ in range(40)} == {"paid", "declined"}


@pytest.mark.parametrize("processor", ASKS)
def test_a_limit_says_when_to_come_back(sandbox: Sandbox, processor: str) -> None:
    sandbox.fault("rate_limit", processor=processor, count=1, seconds=7)
    path, key = ASKS[processor]
    answer = requests.post(f"{sandbox.url}{path}", headers={"Authorization": key}, timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_offers_every_fault(sandbox: Sandbox, kind: str) -> None:
    shown = requests.get(f"{sandbox.url}/_sandbox/faults", headers={"Accept": "text/html"}, timeout=5).text
    assert f'value="{kind}"' in shown
    form = {"kind": kind, "processor": "square", "count": "2", "seconds": "", "card": ""}
    assert (
        requests.post(f"{sandbox.url}/_sandbox/faults", data=form, allow_redirects=False, timeout=5).status_code == 303
    )
    [rule] = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json()
    assert (rule["kind"], rule["processor"], rule["count"]) == (kind, "square", 2)


def order(shop: Shop, inbox: Inbox, told: list[str]) -> list[int]:
    """Which of what was told arrived, in the order of arriving."""
    texts = [shop.read(body) for body, _ in list(inbox.received)]
    return [place for text in texts for place, key in enumerate(told) if key in text]


ARRIVALS: dict[str, list[int]] = {
    "webhook_lost": [1],
    "webhook_duplicate": [0, 0, 1],
    "webhook_late": [1, 0],
    "webhook_reordered": [1, 0],
    "webhook_bad_signature": [0, 1],
}


@pytest.mark.parametrize("kind", WEBHOOK_KINDS)
def test_a_fault_of_delivery(sandbox: Sandbox, shop: Shop, inbox: Inbox, kind: str) -> None:
    secret = shop.listen(inbox.url)
    sandbox.fault(kind, processor=shop.processor, operation="webhook", count=1, seconds=1)
    told = [shop.tell()]
    wait_until(lambda: requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json() == [])
    if kind in ("webhook_duplicate", "webhook_bad_signature"):
        wait_until(lambda: order(shop, inbox, told) == ARRIVALS[kind][:-1])
    told.append(shop.tell())
    wait_until(lambda: order(shop, inbox, told) == ARRIVALS[kind])
    signed = [shop.is_signed(received, secret) for received in inbox.received]
    assert signed == [kind != "webhook_bad_signature" or place > 0 for place in range(len(signed))]


def test_a_key_is_rolled(sandbox: Sandbox, shop: Any, inbox: Inbox) -> None:
    old = shop.listen(inbox.url)
    url = f"{sandbox.url}/_sandbox/webhooks/{shop.processor}/{shop.endpoint}/roll"
    answer = requests.post(url, json={"overlap_seconds": 3600}, timeout=5).json()
    new = next(answer[name] for name in ("secret", "signature_key", "private_key") if name in answer)
    told = [shop.tell()]
    wait_until(lambda: order(shop, inbox, told) == [0])
    assert shop.is_signed(inbox.received[0], new)
    # At Square an old key is void at once.
    assert shop.is_signed(inbox.received[0], old) == (shop.processor != "square")
    assert requests.post(url, json={"overlap_seconds": -1}, timeout=5).status_code == 422
    assert requests.post(url.replace(shop.endpoint, "none"), timeout=5).status_code == 404


def test_without_overlap_the_old_key_is_void(sandbox: Sandbox, shop: Any, inbox: Inbox) -> None:
    old = shop.listen(inbox.url)
    url = f"{sandbox.url}/_sandbox/webhooks/{shop.processor}/{shop.endpoint}/roll"
    requests.post(url, json={"overlap_seconds": 0}, timeout=5).raise_for_status()
    if shop.processor == "braintree":
        requests.post(
            f"{sandbox.url}/_sandbox/braintree/webhooks/check", json={"merchant_id": shop.account}, timeout=5
        ).raise_for_status()
    else:
        shop.tell()
    [received] = wait_until(lambda: inbox.received)
    assert not shop.is_signed(received, old)


Act = Callable[..., requests.Response]


@pytest.fixture
def act(sandbox: Sandbox) -> Act:
    return lambda path, **wanted: requests.post(f"{sandbox.url}/_sandbox/{path}", json=wanted, timeout=5)


def test_a_charge_is_disputed_once(act: Act, sandbox: Sandbox, shop: Shop) -> None:
    path = f"charges/{shop.processor}/{shop.take()}/dispute"
    answer = act(path)
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"]
    assert act(path).status_code == 409
    assert act(path, reason="whim").status_code == 422
    assert act(f"charges/{shop.processor}/none/dispute").status_code == 404


def test_a_hold_runs_out(act: Act, sandbox: Sandbox, shop: Shop) -> None:
    charge = shop.hold()
    shown = requests.get(f"{sandbox.url}/_sandbox/charges/{shop.processor}/{charge}", timeout=5).json()
    assert (shown["status"], shown["expires"]) == ("authorized", True)
    assert act(f"charges/{shop.processor}/{charge}/expire").status_code == 200
    assert [one["status"] for one in sandbox.charges(shop.account)] == ["canceled"]
    assert act(f"charges/{shop.processor}/{charge}/expire").status_code == 409
    assert act(f"charges/{shop.processor}/{shop.take()}/expire").status_code == 409


def test_a_refund_fails_after_the_fact(act: Act, sandbox: Sandbox, shop: Shop) -> None:
    charge = shop.take()
    refund = shop.refund(charge)
    assert sandbox.charges(shop.account)[0]["amount_refunded"] == 400
    assert act(f"refunds/{shop.processor}/{refund}/fail").json()["status"].lower() in ("failed", "rejected")
    assert sandbox.charges(shop.account)[0]["amount_refunded"] == 0
    assert act(f"refunds/{shop.processor}/{refund}/fail").status_code == 409


def waiting(sandbox: Sandbox, shop: Shop) -> list[Any]:
    """The shop's webhooks that are not delivered yet."""
    found = requests.get(f"{sandbox.url}/_sandbox/webhooks", timeout=5).json()["deliveries"]
    return [one for one in found if one["account"] == shop.account and one["state"] == "pending"]


def test_the_last_webhook_is_sent_again(sandbox: Sandbox, act: Act, shop: Shop, inbox: Inbox) -> None:
    charge = shop.take()
    assert act(f"charges/{shop.processor}/{charge}/resend").status_code == 409
    shop.listen(inbox.url)
    act(f"refunds/{shop.processor}/{shop.refund(charge)}/fail").raise_for_status()
    wait_until(lambda: order(shop, inbox, [charge]))
    wait_until(lambda: not waiting(sandbox, shop))
    seen = len(inbox.received)
    assert act(f"charges/{shop.processor}/{charge}/resend").json()["status"] == "pending"
    wait_until(lambda: len(inbox.received) == seen + 1)
    assert inbox.received[-1][0] in [body for body, _ in inbox.received[:-1]] or shop.processor == "stripe"
