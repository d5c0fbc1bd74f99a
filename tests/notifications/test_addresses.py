"""No delivery is sent into our own network, whatever a name server says and however often it changes its mind."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from ballast.errors import InvalidRequest
from ballast.notifications import addresses, posting
from ballast.notifications.addresses import check_url, is_public
from ballast.notifications.posting import Answer, post
from tests.notifications.endpoint import Endpoint, answering, serving

PUBLIC = "93.184.215.14"
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as made:
        yield made


def answers(*found: list[str]) -> Callable[[str, int], list[str]]:
    """A name server that says the first, then the next, then the last for ever."""
    left = list(found)
    return lambda _host, _port: left.pop(0) if len(left) > 1 else left[0]


def send(url: str) -> Answer:
    return post(url, b"{}", {}, 1.0, allow_private=False)


def local(endpoint: Endpoint, host: str) -> str:
    return endpoint.url.replace("127.0.0.1", host)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0"])
def test_nothing_is_sent_to_ourselves_however_it_is_written(endpoint: Endpoint, host: str) -> None:
    answer = send(local(endpoint, host))
    assert (answer.reason, answer.status) in (("private_address", None), ("dns", None))
    assert endpoint.received == []


def test_the_words_of_the_local_stack_are_another_matter(endpoint: Endpoint) -> None:
    assert post(endpoint.url, b"{}", {}, 1.0, allow_private=True).reason is None
    assert send(endpoint.url).reason == "private_address", "an open connection of the local stack is not lent out"


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found in ([PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::ffff:127.0.0.1"], ["fe80::1%lo"]):
        monkeypatch.setattr(addresses, "resolve", answers(found))
        assert send(local(endpoint, "hooks.example.com")).reason == "private_address"
    assert endpoint.received == []


def test_a_name_server_that_changes_its_answer_is_asked_once_and_its_first_answer_is_used(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connected: list[str] = []
    lies = answers([PUBLIC], ["127.0.0.1"])

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return lies(host, port)

    def create_connection(address: tuple[str, int], *_more: object, **_options: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses, "resolve", resolve)
    monkeypatch.setattr(posting, "create_connection", create_connection)
    assert send(local(endpoint, "rebind.example.com")).reason == "refused"
    assert (asked, connected) == (["rebind.example.com"], [PUBLIC])
    assert send(local(endpoint, "rebind.example.com")).reason == "private_address"
    assert connected == [PUBLIC], "the second answer was looked at, and no connection was made"


def test_the_name_stays_in_the_host_header_while_the_address_is_pinned(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "resolve", answers(["127.0.0.1"]))
    assert post(local(endpoint, "hooks.example.com"), b"{}", {}, 1.0, allow_private=True).reason is None
    assert endpoint.received[0].headers["host"].startswith("hooks.example.com:")


def test_a_redirect_into_our_network_is_not_followed(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.manner = answering(307, Location="http://169.254.169.254/latest/meta-data/")
    answer = post(endpoint.url, b"{}", {}, 1.0, allow_private=True)
    assert (answer.reason, len(endpoint.received)) == ("http_307", 1)


def test_a_name_server_that_says_nothing_costs_no_more_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "resolve", lambda _host, _port: time.sleep(3) or [PUBLIC])  # type: ignore[func-returns-value]
    started = time.monotonic()
    assert send("http://slow.example.com/").reason == "timeout"
    assert time.monotonic() - started < 2.5


def test_a_name_nobody_has_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(addresses, "resolve", resolve)
    assert send("http://nobody.example.com/").reason == "dns"


def test_a_port_no_web_server_uses_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "resolve", answers([PUBLIC]))
    for port in (22, 25, 143, 993):
        assert send(f"http://hooks.example.com:{port}/").reason == "private_address"


@pytest.mark.parametrize("url", [f"http://{f'[{one}]' if ':' in one else one}/" for one in PRIVATE])
def test_a_private_address_is_refused_when_an_endpoint_is_made(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, allow_private=False)
    assert refused.value.code == "url_private"
    assert check_url(url, allow_private=True) == url


def test_an_address_is_kept_without_its_fragment() -> None:
    assert check_url("https://hooks.example.com/a?b=c#d", allow_private=False) == "https://hooks.example.com/a?b=c"
