"""Whatever a product or a customer is called: the name is text on every page that shows it, and changes nothing of the page."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.shopper import Shopper
from tests.world import World

# Markup, templates, quotes, right-to-left letters and marks that turn the direction, marks that pile up, and words without end.
PARTS = st.sampled_from(
    [
        "<b>",
        "</title>",
        "<script>x</script>",
        "{{7*7}}",
        "{%raw%}",
        "\"'",
        "&amp;",
        "<!--",
        "\u202e",
        "\u0634\u0631",
        "e\u0301\u0301",
    ]
)
NAMES = st.lists(st.one_of(PARTS, st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=8))).map(
    "".join
)


class Skeleton(HTMLParser):
    """What a page consists of, its texts and the values of attributes left out; and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(f"<{tag} {' '.join(name for name, _ in attrs)}>")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.parts.append("<!-- -->")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def words(text: str) -> str:
    return " ".join(text.split())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
@example(name="</title><script>alert(1)</script>")
@example(name="{{ config }}{% raw %}")
@example(name="\u202egnihtemos\u202c <b>" + "w" * 60)
def test_a_name_is_text_on_every_page_that_shows_it(world: World, name: str) -> None:
    api, owner = world.api(world.acme.api_key), world.sign_in("owner")
    product = api.get("/products").get_json()["data"][0]
    customer = api.post("/customers", {"name": "Plain"}).get_json()["id"]
    pages = {
        f"/shop/acme/products/{product['slug']}": world.app.test_client(),
        f"/admin/products/{product['id']}": owner,
        f"/admin/customers/{customer}": owner,
    }
    shopper = Shopper(world)
    shopper.add()
    pages["/shop/acme/cart"] = shopper.client
    called = call(world, product["id"], customer, "Plain")
    before = {address: Skeleton(client.get(address).get_data(as_text=True)).parts for address, client in pages.items()}
    if not call(world, product["id"], customer, f"A {name}"[:100]):
        return
    assert called
    for address, client in pages.items():
        seen = Skeleton(client.get(address).get_data(as_text=True))
        assert seen.parts == before[address], address
        assert any(words(f"A {name}"[:100]) in words(text) for text in seen.texts), address


def call(world: World, product_id: str, customer_id: str, name: str) -> bool:
    """Whether they are called so now; a name that cannot be is refused with a reason."""
    api = world.api(world.acme.api_key)
    answers = [
        api.patch(f"/products/{product_id}", {"name": name}),
        api.patch(f"/customers/{customer_id}", {"name": name}),
    ]
    assert {answer.status_code for answer in answers} <= {200, 400}, [answer.get_json() for answer in answers]
    return all(answer.status_code == 200 for answer in answers)
