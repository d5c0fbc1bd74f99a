"""The catalog in the dashboard: made, counted, archived; what cannot be comes back with the reason."""

from __future__ import annotations

import pytest

from ballast.models import Coupon, OrderLine, Price, Product, PromotionCode, TaxRate
from tests.billing.acts import rows
from tests.pages.dashboard import after, page, send
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import World, csrf

CLUB = {"amount": "48.00", "currency": "usd", "interval": "month", "interval_count": "3", "trial_days": "14"}


def add_product(world: World) -> str:
    """A product made by Acme's admin; answers its page."""
    answer = send(world.sign_in("admin"), "/admin/products/new", name="Coffee club", tagline="A new farm each month.")
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def test_a_product_is_made_priced_and_archived(world: World) -> None:
    path, admin = add_product(world), world.sign_in("admin")
    shown = after(admin, send(admin, path, f"{path}/prices", **CLUB, setup_fee="5.00"))
    assert "$48.00" in shown
    assert "every 3 months" in shown
    price = next(one for one in rows(world, Price) if one.interval)
    assert (price.amount, price.setup_fee, price.trial_days) == (4800, 500, 14)
    token = {"csrf_token": csrf(shown), "archived": "yes"}
    assert "sold no more" in after(admin, admin.post(f"/admin/products/prices/{price.id}/archived", data=token))
    assert "sold no more" in after(admin, admin.post(f"{path}/archived", data=token))
    assert "Coffee club" not in page(admin, "/admin/products")
    assert "Coffee club" in page(world.sign_in("viewer"), "/admin/products?status=archived")
    assert [one.archived_at is None for one in rows(world, Product)] == [True, False]


def test_the_list_asks_as_often_however_many_there_are(world: World) -> None:
    viewer, asked = world.sign_in("viewer"), []
    for _ in range(2):
        add_product(world)
        with counted(world.app) as statements:
            page(viewer, "/admin/products")
        asked.append(len(statements))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0"),
        ("amount", "x"),
        ("currency", "XXQ"),
        ("interval", "fortnight"),
        ("interval_count", "37"),
        ("trial_days", "731"),
        ("setup_fee", "x"),
        ("interval", ""),
    ],
)
def test_a_price_that_cannot_be_comes_back_with_the_reason(world: World, field: str, value: str) -> None:
    path, admin = add_product(world), world.sign_in("admin")
    answer = send(admin, path, f"{path}/prices", **(CLUB | {field: value}))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    assert len(rows(world, Price)) == 1, "the kettle's"


def test_a_coupon_gets_codes_with_limits_and_is_archived(world: World) -> None:
    admin = world.sign_in("admin")
    made = send(admin, "/admin/coupons/new", name="Spring", percent="12.5", duration="repeating", periods="3")
    path = made.headers["Location"]
    shown = after(admin, made)
    assert "12.5%" in shown.replace('<span class="num">', "").replace("</span>", "")
    assert "SPRING26 can be typed" in after(
        admin, send(admin, path, f"{path}/codes", code="spring26", max_redemptions="5")
    )
    taken = send(admin, path, f"{path}/codes", code="SPRING26")
    assert (taken.status_code, "such a code already" in taken.get_data(as_text=True)) == (422, True)
    code, coupon = rows(world, PromotionCode)[0], rows(world, Coupon)[0]
    assert (coupon.percent_bps, coupon.periods, code.max_redemptions) == (1250, 3, 5)
    token = {"csrf_token": csrf(shown), "archived": "yes"}
    after(admin, admin.post(f"/admin/coupons/codes/{code.id}/archived", data=token))
    after(admin, admin.post(f"{path}/archived", data=token))
    assert "Archived" in page(world.sign_in("viewer"), "/admin/coupons")


@pytest.mark.parametrize(
    "form",
    [
        {"name": ""},
        {"percent": "0"},
        {"percent": "101"},
        {"percent": "1.234"},
        {"percent": ""},
        {"amount": "5"},
        {"duration": "always"},
        {"duration": "repeating"},
        {"max_redemptions": "0"},
        {"redeem_by": "2020-01-01"},
        {"redeem_by": "9999-12-31"},
        {"percent": "", "amount": "5", "currency": "XXQ"},
    ],
)
def test_a_coupon_that_cannot_be_comes_back_with_the_reason(world: World, form: dict[str, str]) -> None:
    given = {"name": "Spring", "percent": "25", "duration": "once"} | form
    assert send(world.sign_in("owner"), "/admin/coupons/new", **given).status_code == 422
    assert rows(world, Coupon) == []


def test_a_place_has_one_tax_rate_at_a_time(world: World) -> None:
    owner, path = world.sign_in("owner"), "/admin/tax-rates"
    form = {"name": "VAT", "country": "de", "percent": "19", "inclusive": "yes"}
    assert "VAT is on invoices" in after(owner, send(owner, path, **form))
    assert "already. Archive that one first" in send(owner, path, **form).get_data(as_text=True)
    rate = rows(world, TaxRate)[0]
    assert (rate.bps, rate.country, rate.inclusive) == (1900, "DE", True)
    for wrong in ({"percent": "x"}, {"country": "Germany"}, {"name": ""}):
        assert send(owner, path, **(form | wrong)).status_code == 422
    token = {"csrf_token": csrf(page(owner, path)), "archived": "yes"}
    after(owner, owner.post(f"{path}/{rate.id}/archived", data=token))
    assert send(owner, path, **form).status_code == 303
    again = owner.post(f"{path}/{rate.id}/archived", data=token | {"archived": "no"})
    assert again.status_code == 422, "another one is in force"


def test_a_products_words_are_changed_and_what_was_sold_keeps_its_own(world: World) -> None:
    Shopper(world).buy()
    owner, path = world.sign_in("owner"), f"/admin/products/{rows(world, Product)[0].id}"
    nameless = send(owner, f"{path}/edit", name=" ")
    assert nameless.status_code == 422
    assert "Say what it is called." in nameless.get_data(as_text=True)
    answer = send(owner, f"{path}/edit", name="Gooseneck kettle", tagline="Slow.", description="It pours.")
    assert "Gooseneck kettle is changed." in after(owner, answer)
    assert "Gooseneck kettle" in page(world.app.test_client(), f"/shop/{world.acme.slug}/")
    assert rows(world, OrderLine)[0].name == "Kettle"
