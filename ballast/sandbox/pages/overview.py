"""The front page, health and the reset."""

from aiohttp import web

from ballast.sandbox.deliveries import is_undelivered
from ballast.sandbox.pages.charges import list_all_money
from ballast.sandbox.pages.customers import list_all_customers
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.pages.webhooks import list_deliveries
from ballast.sandbox.world import WORLD

TEST_CARDS = [
    (
        "Stripe",
        [
            ("4242 4242 4242 4242", "pays"),
            ("4000 0000 0000 0002", "is declined"),
            ("4000 0000 0000 9995", "has insufficient funds"),
            ("4000 0025 0000 3155", "asks the bank, then pays"),
            ("4000 0000 0000 0259", "is disputed"),
            ("4000 0000 0000 7726", "refunds take two seconds"),
            ("4000 0000 0000 5126", "refunds come back"),
        ],
    ),
    (
        "Braintree",
        [
            ("4111 1111 1111 1111", "pays"),
            ("2000.00 to 2999.99", "an amount that is declined with that code"),
            ("4000 1111 1111 1115", "cannot be stored"),
            ("4000 0000 0000 2503", "asks the bank, then pays"),
            ("4023 8984 9398 8028", "is disputed once settled"),
        ],
    ),
    (
        "Square",
        [
            ("4111 1111 1111 1111", "pays"),
            ("4000 0000 0000 0002", "is declined"),
            ("4310 0000 0020 1019", "asks the bank, then pays"),
            ("4000 0000 0000 0010", "declines once it is stored"),
            ("88.01 to 88.09", "an amount that is disputed"),
        ],
    ),
]


async def show_overview(request: web.Request) -> web.Response:
    """Say what this is and what is in it."""
    world = request.app[WORLD]
    sandbox = world.store.begin("_sandbox")
    counts = {
        "charges": len(list_all_money(world.store)),
        "customers": len(list_all_customers(world.store)),
        "undelivered": sum(map(is_undelivered, list_deliveries(world))),
        "mails": sum(1 for _ in sandbox.newest("mails")),
        "receipts": sum(1 for _ in sandbox.newest("receipts")),
        "faults": len(world.faults.rules),
        "exchanges": len(world.wire.recent),
    }
    base_url = f"{request.scheme}://{request.host}"
    return page("overview", active="overview", counts=counts, test_cards=TEST_CARDS, base_url=base_url)


async def show_health(_: web.Request) -> web.Response:
    """Answer that the sandbox is up."""
    return answer_json({"status": "ok"})


async def reset(request: web.Request) -> web.Response:
    """Forget what happened."""
    request.app[WORLD].reset()
    if wants_html(request):
        raise web.HTTPSeeOther("/")
    return answer_json({"status": "ok"})
