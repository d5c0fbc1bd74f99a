"""Pictures that merchants upload, and files that are sold."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ballast.clock import shifted
from ballast.models import AuditEntry, Download, Product, ProductImage
from tests.billing.acts import rows
from tests.pages.dashboard import after, fields, page, send
from tests.shopper import Shopper
from tests.world import Api, World


def png(width: int = 4, height: int = 5) -> bytes:
    """A whole picture of one color."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + b"\xd8\x55\x2e" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080005000401011100ffd9")
WEBP = (
    b"RIFF"
    + (30).to_bytes(4, "little")
    + b"WEBPVP8X"
    + (10).to_bytes(4, "little")
    + bytes(4)
    + b"\3\0\0\4\0\0"
    + bytes(8)
)


@pytest.fixture
def kettle(world: World) -> str:
    """The path of its page in the dashboard."""
    return f"/admin/products/{rows(world, Product)[0].id}"


def upload(world: World, path: str, act: str, field: str, content: bytes, name: str) -> Any:
    """A form as a browser writes it: the test client's own leaves a file of the disk open."""
    admin = world.sign_in("admin")
    token = fields(page(admin, path))["csrf_token"]
    body = f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
    body += f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    raw = body.encode() + content + b"\r\n--b--\r\n"
    return admin, admin.post(f"{path}/{act}", data=raw, content_type="multipart/form-data; boundary=b")


@pytest.mark.parametrize(("content", "kind"), [(png(), "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")])
def test_a_picture_is_served_as_what_its_bytes_are(
    world: World, kettle: str, content: bytes, kind: str, api: Api
) -> None:
    admin, answer = upload(world, kettle, "pictures", "picture", content, "evil.svg")
    assert "The picture is in your shop." in after(admin, answer)
    (image,) = rows(world, ProductImage)
    assert (image.content_type, image.width, image.height) == (kind, 4, 5)
    stranger = world.app.test_client()
    assert f'src="/images/{image.id}"' in page(stranger, "/shop/acme/products/kettle")
    served = stranger.get(f"/images/{image.id}")
    assert (served.data, served.headers["Content-Type"]) == (content, kind)
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert api.get("/products").get_json()["data"][0]["image"].endswith(f"/images/{image.id}")


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"GIF89a\1\0\1\0",
        b"",
        png(6001, 1),
        png()[:40],
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(world: World, kettle: str, content: bytes) -> None:
    _admin, answer = upload(world, kettle, "pictures", "picture", content, "fine.png")
    assert answer.status_code == 422
    assert rows(world, ProductImage) == []


def test_a_picture_may_be_larger_than_other_forms_and_no_larger_than_two_megabytes(world: World, kettle: str) -> None:
    padded = png()[:-12] + b"\0" * 1_500_000 + png()[-12:]
    _admin, answer = upload(world, kettle, "pictures", "picture", padded, "large.png")
    assert answer.status_code == 303
    _admin, answer = upload(world, kettle, "pictures", "picture", padded + padded, "larger.png")
    assert answer.status_code == 422
    _admin, answer = upload(world, kettle, "stock", "reason", padded, "x.png")
    assert answer.status_code == 413


def test_several_pictures_have_an_order_and_words_and_the_page_shows_them_all_without_scripts(
    world: World, kettle: str, api: Api
) -> None:
    admin, _answer = upload(world, kettle, "pictures", "picture", png(), "a.png")
    upload(world, kettle, "pictures", "picture", JPEG, "b.jpg")
    upload(world, kettle, "pictures", "picture", WEBP, "c.webp")
    first, second, third = (one.id for one in rows(world, ProductImage))
    path = f"{kettle}/pictures"
    assert "It is picture 1 now." in after(admin, send(admin, path, f"{path}/{third}/place", position="0"))
    after(admin, send(admin, path, f"{path}/{third}/words", alt="The kettle <b>from above</b>"))
    shop = page(world.app.test_client(), "/shop/acme/products/kettle")
    assert re.findall(r'<div class="picture"><img src="/images/([^"]+)"', shop) == [third, first, second]
    assert shop.count('type="radio" name="picture"') == 3
    assert "Show The kettle <b>from above</b>" in shop
    assert f"/images/{third}" in page(world.app.test_client(), "/shop/acme/")
    listed = api.get(f"/products/{kettle.rpartition('/')[2]}/images").get_json()["data"]
    assert [(one["id"], one["position"]) for one in listed] == [(third, 0), (first, 1), (second, 2)]
    assert "is gone" in after(admin, send(admin, path, f"{path}/{third}/removed"))
    assert f'src="/images/{first}"' in page(world.app.test_client(), "/shop/acme/products/kettle")
    assert world.app.test_client().get(f"/images/{third}").status_code == 200, "orders show it"
    assert send(admin, path, f"{path}/{third}/removed").status_code == 404
    assert send(admin, path, f"{path}/{first}/words", alt="x" * 201).status_code == 422


