"""Many deliveries on one thread: each server is met as one POST meets it, and none waits for another."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import urllib3

from ballast.local.ports import any_free
from ballast.notifications import flights, wires
from ballast.notifications.answering import NotHttp, Reading
from ballast.notifications.flights import Fleet
from ballast.notifications.lanes import Parcel
from ballast.notifications.posting import PER_ENDPOINT, Answer, post
from ballast.notifications.wires import Place
from tests.notifications.endpoint import Endpoint, answering, serving

PATIENCE = 0.4
RAW = {
    "nothing": b"",
    "no http": b"\x16\x03\x01nonsense\r\n\r\n",
    "no status": b"HTTP/1.1 soon\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    "gzip": b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: 26\r\n\r\n"
    + gzip.compress(b"broken", mtime=0),
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunks": b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    "until it closes": b"HTTP/1.0 503 Later\r\nRetry-After: 7\r\n\r\nsee you",
    "a year beyond all": b"HTTP/1.1 503 No\r\nRetry-After: Mon, 01 Jan 99999999999999999999 00:00 GMT\r\nContent-Length: 0\r\n\r\n",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as made:
        yield made


def parcel(url: str, number: int = 0, allow_private: bool = True, endpoint_id: str = "we_1") -> Parcel:
    return Parcel(("org_1", f"del_{number}"), endpoint_id, url, "evt_1", b"{}", (), 0, 0, False, allow_private)


def fly(*parcels: Parcel, patience: float = PATIENCE) -> tuple[list[tuple[Parcel, Answer]], list[Parcel]]:
    """What came of each, and what was not sent."""
    landed: list[tuple[Parcel, Answer]] = []
    returned: list[Parcel] = []
    until = time.monotonic() + 10
    with Fleet(lambda _parcel: {"content-type": "application/json"}, patience) as fleet:
        for one in parcels:
            fleet.send([one])
        while len(landed) + len(returned) < len(parcels) and time.monotonic() < until:
            back = fleet.back(0.1, 0.0, 1)
            landed += back[0]
            returned += back[1]
    return landed, returned


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_what_a_server_sends_is_read_as_one_post_reads_it(endpoint: Endpoint, raw: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for at in range(0, len(raw), 7):
            handler.wfile.write(raw[at : at + 7])
            handler.wfile.flush()
        handler.close_connection = True

    endpoint.manner = answer
    alone = post(endpoint.url, b"{}", {"content-type": "application/json"}, PATIENCE, allow_private=True)
    ((_, found),) = fly(parcel(endpoint.url))[0]
    assert (found.status, found.reason, found.retry_after) == (alone.status, alone.reason, alone.retry_after)
    assert found.body == alone.body or b"nope" in raw


@pytest.mark.parametrize(
    ("url", "reasons", "allow_private"),
    [
        ("http://127.0.0.1:{free}/", {"refused"}, True),
        ("http://127.0.0.1:{free}/", {"private_address"}, False),
        ("https://127.0.0.1:{here}/", {"tls", "connection_lost"}, True),
        ("http://nobody.invalid/", {"dns"}, True),
        ("ftp://127.0.0.1/", {"bad_url"}, True),
        ("http://[::1", {"bad_url"}, True),
    ],
)
def test_why_nothing_was_delivered_is_told_in_the_same_words(
    endpoint: Endpoint, url: str, reasons: set[str], allow_private: bool
) -> None:
    here = endpoint.url.rpartition(":")[2].partition("/")[0]
    ((_, found),) = fly(parcel(url.format(free=any_free(), here=here), allow_private=allow_private), patience=5)[0]
    assert (found.status, found.reason in reasons) == (None, True), found


def test_a_server_that_is_silent_or_drips_is_cut_off_and_its_followers_come_back_unsent(endpoint: Endpoint) -> None:
    def hang(_handler: BaseHTTPRequestHandler) -> None:
        endpoint.closing.wait(5)

    endpoint.manner = hang
    with serving() as alive:
        many = [parcel(endpoint.url, number) for number in range(PER_ENDPOINT + 5)]
        others = [parcel(alive.url, 100 + number, endpoint_id="we_2") for number in range(30)]
        began = time.monotonic()
        landed, returned = fly(*many, *others, patience=1.5)
        assert time.monotonic() - began < 4
        assert len(alive.received) == 30
    assert [answer.reason for one, answer in landed if one.endpoint_id == "we_1"] == ["timeout"] * PER_ENDPOINT
    assert len(returned) == 5
    assert len(endpoint.received) == PER_ENDPOINT


def test_who_takes_no_connection_costs_those_who_wait_behind_it_nothing_of_their_time(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_(where: Place, timeout: float) -> socket.socket:
        if where.port == 1:
            time.sleep(0.3)
            raise urllib3.exceptions.ConnectTimeoutError
        return wires.open_(where, timeout)

    monkeypatch.setattr(flights, "OPENERS", 1)
    monkeypatch.setattr(flights, "open_", open_)
    dead = [parcel("http://127.0.0.1:1/", number, endpoint_id=f"we_{number}") for number in range(2)]
    landed, _ = fly(*dead, parcel(endpoint.url, 9, endpoint_id="we_9"))
    assert [answer.reason for _, answer in landed] == ["timeout", "timeout", None]


def test_whoever_waits_for_a_thread_that_has_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fleet, "_fly", lambda self: self._close())
    with Fleet(lambda _parcel: {}, PATIENCE) as fleet:
        fleet._thread.join()
        with pytest.raises(RuntimeError):
            fleet.back(1, 0, 1)


def test_connections_are_used_again_and_no_endpoint_has_more_than_its_calls_at_once(endpoint: Endpoint) -> None:
    ports: set[int] = set()

    def note(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        answering(200, b"ok")(handler)

    endpoint.manner = note
    landed, _ = fly(*(parcel(endpoint.url, number) for number in range(60)), patience=5)
    assert [(answer.status, answer.body) for _, answer in landed] == [(200, "ok")] * 60
    assert len(ports) <= PER_ENDPOINT


def test_headers_without_end_are_no_answer() -> None:
    reading = Reading()
    with pytest.raises(NotHttp):
        reading.take(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000)
