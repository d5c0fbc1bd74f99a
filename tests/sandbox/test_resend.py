"""Mail through the official SDK into the mailbox."""

from typing import Any

import pytest
import requests
import resend
from resend.exceptions import ResendError

from tests.sandbox.conftest import Sandbox

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