def test_pictures_come_and_go_over_the_api_by_what_their_bytes_are(world: World, kettle: str, api: Api) -> None:
    path = f"/products/{kettle.rpartition('/')[2]}/images"
    sent = {"content": b64encode(png()).decode(), "alt": "From the left"}
    made = api.post(path, sent, key := str(uuid4()))
    assert (made.status_code, made.get_json()["content_type"], made.get_json()["width"]) == (201, "image/png", 4)
    assert api.post(path, sent, key).get_json() == made.get_json(), "once for a key"
    large = png()[:-12] + b"\0" * 1_900_000 + png()[-12:]
    second = api.post(path, {"content": b64encode(large).decode()}).get_json()
    for content, code in (
        (b"<svg/>", "image_invalid"),
        (png(6001, 1), "image_too_large"),
        (large + large, "body_too_large"),
    ):
        refused = api.post(path, {"content": b64encode(content).decode()}).get_json()["error"]
        assert refused["code"] == code
    for content in ("%%%", "é"):
        assert api.post(path, {"content": content}).get_json()["error"]["param"] == "content"
    moved = api.patch(f"{path}/{second['id']}", {"position": 0, "alt": "From above"}).get_json()
    assert (moved["position"], moved["alt"]) == (0, "From above")
    product = api.get(path.removesuffix("/images")).get_json()
    assert product["image"] == second["url"]
    assert api.delete(f"{path}/{second['id']}").get_json()["deleted"] is True
    assert api.get(path.removesuffix("/images")).get_json()["image"] == made.get_json()["url"]
    assert api.delete(f"{path}/{second['id']}").status_code == 404
    answers = [api.post(path, sent).status_code for _ in range(10)]
    assert answers == [201] * 9 + [409], "ten at most"
    stranger = world.api(world.stranger.api_key)
    assert stranger.get(path).status_code == 404
    assert stranger.delete(f"{path}/{made.get_json()['id']}").status_code == 404


def bought_guide(world: World, kettle: str) -> tuple[str, str]:
    """A kettle with a guide, bought; answers the receipt's path and the file's."""
    admin, answer = upload(world, kettle, "file", "file", b"%PDF-1.7 how to brew", "../Brew guide.pdf")
    assert "Brew guide.pdf" in after(admin, answer)
    receipt = f"{Shopper(world).buy()}/receipt"
    shown = page(world.app.test_client(), receipt)
    start = shown.index("/downloads/")
    return receipt, shown[start : shown.index('"', start)]


def test_what_was_bought_is_fetched_five_times_and_not_once_more(world: World, kettle: str) -> None:
    receipt, path = bought_guide(world, kettle)
    client = world.app.test_client()
    for _ in range(2):
        assert "5 more times" in page(client, path), "looking counts nothing"
    form = fields(page(client, path))
    for _ in range(5):
        answer = client.post(path, data=form)
        assert (answer.status_code, answer.data) == (200, b"%PDF-1.7 how to brew")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="Brew guide.pdf"'
        assert answer.headers["Content-Type"] == "application/octet-stream"
    assert client.post(path, data=form).status_code == 410
    assert "as often as it may be" in page(client, path)
    assert [one.taken for one in rows(world, Download)] == [5]
    assert "0 of 5 downloads left" in page(client, receipt)


def test_an_address_ends_after_a_day_and_the_receipt_has_a_new_one(world: World, kettle: str) -> None:
    receipt, path = bought_guide(world, kettle)
    with shifted(timedelta(hours=25)):
        assert world.app.test_client().get(path).status_code == 409
        fresh = page(world.app.test_client(), receipt)
        assert "/downloads/" in fresh
        assert path not in fresh
    assert world.app.test_client().get(f"{path}x").status_code == 404


def test_a_refunded_order_loses_its_file(world: World, kettle: str, api: Api) -> None:
    receipt, path = bought_guide(world, kettle)
    payment = api.get("/orders").get_json()["data"][0]["payment"]
    api.post("/refunds", {"payment": payment})
    client = world.app.test_client()
    gone = client.get(path)
    assert gone.status_code == 410
    assert "refunded" in gone.get_data(as_text=True)
    assert "/downloads/" not in page(client, receipt)
    assert [one.taken for one in rows(world, Download)] == [0]


def test_a_file_may_be_an_address_and_is_taken_away_again(world: World, kettle: str) -> None:
    admin = world.sign_in("admin")
    assert send(admin, kettle, f"{kettle}/file", url="http://x.test").status_code == 422
    assert "guide.test" in after(admin, send(admin, kettle, f"{kettle}/file", url="https://guide.test/1"))
    receipt = f"{Shopper(world).buy()}/receipt"
    client = world.app.test_client()
    shown = page(client, receipt)
    path = shown[shown.index("/downloads/") :].partition('"')[0]
    assert send(client, path).headers["Location"] == "https://guide.test/1"
    assert "Nobody gets" in after(admin, send(admin, kettle, f"{kettle}/file/removed"))
    assert client.get(path).status_code == 404
    assert [one.action for one in rows(world, AuditEntry) if "file" in one.action] == [
        "product.file_added",
        "product.file_removed",
    ]


def test_stock_is_adjusted_on_the_products_page(world: World, kettle: str) -> None:
    admin = world.sign_in("admin")
    typed = {"change": "exactly", "number": "12", "reason": "Counted"}
    assert "12 are left to sell." in after(admin, send(admin, kettle, f"{kettle}/stock", **typed))
    for wrong in ({"number": "x"}, {"change": "other"}, {"reason": ""}, {"change": "fewer", "number": "13"}):
        answer = send(admin, kettle, f"{kettle}/stock", **(typed | wrong))
        assert answer.status_code == 422, wrong
    assert rows(world, Product)[0].stock == 12
    uncounted = send(admin, kettle, f"{kettle}/stock", change="uncounted", reason="Made to order")
    assert "not counted any more" in after(admin, uncounted)
