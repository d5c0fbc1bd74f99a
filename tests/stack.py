"""The whole product for tests from outside: `python app.py` of this checkout, its state in a folder of the test's own.

What a test knows it has from HTTP, from the sandbox's pages and, to wait and to count, from the database.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import psutil
import psycopg
import requests

from ballast.ids import from_uuid, to_uuid
from ballast.local import environment
from tests.local.checkout import Checkout, wait_for

ROOT = Path(__file__).resolve().parents[1]
REPLACING = (
    *("DATABASE_URL", "REDIS_URL", "PUBLIC_URL"),
    *environment.STRIPE,
    *environment.BRAINTREE,
    *environment.SQUARE,
    *environment.RESEND,
)
# What a loaded machine of two cores may need; nothing waits this long when all is well.
PATIENCE = 60.0
APPROVED, DECLINED, CHALLENGED = "4242424242424242", "4000000000000002", "4000002500003155"
CONTESTED = "4000000000000259"  # approved, and its holder goes to their bank

Found = TypeVar("Found")
_stacks = itertools.count()


class Product(Checkout):
    """This checkout with a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ROOT)
        self.state = folder / "state"
        self.output = folder / "terminal.txt"

    def begin(self, **extra: str) -> None:
        keep_ports(self.state)
        # Empty counts as not set, and wins over a developer's `.env`.
        nothing = dict.fromkeys(REPLACING, "")
        super().begin(**nothing, BALLAST_STATE_DIR=str(self.state), **extra)


