"""The mails that were sent."""

from typing import Any

from aiohttp import web

from ballast.sandbox.pages.rendering import answer_json, page
from ballast.sandbox.store import Record
from ballast.sandbox.world import WORLD

FIELDS = (
    "id",
    "to",
    "from",
    "subject",
    "html",
    "text",
    "created",
    "idempotency_key",
    "cc",
    "bcc",
    "reply_to",
    "headers",
    "tags",
    "attachments",
)
# A mail may show pictures and its own styles; it runs nothing and sends nothing.
MAIL_POLICY = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; sandbox allow-popups"


async def list_mails(request: web.Request) -> web.Response:
    """Answer every mail as JSON, oldest first; `?to=` filters by address."""
    mails = list(request.app[WORLD].store.begin("_sandbox").newest("mails"))
    to = request.query.get("to")
    return answer_json([describe(mail) for mail in reversed(mails) if to is None or to in mail["to"]])


async def show_mailbox(request: web.Request) -> web.Response:
    """Show the latest mails."""
    mails = list(request.app[WORLD].store.begin("_sandbox").newest("mails"))[:200]
    return page("mailbox", active="mailbox", mails=mails)


async def show_mail(request: web.Request) -> web.Response:
    """Show one mail."""
    return page("mail", active="mailbox", mail=describe(find_mail(request)))


async def show_html(request: web.Request) -> web.Response:
    """Answer the HTML of a mail, for a sandboxed frame."""
    html = find_mail(request).get("html") or ""
    headers = {
        "Content-Security-Policy": MAIL_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=html, content_type="text/html", headers=headers)


def find_mail(request: web.Request) -> Record:
    """Return the mail of the path. Raises 404."""
    mail = request.app[WORLD].store.begin("_sandbox").get("mails", request.match_info["id"])
    if mail is None:
        raise web.HTTPNotFound(text="No such mail.")
    return mail


def describe(mail: Record) -> dict[str, Any]:
    """Return a mail with all its fields."""
    return {name: mail.get(name) for name in FIELDS}
