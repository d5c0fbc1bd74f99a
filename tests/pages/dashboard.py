"""What tests of the dashboard's pages do again and again: read a page, send its form as it is shown, follow where it leads."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient


def page(client: FlaskClient, path: str) -> str:
    """The page at an address, as one reads it."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return html.unescape(answer.get_data(as_text=True))


def fields(source: str) -> dict[str, str]:
    """What the hidden fields of the page's form carry."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', source))


def send(client: FlaskClient, path: str, to: str | None = None, **form: Any) -> Any:
    """Send the form at an address as it is shown, with what is typed."""
    return client.post(to or path, data=fields(client.get(path).get_data(as_text=True)) | form)


def after(client: FlaskClient, answer: Any) -> str:
    """The page that an act leads to, with what it says of it."""
    assert answer.status_code == 303, html.unescape(answer.get_data(as_text=True))
    return page(client, answer.headers["Location"])


def review(client: FlaskClient, path: str, **form: Any) -> str:
    """The page that shows what a form would come to."""
    answer = send(client, path, **form)
    assert answer.status_code == 200, html.unescape(answer.get_data(as_text=True))
    return html.unescape(answer.get_data(as_text=True))