def keep_ports(state: Path) -> None:
    """Ports where no other stack of this machine looks: while a killed server is down, its port must not be another's."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (state / "ports.json").exists():
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        base = 20_000 + os.getppid() % 40 * 300 + worker % 3 * 100 + next(_stacks) % 10 * 10
        ports = {"web": base, "sandbox": base + 1, "postgres": base + 2, "valkey": base + 3}
        (state / "ports.json").write_text(json.dumps(ports))


class Stack(Product):
    """A running product with what a test asks of it and does to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.local: dict[str, Any] = {}

    def start(self, **extra: str) -> dict[str, Any]:
        self.local = super().start(**extra)
        return self.local

    @property
    def web(self) -> str:
        """Address of the web server."""
        return str(self.local["web"])

    @property
    def sandbox(self) -> str:
        """Address of the processor sandbox."""
        return str(self.local["sandbox"])

    # What a program with the demo's API key does.

    def call(self, method: str, path: str, key: str | None = None, **options: Any) -> requests.Response:
        """A request to the API, with a fresh Idempotency-Key unless one is given."""
        headers = {"X-API-Key": self.local["api_key"], "Idempotency-Key": key or str(uuid4())}
        headers |= options.pop("headers", {})
        return requests.request(method, f"{self.web}/api/v1{path}", headers=headers, timeout=PATIENCE, **options)

    def pay(self, key: str | None = None, **fields: Any) -> requests.Response:
        """Create and confirm a payment of $20.00 unless told otherwise."""
        body = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True, **fields}
        return self.call("POST", "/payments", key, json=body)

    def payment(self, payment_id: str) -> dict[str, Any]:
        """A payment as the API shows it now."""
        answer = self.call("GET", f"/payments/{payment_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    # What the sandbox saw.

    def fault(self, **rule: Any) -> str:
        """Have the sandbox's Stripe misbehave; the rule's id."""
        answer = requests.post(
            f"{self.sandbox}/_sandbox/faults", json={"processor": "stripe", **rule}, timeout=PATIENCE
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def forget_faults(self, rule_id: str = "") -> None:
        """Have it behave again: lift all rules, or the one named (which may be used up)."""
        requests.delete(f"{self.sandbox}/_sandbox/faults/{rule_id}".rstrip("/"), timeout=PATIENCE)

    def settle_after(self, seconds: float) -> None:
        """How long the money of a charge at Braintree is on its way; 20 seconds unless told."""
        wanted = {"merchant_id": "ballast_demo", "settle_after": seconds}
        answer = requests.post(f"{self.sandbox}/_sandbox/braintree/settings", json=wanted, timeout=PATIENCE)
        assert answer.ok, answer.text

    def _list(self, page: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.sandbox}/_sandbox/{page}", timeout=PATIENCE).json()
        return found

    def charges(self, payment_id: str | None = None) -> list[dict[str, Any]]:
        """The money the sandbox took or holds; of one payment if it is named."""
        found = self._list("charges?format=json")
        if payment_id is None:
            return found
        attempts = {row[0] for row in self.query("select id from attempts where payment_id = %s", inside(payment_id))}
        return [charge for charge in found if inside(charge["reference"] or "") in attempts]

    def mails(self, recipient: str) -> list[dict[str, Any]]:
        """The mails to an address."""
        return [mail for mail in self._list("mails") if recipient in mail["to"]]

    def all_mails(self) -> list[dict[str, Any]]:
        """Every mail there was, or the newest of very many."""
        return self._list("mails")

    def received(self, payment_id: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """What the merchant's server received; about one payment, of one type."""
        found = [one for one in self._list("receiver/events") if kind in (None, one["type"])]
        return [one for one in found if payment_id is None or f'"{payment_id}"' in one["body"]]

    # The database, to wait and to count; never to change anything.

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement, read as the owner of the tables."""
        with psycopg.connect(self.local["database_url"], connect_timeout=5) as connection:
            return connection.execute(statement, values or None).fetchall()

    def newest_payment(self, email: str) -> str:
        """Public id of the latest payment of a shopper, as soon as there is one."""
        wanted = "select p.id from payments p join orders o on o.id = p.order_id where o.email = %s order by p.id desc"
        return outside("pay", await_value(lambda: self.query(wanted, email))[0][0])

    # What a test does to it.

    def kill(self, name: str) -> int:
        """`kill -9` of a part; its process id was."""
        pid = self.pid_of(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def await_restart(self, name: str, before: int) -> None:
        """Until the supervisor has started another process for a part."""
        wait_for(lambda: self.is_published() and self.pid_of(name) != before, PATIENCE, self.read_output)

    @contextmanager
    def halted(self, name: str) -> Iterator[None]:
        """A part that does nothing inside the block (SIGSTOP), and goes on afterwards if it still lives."""
        process = psutil.Process(self.pid_of(name))
        process.suspend()
        try:
            yield
        finally:
            if process.is_running():
                process.resume()

    def resume(self, name: str) -> None:
        """Let a halted part go on."""
        psutil.Process(self.pid_of(name)).resume()

    def await_health(self) -> None:
        """Until web, database and queue answer."""

        def is_well() -> bool:
            try:
                return bool(requests.get(f"{self.web}/readyz", timeout=5).json()["status"] == "ok")
            except (requests.RequestException, ValueError):
                return False

        wait_for(is_well, PATIENCE, self.read_output)


class Shopper:
    """Buys over plain HTTP, as a browser would."""

    def __init__(self, stack: Stack, email: str | None = None) -> None:
        self.stack = stack
        self.email = email or f"{uuid4().hex[:12]}@example.com"
        self.browser = requests.Session()
        # A kept connection to a process that was killed would fail the next request, which a browser sends again.
        self.browser.headers["Connection"] = "close"
        self.checkout = self.publishable_key = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()

    def get(self, address: str) -> str:
        """A page."""
        answer = self.browser.get(address, timeout=PATIENCE)
        assert answer.status_code == 200, f"{address} answered {answer.status_code}"
        return answer.text

    def post(self, address: str, **form: str) -> requests.Response:
        """Send a form of ours with the session's token; follows no redirect."""
        page = self.get(f"{self.stack.web}/shop/acme/products/kettle")
        form |= {"csrf_token": field(page, "csrf_token")}
        return self.browser.post(address, data=form, timeout=PATIENCE, allow_redirects=False)

    def fill_cart(self, product: str = "kettle") -> None:
        """Put a product in and go to the checkout."""
        shop = f"{self.stack.web}/shop/acme"
        price = field(self.get(f"{shop}/products/{product}"), "price_id")
        assert self.post(f"{shop}/cart/lines", price_id=price, quantity="1").status_code == 303
        answer = self.post(f"{shop}/checkout")
        assert answer.status_code == 303, answer.text
        self.checkout = self.stack.web + answer.headers["Location"]
        found = re.search(r'data-publishable-key="([^"]+)"', self.get(self.checkout))
        assert found
        self.publishable_key = found[1]

    def pay(self, number: str = APPROVED) -> requests.Response:
        """Type everything and press Pay; the answer itself, redirects unfollowed."""
        typed = {"email": self.email, "name": "Ada Okafor", "line1": "1 Main St", "city": "Oslo", "country": "NO"}
        return self.post(self.checkout, **typed, postal_code="0150", payment_method=self._tokenize(number))

    def _tokenize(self, number: str) -> str:
        """What the processor's own field does, in the shopper's browser."""
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
        answer = self.browser.post(
            f"{self.stack.sandbox}/v1/payment_methods",
            data={"type": "card", **card},
            headers={"Authorization": f"Bearer {self.publishable_key}"},
            timeout=PATIENCE,
        )
        return str(answer.json()["id"])


def field(page: str, name: str) -> str:
    """Value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, f"no field {name} in this page"
    return found[1]


def inside(public_id: str) -> Any:
    """The uuid behind a public id; None for what is none."""
    return to_uuid(public_id, public_id.partition("_")[0]) if "_" in public_id else None


def outside(prefix: str, row_id: Any) -> str:
    """The public id of a row."""
    return from_uuid(row_id, prefix)


def await_value(find: Callable[[], Found], seconds: float = PATIENCE, explain: Callable[[], str] = str) -> Found:
    """The first true answer of `find`; fails with `explain()` when there is none in time."""
    found: list[Found] = []

    def is_found() -> bool:
        found.append(find())
        return bool(found[-1])

    wait_for(is_found, seconds, explain)
    return found[-1]
