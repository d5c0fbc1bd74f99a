"""The web server is killed between a charge and its recording."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.stack import PATIENCE, Shopper, Stack, await_value

pytestmark = pytest.mark.stack


@pytest.fixture
def shopper(stack: Stack) -> Iterator[Shopper]:
    """Somebody with a cart and a checkout."""
    with Shopper(stack) as person:
        person.fill_cart()
        yield person


@contextmanager
def charged_and_not_recorded(stack: Stack, shopper: Shopper) -> Iterator[str]:
    """Inside the block the card is charged, the answer is on its way, and nobody has read it; the payment's id."""
    stack.fault(kind="slow", operation="payment_intents.confirm", seconds=15, count=1)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(shopper.pay)
        payment_id = stack.newest_payment(shopper.email)
        await_value(lambda: stack.charges(payment_id))
        yield payment_id
        assert isinstance(paying.exception(), requests.RequestException), "the answer came after all"


def expect_one_of_everything(stack: Stack, shopper: Shopper, payment_id: str) -> None:
    """The payment ends succeeded, with one charge, one receipt and one webhook; the shopper finds it paid."""
    await_value(lambda: stack.payment(payment_id)["status"] == "succeeded", explain=stack.read_output)
    await_value(lambda: stack.received(payment_id, "payment_intent.succeeded"))
    await_value(lambda: stack.mails(shopper.email))
    assert "Already paid." in shopper.get(shopper.checkout)
    assert shopper.pay().status_code == 200
    assert [charge["amount_captured"] for charge in stack.charges(payment_id)] == [9000]
    assert [event["valid"] for event in stack.received(payment_id, "payment_intent.succeeded")] == [True]
    assert [mail["subject"] for mail in stack.mails(shopper.email)] == ["Your receipt from Acme Coffee: $90.00"]


def test_killing_the_worker_process_that_waits_for_the_answer(stack: Stack, shopper: Shopper) -> None:
    web = stack.pid_of("web")
    with charged_and_not_recorded(stack, shopper) as payment_id:
        waiting = waiting_children(stack)
        for child in waiting:
            child.kill()
        psutil.wait_procs(waiting, timeout=PATIENCE)
    stack.await_health()
    expect_one_of_everything(stack, shopper, payment_id)
    assert stack.pid_of("web") == web, "granian starts its own workers again"


def waiting_children(stack: Stack) -> list[psutil.Process]:
    """The web server's worker processes that hold a connection to the processor."""
    port = int(stack.sandbox.rpartition(":")[2])
    children = psutil.Process(stack.pid_of("web")).children(recursive=True)
    found = [
        child
        for child in children
        if any(link.raddr and link.raddr.port == port for link in child.net_connections("tcp"))
    ]
    assert found
    return found


def test_killing_the_whole_web_server_when_the_event_is_lost_too(stack: Stack, shopper: Shopper) -> None:
    stack.fault(kind="webhook_lost")
    with Shopper(stack) as other, ThreadPoolExecutor(1) as pool:
        other.fill_cart()
        with charged_and_not_recorded(stack, shopper) as payment_id:
            stalled = stack.fault(kind="latency", operation="payment_intents.create", seconds=15, count=1)
            starting = pool.submit(other.pay)
            uncharged_id = stack.newest_payment(other.email)
            before = stack.kill("web")
        stack.forget_faults(stalled)
        assert isinstance(starting.exception(), requests.RequestException)
        stack.await_restart("web", before)
        stack.await_health()
        expect_one_of_everything(stack, shopper, payment_id)
        expect_nothing_sent(stack, other, uncharged_id)


def expect_nothing_sent(stack: Stack, shopper: Shopper, payment_id: str) -> None:
    """What never reached the bank is given up without a charge, and the shopper pays by trying again."""
    await_value(lambda: stack.payment(payment_id)["status"] == "requires_confirmation", explain=stack.read_output)
    assert stack.charges(payment_id) == []
    assert "Nothing was charged." in shopper.get(shopper.checkout)
    assert shopper.pay().status_code == 303
    expect_one_of_everything(stack, shopper, payment_id)


# A request that a second server would see the end of elsewhere, up to what it would take for another one.
TWO_ENDS = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": b"Content-Length: 5, 0\r\n\r\n",
    "a length with a sign": b"Content-Length: +5\r\n\r\n",
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare return": b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk's size that is none": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\nZZ\r\n0\r\n\r\n",
}
BEHIND = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_request_with_two_ends_is_refused_and_nothing_behind_it_is_read(stack: Stack) -> None:
    url = urlsplit(stack.web)
    for what, ending in TWO_ENDS.items():
        with socket.create_connection((url.hostname, url.port), timeout=PATIENCE) as sending:
            sending.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\n" + ending + BEHIND)
            told = b"".join(iter(lambda: sending.recv(65536), b""))
        assert told.startswith(b"HTTP/1.1 4"), (what, told[:200])
        assert told.count(b"HTTP/1.1 ") == 1, (what, told)
