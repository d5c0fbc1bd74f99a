"""One POST to a server we do not know: it may be slow, rude or endless, and costs us no more than its time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ballast.local.ports import any_free
from ballast.notifications.posting import Answer, _retry_after, post
from tests.notifications.endpoint import Endpoint, answering, serving

PATIENCE = 0.4


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as made:
        yield made


def send(url: str, patience: float = PATIENCE) -> Answer:
    return post(url, b"{}", {"content-type": "application/json"}, patience, allow_private=True)


def drip(endpoint: Endpoint, start: bytes, piece: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer one piece at a time, each well within any socket's timeout, for ever."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        while not endpoint.closing.wait(0.05):
            handler.wfile.write(piece)
            handler.wfile.flush()

    return answer


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_success(endpoint: Endpoint, status: int) -> None:
    endpoint.manner = answering(status)
    answer = send(endpoint.url)
    assert (answer.status, answer.reason) == (status, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 404, 410, 429, 500, 503])
def test_nothing_else_is_and_redirects_are_not_followed(endpoint: Endpoint, status: int) -> None:
    endpoint.manner = answering(status, Location=endpoint.url + "/elsewhere")
    answer = send(endpoint.url)
    assert (answer.status, answer.reason) == (status, f"http_{status}")
    assert [one.path for one in endpoint.received] == ["/hook"]


def test_two_kilobytes_of_the_answer_are_kept(endpoint: Endpoint) -> None:
    endpoint.manner = answering(500, b"a\0b" + b"x" * 100_000)
    kept = send(endpoint.url).body
    assert kept.startswith("abxxx")
    assert len(kept) == 2047


def test_an_answer_in_many_languages_and_in_none_is_kept_as_text(endpoint: Endpoint) -> None:
    endpoint.manner = answering(200, "né 水".encode() + b"\xff\xfe")
    assert send(endpoint.url).body == "né 水\ufffd\ufffd"


def test_a_server_that_says_nothing_times_out(endpoint: Endpoint) -> None:
    endpoint.manner = lambda _handler: endpoint.closing.wait(5) and None  # type: ignore[func-returns-value]
    started = time.monotonic()
    assert send(endpoint.url).reason == "timeout"
    assert time.monotonic() - started < 3 * PATIENCE


def test_a_server_that_drips_its_headers_times_out_as_a_whole(endpoint: Endpoint) -> None:
    endpoint.manner = drip(endpoint, b"HTTP/1.1 200 OK\r\n", b"x")
    started = time.monotonic()
    answer = send(endpoint.url)
    assert (answer.status, answer.reason) == (None, "timeout")
    assert time.monotonic() - started < 3 * PATIENCE


def test_a_server_that_drips_its_body_has_answered(endpoint: Endpoint) -> None:
    endpoint.manner = drip(endpoint, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
    started = time.monotonic()
    answer = send(endpoint.url)
    assert (answer.status, answer.reason) == (200, None)
    assert time.monotonic() - started < 4 * PATIENCE


def test_a_body_without_end_costs_two_kilobytes(endpoint: Endpoint) -> None:
    endpoint.manner = drip(endpoint, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536)
    started = time.monotonic()
    answer = send(endpoint.url)
    assert (answer.status, len(answer.body), answer.reason) == (200, 2048, None)
    assert time.monotonic() - started < 3 * PATIENCE


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["cut off", "not gzip", "bad chunks"],
)
def test_a_broken_body_after_a_2xx_is_still_success(endpoint: Endpoint, raw: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    endpoint.manner = answer
    found = send(endpoint.url)
    assert (found.status, found.reason) == (200, None)


@pytest.mark.parametrize("raw", [b"", b"\x16\x03\x01nonsense\r\n\r\n", b"HTTP/1.1 soon\r\n\r\n"], ids=range(3))
def test_what_is_no_http_is_a_lost_connection(endpoint: Endpoint, raw: bytes) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    endpoint.manner = answer
    assert send(endpoint.url).reason == "connection_lost"


@pytest.mark.parametrize(
    "url", ["http://", "ftp://127.0.0.1/", "http://[::1", "http://a b/", "http://127.0.0.1:99999/"]
)
def test_an_address_that_is_none_is_a_word_not_a_crash(url: str) -> None:
    assert send(url).reason in ("bad_url", "dns", "connection_lost")


def test_nobody_there_is_refused_and_no_tls_is_said_so(endpoint: Endpoint) -> None:
    assert send(f"http://127.0.0.1:{any_free()}/").reason == "refused"
    assert send(endpoint.url.replace("http:", "https:"), patience=5).reason in ("tls", "connection_lost")


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for 127.0.0.1 that it vouches for itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(
        datetime.now(UTC) + timedelta(days=1)
    )
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(here, critical=True).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_a_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    with serving(self_signed(tmp_path)) as endpoint:
        answer = send(endpoint.url, patience=5)
        trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        with urllib3.PoolManager(ssl_context=trusting) as pool:
            assert pool.request("POST", endpoint.url, timeout=5).status == 204, "it serves who trusts it"
    assert (answer.status, answer.reason) == (None, "tls")
    assert len(endpoint.received) == 1


def test_a_connection_is_used_again_and_one_after_a_long_body_is_not_poisoned(endpoint: Endpoint) -> None:
    ports: list[int] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        answering(200, b"ok" * (5000 if len(ports) == 2 else 1))(handler)

    endpoint.manner = note
    assert [send(endpoint.url).body[:4] for _ in range(4)] == ["ok", "okok", "ok", "ok"]
    assert ports[0] == ports[1]
    assert ports[2] == ports[3] != ports[1]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999999999", 86_400),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("1.5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: int | None) -> None:
    assert _retry_after(value) == seconds


def test_retry_after_a_date_to_come(endpoint: Endpoint) -> None:
    endpoint.manner = answering(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True))
    assert send(endpoint.url).retry_after in range(295, 302)
