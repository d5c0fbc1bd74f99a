"""Who lends and who borrows, in a browser, and what each page, mail, answer and account says of a plan, as numbers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import Buyer
from tests.stack import PATIENCE, Stack, await_value, inside

PASSWORD = "a kettle of unrelated words"
MONEY = re.compile(r"−?\$[\d,]+\.\d\d")
DAY = re.compile(r"[A-Z][a-z]+ \d{1,2}, \d{4}")


def amounts(text: str) -> list[int]:
    """Every amount in dollars that a text names, in its order, minor units."""
    return [int(re.sub(r"\D", "", found)) for found in MONEY.findall(text)]


def one_amount(text: str) -> int:
    """The amount that a text names; it names one."""
    (found,) = amounts(text)
    return found


class Lender:
    """Somebody with an organization, a shop and a clock of their own, so that no other test lives in their time."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.stack = stack
        self.name = f"Harbor {uuid4().hex[:6]}"
        self.email = f"{uuid4().hex[:12]}@example.com"
        registered = self._post(
            "/auth/register",
            email=self.email,
            password=PASSWORD,
            full_name="Noor Haddad",
            organization_name=self.name,
        )
        self.organization_id, self.slug = registered["org"]["id"], registered["org"]["slug"]
        signed_in = self._post("/auth/login", email=self.email, password=PASSWORD)
        given = {"Authorization": f"Bearer {signed_in['access_token']}", "Idempotency-Key": str(uuid4())}
        self.key = self._post("/api-keys", given, name="The shop")["key"]
        self._sign_in()
        self._connect()
        # From here on time stands still between advances: all that is said is said of the same day.
        self.live_until(self.now + timedelta(minutes=1))

    def _post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.stack.web}/api/v1{path}", json=body, headers=headers, timeout=PATIENCE)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _sign_in(self) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()

    def _connect(self) -> None:
        """An account at the sandbox's Stripe: two keys with the same ending open the same one."""
        ending = uuid4().hex[:12]
        self.page.goto("/admin/settings/processors/new?processor=stripe")
        self.page.get_by_label("Publishable key").fill(f"pk_test_{ending}")
        self.page.get_by_label("Secret key").fill(f"sk_test_{ending}")
        self.page.get_by_role("button", name="Test and add").click()
        expect(self.page.get_by_role("status").filter(has_text="The account is connected")).to_be_visible()

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """A request to the API with their key."""
        answer = self.stack.call(method, path, headers={"X-API-Key": self.key}, **options)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        """Something new."""
        return self.call("POST", path, json=body)

    def sell(self, name: str, amount: int) -> str:
        """A product with a price in dollars; its page."""
        product = self.make("/products", name=name)
        self.make("/prices", product=product["id"], amount=amount, currency="USD")
        return f"/shop/{self.slug}/products/{product['slug']}"

    def offer(self, **terms: Any) -> str:
        """A published offer in dollars; its id."""
        bounds = {"currency": "USD", "minimum_amount": 5000, "maximum_amount": 1_000_000}
        offer_id: str = self.make("/financing/offers", **bounds, **terms)["id"]
        self.make(f"/financing/offers/{offer_id}/publish")
        return offer_id

    def allow_interest(self) -> None:
        """The switch, in the dashboard."""
        self.page.goto("/admin/financing/settings")
        self.page.get_by_label(re.compile("I know what the law asks")).check()
        self.page.get_by_role("button", name="Allow lending at a cost").click()
        expect(self.page.get_by_role("button", name="Allow it no more")).to_be_visible()

    def agreement(self, agreement_id: str) -> dict[str, Any]:
        """As the API tells it."""
        return self.call("GET", f"/financing/agreements/{agreement_id}")

    @property
    def now(self) -> datetime:
        """Where their clock stands."""
        return datetime.fromisoformat(self.call("GET", "/clock")["now"])

    def live_until(self, moment: datetime) -> None:
        """Move the clock on; all that falls due on the way happens."""
        self.make("/clock/advance", by="date", date=moment.isoformat())
        await_value(lambda: self.call("GET", "/clock")["target"] is None)

    def live_until_day(self, day: str, after: int = 0) -> None:
        """Until the evening (UTC) of so many days after a day, as the API writes days."""
        self.live_until(datetime.fromisoformat(f"{day}T23:00:00+00:00") + timedelta(days=after))

    def account(self, code: str) -> int:
        """What an account of their ledger holds: debits less credits, minor units."""
        wanted = """
            select coalesce(sum(case when t.debit_account_id = a.id then t.amount else -t.amount end), 0)
            from ledger_accounts a join ledger_transfers t
              on t.organization_id = a.organization_id and a.id in (t.debit_account_id, t.credit_account_id)
            where a.organization_id = %s and a.code = %s
        """
        return int(self.stack.query(wanted, inside(self.organization_id), code)[0][0])


class Borrower(Buyer):
    """A shopper who buys on a plan, and reads what it costs wherever that is said."""

    def mail(self, subject: str, *says: str) -> str:
        """The text of the one mail under a subject that says all of this, as soon as it is there."""

        def find() -> list[str]:
            found = [mail["text"] for mail in self.stack.mails(self.email) if mail["subject"].startswith(subject)]
            return [text for text in found if all(one in text for one in says)]

        (text,) = await_value(find)
        return text

    def follow(self, mail: str, said: str) -> None:
        """Open the address that a mail has after these words."""
        found = re.search(rf"{re.escape(said)}: (\S+)", mail)
        assert found, mail
        self.page.goto(found[1])

    def heading(self, level: int = 1) -> list[int]:
        """The amounts of the first heading: what is left of a plan, and of how much."""
        return amounts(self.page.get_by_role("heading", level=level).first.inner_text())

    def schedule(self) -> list[tuple[str, int]]:
        """Every payment of the plan whose page is open: the day and what it comes to."""
        rows = self.page.get_by_role("table", name="Payments of the plan").get_by_role("row").all()[1:]
        return [(day_of(row.inner_text()), amounts(row.inner_text())[0]) for row in rows]

    def preview(self) -> list[int]:
        """The amounts of a preview, line by line: as its heading, its list and its button say them."""
        box = self.page.get_by_role("region", name=re.compile("today$"))
        return amounts(box.get_by_role("heading").inner_text()) + amounts(box.locator("dl").inner_text())


def day_of(text: str) -> str:
    """The day that a text names first, as the API writes days."""
    found = DAY.search(text)
    assert found, text
    return datetime.strptime(found[0], "%b %d, %Y").date().isoformat()  # noqa: DTZ007  a day


def disclosed(box: Locator) -> dict[str, Any]:
    """What a disclosure says, by the names the API has for it."""

    def said(name: str) -> list[str]:
        return box.locator(f'[data-field="{name}"]').all_text_contents()

    sums = ("finance_charge", "amount_financed", "total_of_payments", "total_sale_price")
    return {
        "apr": said("apr")[0].removesuffix("%"),
        **{name: one_amount(said(name)[0]) for name in sums},
        "installments": [
            (day_of(day), one_amount(amount)) for day, amount in zip(said("due_on"), said("amount"), strict=True)
        ],
    }


def told(quote: dict[str, Any]) -> dict[str, Any]:
    """A quote of the API, in the shape of `disclosed`."""
    names = ("apr", "finance_charge", "amount_financed", "total_of_payments", "total_sale_price")
    return {**{name: quote[name] for name in names}, "installments": due(quote["installments"])}


def due(installments: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Days and amounts of installments as the API has them, less what nobody has to pay."""
    return [(one["due_on"], one["amount"] - one.get("forgiven", 0)) for one in installments]
