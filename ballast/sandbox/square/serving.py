"""Where Square's API, its browser library and the bank's page are served."""

from pathlib import Path

from aiohttp import web

from ballast.sandbox.square import challenges, endpoint, tokens

BROWSER = Path(__file__).parents[1] / "browser"
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Enter everything of Square."""
    router.add_route("*", "/v2/{path:.+}", endpoint.handle)
    router.add_get("/js/square/v1/square.js", show_library)
    router.add_get("/js/square/frame", show_card_frame)
    router.add_post("/square/tokens", tokens.create_token)
    router.add_get("/square/challenges/{id}", tokens.show_token)
    router.add_route("OPTIONS", "/square/{path:.+}", tokens.allow_browsers)
    router.add_get("/square/3ds/{id}", challenges.show_challenge)
    router.add_post("/square/3ds/{id}", challenges.answer_challenge)


async def show_library(_: web.Request) -> web.StreamResponse:
    """Answer the stand-in of the Web Payments library."""
    return serve_file("square.js", "text/javascript")


async def show_card_frame(_: web.Request) -> web.StreamResponse:
    """Answer the frame that a card is typed into; any page may hold it, as any page may hold the real one."""
    response = serve_file("square_card.html", "text/html")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    return response


def serve_file(name: str, content_type: str) -> web.FileResponse:
    """Answer one file of the browser folder, always asked for anew."""
    response = web.FileResponse(BROWSER / name)
    response.headers["Cache-Control"] = "no-cache"
    response.content_type = content_type
    return response
