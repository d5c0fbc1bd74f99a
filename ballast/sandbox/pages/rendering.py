"""Pages out of templates, with a policy that allows nothing inline."""

import datetime as dt
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from aiohttp import web

from ballast.sandbox.stripe.money import format_amount
from ballast.sandbox.wire import read_json

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'"
)


def money(amount: int, currency: str) -> str:
    """Write an amount with its currency."""
    return f"{format_amount(amount, currency)} {currency.upper()}"


def instant(moment: float | None) -> str:
    """Write seconds since the epoch as a UTC date and time."""
    if moment is None:
        return ""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def lines(form: str) -> str:
    """Write a form body for people: one parameter a line."""
    return "\n".join(unquote_plus(pair) for pair in form.split("&"))


def pretty(value: Any) -> str:
    """Write JSON for people; what is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = read_json(value)
        except ValueError:
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def cut(key: str) -> str:
    """Leave out the middle of a long id."""
    return key if len(key) <= 24 else f"{key[:12]}…{key[-8:]}"


def page(name: str, *, status: int = 200, policy: str = POLICY, **values: Any) -> web.Response:
    """Render `templates/<name>.html`."""
    html = environment().get_template(f"{name}.html").render(**values)
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


@cache
def environment() -> "jinja2.Environment":
    """The templates'. Loaded with the first page that somebody looks at; programs ask for none."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"money": money, "instant": instant, "pretty": pretty, "lines": lines, "cut": cut}
    return made


def wants_html(request: web.Request) -> bool:
    """Tell a browser from a program: `Accept` names HTML, and the query does not ask for JSON."""
    return "text/html" in request.headers.get("Accept", "") and request.query.get("format") != "json"


def answer_json(value: Any, status: int = 200) -> web.Response:
    """Answer JSON."""
    return web.json_response(value, status=status, headers={"Cache-Control": "no-store"})
