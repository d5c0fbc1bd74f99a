"""Headers and bodies that hold no text: answered as the real ones do, never with a fault of the sandbox's own."""

import http.client
import json
from contextlib import closing

import pytest

from tests.sandbox.conftest import Sandbox

MAIL = b'{"from": "a@b.test", "to": "c@d.test", "subject": "x", "text": "y"}'


def send(sandbox: Sandbox, method: str, path: str, body: bytes = b"", **headers: bytes) -> tuple[int, bytes]:
    """Send a request with headers of any bytes; the status and the answer."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)) as connection:
        connection.request(method, path, body, said)
        with connection.getresponse() as answer:
            return answer.status, answer.read()


@pytest.mark.parametrize("letter", ["\u00e9".encode(), b"\xe9"], ids=["utf-8", "latin-1"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/charges", 401), ("/v2/payments", 401), ("/merchants/ballast_x/transactions/1", 401), ("/webhooks", 403)],
)
def test_a_key_with_a_letter_that_no_key_has_opens_nothing(
    sandbox: Sandbox, path: str, status: int, letter: bytes
) -> None:
    for scheme in (b"Bearer ", b"Basic ", b""):
        assert send(sandbox, "GET", path, Authorization=scheme + b"k" + letter)[0] == (
            401 if scheme and status == 401 else status
        )


@pytest.mark.parametrize("letter", ["\u00e9".encode(), b"\xe9"], ids=["utf-8", "latin-1"])
def test_an_idempotency_key_of_any_letters_is_taken(sandbox: Sandbox, account: str, letter: bytes) -> None:
    key = account.encode() + letter
    opens = f"Bearer sk_test_{account}".encode()
    form = {"Content_Type": b"application/x-www-form-urlencoded", "Idempotency_Key": key}
    first = send(sandbox, "POST", "/v1/customers", b"name=Ada", Authorization=opens, **form)
    assert first[0] == 200
    assert send(sandbox, "POST", "/v1/customers", b"name=Ada", Authorization=opens, **form) == first
    mail = {"Authorization": b"Bearer re_test", "Content_Type": b"application/json", "Idempotency_Key": key}
    assert send(sandbox, "POST", "/emails", MAIL, **mail)[0] == 200


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"a": "\\ud800"}', b"\xff"], ids=range(3))
def test_a_body_that_cannot_be_read_is_refused(sandbox: Sandbox, account: str, body: bytes) -> None:
    json_type = {"Content_Type": b"application/json"}
    opens = f"Bearer EAAAE{account}".encode()
    status, said = send(sandbox, "POST", "/v2/customers", body, Authorization=opens, **json_type)
    assert (status, json.loads(said)["errors"][0]["code"]) == (400, "EXPECTED_JSON_BODY")
    assert send(sandbox, "POST", "/emails", body, Authorization=b"Bearer re_test", **json_type)[0] == 400
    assert send(sandbox, "GET", "/_sandbox/wire", Accept=b"text/html")[0] == 200


def test_a_client_secret_with_a_letter_that_none_has_is_refused(sandbox: Sandbox, account: str) -> None:
    secret, form = f"Bearer sk_test_{account}".encode(), {"Content_Type": b"application/x-www-form-urlencoded"}
    made = send(sandbox, "POST", "/v1/payment_intents", b"amount=100&currency=usd", Authorization=secret, **form)
    path = f"/v1/payment_intents/{json.loads(made[1])['id']}/confirm"
    assert send(sandbox, "POST", path, b"client_secret=%C3%A9", Authorization=secret, **form)[0] == 400
