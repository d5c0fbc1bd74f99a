"""Everything of Braintree's that is reached over HTTP: the gateway, the browser's side, and what people set."""

from pathlib import Path

from aiohttp import web

from ballast.sandbox.braintree import challenges, client_api, endpoint, setup

BROWSER = Path(__file__).parents[1] / "browser"
SCRIPTS = ("client", "hosted-fields", "three-d-secure", "data-collector")
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Enter all of it."""
    router.add_route("OPTIONS", "/merchants/{merchant}/client_api/v1/{path:.+}", client_api.allow)
    router.add_route("*", "/merchants/{merchant}/client_api/v1/{path:.+}", client_api.handle)
    router.add_route("*", "/merchants/{merchant}/{path:.+}", endpoint.handle)
    router.add_get("/js/braintree/web/{version}/js/{name}.min.js", show_script)
    router.add_get("/js/braintree/frame/{field}", show_frame)
    router.add_get("/braintree/3ds/{question}", challenges.show_challenge)
    router.add_post("/braintree/3ds/{question}", challenges.answer_challenge)
    router.add_post("/_sandbox/braintree/webhooks", setup.set_webhook)
    router.add_post("/_sandbox/braintree/webhooks/check", setup.send_check)
    router.add_post("/_sandbox/braintree/settings", setup.change_settings)
    router.add_post("/_sandbox/braintree/disputes", setup.dispute)
    router.add_post("/_sandbox/braintree/refund_failures", setup.fail_refund)


async def show_script(request: web.Request) -> web.StreamResponse:
    """Answer the stand-in of one script of the browser library, whatever the version."""
    name = request.match_info["name"]
    if name not in SCRIPTS:
        raise web.HTTPNotFound(text=f"The sandbox has {', '.join(SCRIPTS)}.")
    return serve(f"braintree-{name}.js", "text/javascript")


async def show_frame(_: web.Request) -> web.StreamResponse:
    """Answer the frame that one field of a card is typed into."""
    response = serve("braintree-field.html", "text/html")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


def serve(name: str, content_type: str) -> web.FileResponse:
    """Answer one file of the browser folder, always asked for anew."""
    response = web.FileResponse(BROWSER / name)
    response.headers["Cache-Control"] = "no-cache"
    response.content_type = content_type
    return response
