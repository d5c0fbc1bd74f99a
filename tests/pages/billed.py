"""A customer with what they were billed, and their browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.models import Invoice
from tests.subscriptions.acts import Desk
from tests.world import World, csrf

VISA = {"stripe": "pm_card_visa", "braintree": "fake-valid-visa-nonce", "square": "cnon:card-nonce-ok"}
OTHER = {"stripe": "pm_card_mastercard", "braintree": "fake-valid-mastercard-nonce", "square": "cnon:card-nonce-ok"}
DECLINED = {
    "stripe": "pm_card_chargeDeclined",
    "braintree": "fake-processor-declined-visa-nonce",
    "square": "cnon:card-nonce-declined",
}


class Customer:
    """Ada, whose club has renewed today and could not be charged; what she does in her browser happens in real time."""

    def __init__(self, world: World, processor: str = "stripe") -> None:
        self.world = world
        self.processor = processor
        self.account_id = world.use(processor)
        self.desk = Desk(world, (real_time() - timedelta(days=32)).replace(microsecond=0))
        self.client = world.app.test_client()
        self.token = csrf(self.client.get("/sign-in").get_data(as_text=True))

    def subscribe(self, **price: Any) -> str:
        """A monthly club, paid a month ago."""
        self.price_id = self.desk.price(2000, **price)
        self.customer_id = self.desk.customer()
        source = VISA[self.processor]
        self.subscription_id = self.desk.start(self.price_id, self.customer_id, card=source)
        self.world.drain()
        return self.subscription_id

    def fall_behind(self) -> Invoice:
        """The renewal is declined, softly; answers its invoice."""
        self.world.fault(kind="decline", count=1, processor=self.processor)
        self.desk.at = real_time()
        assert self.desk.run()
        return self.invoice()

    def invoice(self) -> Invoice:
        """The newest one."""
        return self.desk.invoices()[-1]

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)[:2000]
        return answer.get_data(as_text=True)

    def post(self, path: str, **form: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **form})

    def charged(self) -> list[int]:
        """What was really taken, in order."""
        return [charge["amount"] for charge in self.world.charges() if charge["amount_captured"]]
