"""What is sold during a campaign beside the demo shop's goods: subscriptions that run from the beginning, and a plan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.stack import Stack

PLAN = {
    "name": "Pay in 4",
    "currency": "USD",
    "installments": 3,
    "down_payment_bps": 2500,
    "minimum_amount": 5000,
    "maximum_amount": 100_000,
}


def subscribe(stack: Stack, count: int) -> None:
    """As many subscriptions, paid for once, before the trouble begins."""
    product = made(stack, "/products", {"name": "Campaign"})
    price = made(stack, "/prices", {"product": product, "amount": 1500, "currency": "USD", "interval": "month"})

    def begin(number: int) -> None:
        customer = made(stack, "/customers", {"email": f"subscriber{number}@example.com"})
        made(stack, "/subscriptions", {"customer": customer, "price": price, "payment_method": "pm_card_visa"})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(begin, range(count)))


def made(stack: Stack, path: str, body: dict[str, Any]) -> str:
    answer = stack.call("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lend(stack: Stack) -> str:
    """A plan that every shopper is offered; its id."""
    offer = made(stack, "/financing/offers", PLAN)
    answer = stack.call("POST", f"/financing/offers/{offer}/publish", json={})
    assert answer.status_code == 200, answer.text
    return offer
