"""The web application: processors' APIs, browser libraries and pages on one port."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from ballast.sandbox.braintree import web as braintree
from ballast.sandbox.pages import acts, charges, customers, faults, mailbox, overview, receiver, webhooks, wire
from ballast.sandbox.resend import endpoint as resend_endpoint
from ballast.sandbox.square import serving as square
from ballast.sandbox.stripe import challenges
from ballast.sandbox.stripe import endpoint as stripe_endpoint
from ballast.sandbox.world import WORLD, World

HERE = Path(__file__).parent
MOST_BODY_BYTES = 8 * 1024 * 1024
KEEP_ALIVE_SECONDS = 600

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(directory: Path) -> web.Application:
    """Build the application around the state in a directory."""
    app = web.Application(client_max_size=MOST_BODY_BYTES, middlewares=[refuse_other_sites])
    app[WORLD] = World(directory)
    app.on_startup.append(start_world)
    app.on_cleanup.append(stop_world)
    add_processors(app)
    add_browser(app)
    add_pages(app)
    add_acts(app)
    return app


def add_processors(app: web.Application) -> None:
    """Enter the APIs."""
    app.router.add_route("OPTIONS", "/v1/{path:.+}", stripe_endpoint.allow_browsers)
    app.router.add_route("*", "/v1/{path:.+}", stripe_endpoint.handle)
    square.add_routes(app.router)
    braintree.add_routes(app.router)
    app.router.add_post("/emails", resend_endpoint.send_email)
    app.router.add_post("/emails/batch", resend_endpoint.send_batch)
    app.router.add_get("/emails/{id}", resend_endpoint.show_email)
    app.router.add_post("/webhooks", resend_endpoint.serve_webhooks)
    app.router.add_get("/webhooks", resend_endpoint.serve_webhooks)
    app.router.add_post("/webhooks/{id}/signing-secret/rotate", resend_endpoint.serve_webhooks)
    for method in ("GET", "PATCH", "DELETE"):
        app.router.add_route(method, "/webhooks/{id}", resend_endpoint.serve_webhooks)


def add_browser(app: web.Application) -> None:
    """Enter the stand-ins of the browser libraries, their frames, and the bank's page."""
    app.router.add_get("/js/stripe/{train}/stripe.js", show_stripe_js)
    app.router.add_get("/js/stripe/frame/{kind}", show_card_frame)
    app.router.add_get("/stripe/3ds/{intent}", challenges.show_challenge)
    app.router.add_post("/stripe/3ds/{intent}", challenges.answer_challenge)
    app.router.add_static("/_sandbox/static", HERE / "browser", append_version=False)


def add_pages(app: web.Application) -> None:
    """Enter what people and tests look at."""
    router = app.router
    router.add_get("/", overview.show_overview)
    router.add_get("/_sandbox/health", overview.show_health)
    router.add_post("/_sandbox/reset", overview.reset)
    router.add_get("/_sandbox/wire", wire.show_wire)
    router.add_get("/_sandbox/charges", charges.show_charges)
    router.add_get("/_sandbox/charges/{processor}/{id}", charges.show_charge)
    router.add_get("/_sandbox/customers", customers.show_customers)
    router.add_get("/_sandbox/webhooks", webhooks.show_webhooks)
    router.add_get("/_sandbox/faults", faults.show_faults)
    router.add_post("/_sandbox/faults", faults.add_fault)
    router.add_delete("/_sandbox/faults", faults.clear_faults)
    router.add_post("/_sandbox/faults/clear", faults.clear_faults)
    router.add_delete("/_sandbox/faults/{id}", faults.remove_fault)
    router.add_post("/_sandbox/faults/{id}/remove", faults.remove_fault)
    router.add_get("/_sandbox/mails", mailbox.list_mails)
    router.add_get("/_sandbox/mailbox", mailbox.show_mailbox)
    router.add_get("/_sandbox/mailbox/{id}", mailbox.show_mail)
    router.add_get("/_sandbox/mailbox/{id}/html", mailbox.show_html)
    router.add_put("/_sandbox/receiver/config", receiver.configure)
    router.add_post("/_sandbox/receiver", receiver.receive)
    router.add_get("/_sandbox/receiver", receiver.show_receiver)
    router.add_get("/_sandbox/receiver/events", receiver.list_events)


def add_acts(app: web.Application) -> None:
    """Enter what can be made happen, by a button or by a program."""
    router = app.router
    router.add_post("/_sandbox/charges/{processor}/{id}/dispute", acts.dispute)
    router.add_post("/_sandbox/charges/{processor}/{id}/settle", acts.settle)
    router.add_post("/_sandbox/charges/{processor}/{id}/expire", acts.expire)
    router.add_post("/_sandbox/charges/{processor}/{id}/resend", acts.send_last_again)
    router.add_post("/_sandbox/charges/{processor}/{id}/pay-out", acts.pay_out)
    router.add_post("/_sandbox/payouts/{processor}/{id}/{end:arrive|fail}", acts.end_payout)
    router.add_post("/_sandbox/refunds/{processor}/{id}/fail", acts.fail_refund)
    router.add_post("/_sandbox/deliveries/{processor}/{id}/resend", acts.send_one_again)
    router.add_post("/_sandbox/webhooks/{processor}/{id}/roll", acts.roll)
    router.add_post("/_sandbox/square/{account}/payments/{id}/dispute", acts.dispute)
    router.add_post("/_sandbox/square/{account}/refunds/{id}/reject", acts.fail_refund)


async def start_world(app: web.Application) -> None:
    """Take up the work of an earlier run."""
    await app[WORLD].start()


async def stop_world(app: web.Application) -> None:
    """End in good order."""
    await app[WORLD].stop()


@web.middleware
async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse that a page of a foreign site changes the sandbox through its visitor's browser."""
    foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if foreign and request.method != "GET" and request.path.startswith("/_sandbox/"):
        raise web.HTTPForbidden(text="Not from another site.")
    return await handler(request)


async def show_stripe_js(_: web.Request) -> web.StreamResponse:
    """Answer the stand-in of Stripe.js, whatever the release train."""
    return serve_file("stripe.js", "text/javascript")


async def show_card_frame(_: web.Request) -> web.StreamResponse:
    """Answer the frame that a card is typed into; any page may hold it, as any page may hold the real one."""
    response = serve_file("card.html", "text/html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'"
    )
    return response


def serve_file(name: str, content_type: str) -> web.FileResponse:
    """Answer one file of the browser folder, always asked for anew."""
    response = web.FileResponse(HERE / "browser" / name)
    response.headers["Cache-Control"] = "no-cache"
    response.content_type = content_type
    return response
