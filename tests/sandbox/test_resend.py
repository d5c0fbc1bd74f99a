"""Mail through the official SDK into the mailbox."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import resend
from resend.exceptions import ResendError

from tests.sandbox.conftest import Sandbox, wait_until
from tests.sandbox.shops import Inbox, open_inbox

MAIL: Any = {
    "from": "Acme <shop@acme.test>",
    "to": ["ann@example.com"],
    "subject": "Receipt",
    "html": "<p>Thanks</p>",
    "text": "Thanks",
}


@pytest.fixture(autouse=True)
def _point_sdk(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", sandbox.url)
    monkeypatch.setattr(resend, "api_key", "re_test")


def mails(sandbox: Sandbox, to: str) -> Any:
    return [mail for mail in requests.get(f"{sandbox.url}/_sandbox/mails", timeout=5).json() if to in mail["to"]]


def test_a_mail_lands_in_the_mailbox(sandbox: Sandbox, account: str) -> None:
    to = f"{account}@example.com"
    sent = resend.Emails.send(MAIL | {"to": to}, {"idempotency_key": f"receipt/{account}"})
    [mail] = mails(sandbox, to)
    assert (mail["id"], mail["subject"], mail["html"]) == (sent["id"], "Receipt", "<p>Thanks</p>")
    assert mail["idempotency_key"] == f"receipt/{account}"
    page = requests.get(f"{sandbox.url}/_sandbox/mailbox/{sent['id']}", timeout=5)
    assert 'sandbox="allow-popups"' in page.text
    html = requests.get(f"{sandbox.url}/_sandbox/mailbox/{sent['id']}/html", timeout=5)
    assert html.text == "<p>Thanks</p>"
    assert "sandbox" in html.headers["Content-Security-Policy"]


def test_the_same_key_sends_once(sandbox: Sandbox, account: str) -> None:
    to = f"{account}@example.com"
    sent = [resend.Emails.send(MAIL | {"to": to}, {"idempotency_key": f"k/{account}"})["id"] for _ in range(3)]
    assert len(set(sent)) == 1
    assert len(mails(sandbox, to)) == 1


def test_the_same_key_with_another_mail_is_refused(account: str) -> None:
    resend.Emails.send(MAIL, {"idempotency_key": f"k/{account}"})
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(MAIL | {"subject": "Other"}, {"idempotency_key": f"k/{account}"})
    assert (caught.value.code, caught.value.error_type) == (409, "invalid_idempotent_request")


@pytest.mark.parametrize("missing", ["from", "to", "subject"])
def test_a_mail_without_its_head_is_refused(missing: str) -> None:
    headless: Any = {name: value for name, value in MAIL.items() if name != missing}
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(headless)
    assert (caught.value.code, caught.value.error_type) == (422, "missing_required_field")


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(MAIL | {"to": "nobody"})
    assert caught.value.error_type == "validation_error"


def test_a_batch_is_sent_whole_or_not_at_all(sandbox: Sandbox, account: str) -> None:
    to = f"{account}@example.com"
    assert len(resend.Batch.send([MAIL | {"to": to}] * 2)["data"]) == 2
    with pytest.raises(ResendError):
        resend.Batch.send([MAIL | {"to": to}, MAIL | {"to": "nobody"}])
    assert len(mails(sandbox, to)) == 2


def test_a_missing_key_is_refused(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/emails", json=MAIL, timeout=5)
    assert (answer.status_code, answer.json()["name"]) == (401, "missing_api_key")


def test_mail_suffers_faults_too(sandbox: Sandbox, account: str) -> None:
    to = f"{account}@example.com"
    sandbox.fault("reset_after", processor="resend", operation="emails.send", count=1)
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(MAIL | {"to": to}, {"idempotency_key": f"k/{account}"})
    assert caught.value.error_type == "HttpClientError"
    resend.Emails.send(MAIL | {"to": to}, {"idempotency_key": f"k/{account}"})
    assert len(mails(sandbox, to)) == 1


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox


@pytest.fixture
def webhook(inbox: Inbox) -> Iterator[Any]:
    """An address that wants to know what becomes of mail."""
    kinds: Any = ["email.sent", "email.delivered", "email.bounced", "email.complained"]
    made = resend.Webhooks.create({"endpoint": inbox.url, "events": kinds})
    yield made
    resend.Webhooks.remove(made["id"])


def read(received: tuple[str, dict[str, str]], secret: str) -> Any:
    """Check a delivery with the SDK."""
    body, said = received
    headers: Any = {name: said[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    resend.Webhooks.verify({"payload": body, "headers": headers, "webhook_secret": secret})
    return json.loads(body)


@pytest.mark.parametrize(
    ("to", "kinds"),
    [
        ("ann@example.com", ["email.sent", "email.delivered"]),
        ("bounced@resend.dev", ["email.sent", "email.bounced"]),
        ("Ann <complained@resend.dev>", ["email.sent", "email.delivered", "email.complained"]),
    ],
)
def test_what_becomes_of_a_mail_is_told(inbox: Inbox, webhook: Any, to: str, kinds: list[str]) -> None:
    sent = resend.Emails.send(MAIL | {"to": to, "tags": [{"name": "kind", "value": "receipt"}]})["id"]
    wait_until(lambda: len(inbox.received) == len(kinds))
    told = [read(received, webhook["signing_secret"]) for received in inbox.received]
    assert {one["type"] for one in told} == set(kinds)
    assert {one["data"]["email_id"] for one in told} == {sent}
    assert told[0]["data"]["tags"] == {"kind": "receipt"}


def test_a_secret_is_rotated_and_a_forged_delivery_does_not_verify(
    sandbox: Sandbox, inbox: Inbox, webhook: Any
) -> None:
    fresh = resend.Webhooks.rotate_signing_secret(webhook["id"])["signing_secret"]
    assert fresh != webhook["signing_secret"]
    url = f"{sandbox.url}/_sandbox/webhooks/resend/{webhook['id']}/roll"
    fresh = requests.post(url, timeout=5).json()["secret"]
    resend.Webhooks.update({"webhook_id": webhook["id"], "events": ["email.sent"]})
    sandbox.fault("webhook_bad_signature", processor="resend", count=1)
    resend.Emails.send(MAIL)
    wait_until(lambda: inbox.received)
    with pytest.raises(ValueError, match="no matching signature"):
        read(inbox.received[0], fresh)
    resend.Emails.send(MAIL)
    wait_until(lambda: len(inbox.received) == 2)
    assert read(inbox.received[1], fresh)["type"] == "email.sent"


def test_addresses_are_listed_changed_and_refused(webhook: Any) -> None:
    assert webhook["id"] in [one["id"] for one in resend.Webhooks.list()["data"]]
    resend.Webhooks.update({"webhook_id": webhook["id"], "status": "disabled"})
    assert resend.Webhooks.get(webhook["id"])["status"] == "disabled"
    wrong: Any = {"endpoint": "http://127.0.0.1:9/", "events": ["email.eaten"]}
    with pytest.raises(ResendError) as caught:
        resend.Webhooks.create(wrong)
    assert caught.value.code == 422
    with pytest.raises(ResendError) as missing:
        resend.Webhooks.get("none")
    assert missing.value.code == 404


def test_a_key_in_flight_answers_409(sandbox: Sandbox, account: str) -> None:
    sandbox.fault("latency", processor="resend", operation="emails.send", count=1, seconds=1.5)
    rules = f"{sandbox.url}/_sandbox/faults"
    first = threading.Thread(target=lambda: resend.Emails.send(MAIL, {"idempotency_key": f"f/{account}"}))
    first.start()
    wait_until(lambda: requests.get(rules, timeout=5).json() == [])
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(MAIL, {"idempotency_key": f"f/{account}"})
    assert (caught.value.code, caught.value.error_type) == (409, "concurrent_idempotent_requests")
    first.join()
    assert resend.Emails.send(MAIL, {"idempotency_key": f"f/{account}"})["id"]
