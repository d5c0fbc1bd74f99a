"""What `docker compose up` would run, run by hand: it is paid, signed in, and told by the processor, through Caddy and PgBouncer."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import requests
import yaml

from ballast.config import Settings
from scripts import pin_images
from tests.deploy import compose
from tests.deploy.hand import ByHand
from tests.stack import Shopper, await_value, field

pytestmark = pytest.mark.stack


def test_a_shopper_pays_at_a_certified_address_and_the_processors_event_arrives(production: ByHand) -> None:
    with Shopper(production) as shopper:
        shopper.fill_cart()
        assert shopper.pay().status_code == 303
        payment_id = production.newest_payment(shopper.email)
        assert production.payment(payment_id)["status"] == "succeeded"
        assert [charge["amount_captured"] for charge in production.charges(payment_id)] == [9000]
        of_it = "select 1 from inbox_events where status = 'applied' limit 1"
        await_value(
            lambda: production.query(of_it), explain=lambda: str(production.query("select * from inbox_events"))
        )
        await_value(lambda: production.mails(shopper.email))


def test_the_owner_signs_in_over_tls_with_a_cookie_for_tls_alone(production: ByHand) -> None:
    with requests.Session() as browser:
        page = browser.get(f"{production.web}/sign-in", timeout=20)
        form = production.local["owner"] | {"csrf_token": field(page.text, "csrf_token")}
        answer = browser.post(
            f"{production.web}/sign-in", data=form, timeout=20, allow_redirects=False, headers={"Referer": page.url}
        )
        assert answer.status_code == 303, answer.text
        assert "; Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in answer.headers
        assert browser.get(f"{production.web}/admin/payments", timeout=20).status_code == 200


def test_web_and_workers_come_by_way_of_pgbouncer_each_as_its_own_role(production: ByHand) -> None:
    assert production.call("GET", "/payments").status_code == 200
    held = "select usename, client_port from pg_stat_activity where usename in ('ballast_app', 'ballast_worker')"
    found = production.query_as_superuser(held)
    assert {role for role, _port in found} == {"ballast_app", "ballast_worker"}
    assert {port for _role, port in found} <= production.bouncer.outgoing_ports()


def test_each_image_of_ours_is_built_by_one_service_alone() -> None:
    """Compose builds at the same time, and an image that two services name the same exists already for the second."""
    written = yaml.safe_load((compose.ROOT / "compose.yaml").read_text())["services"].values()
    ours = {one["image"] for one in written if one["image"].startswith("ballast")}
    assert Counter(one["image"] for one in written if "build" in one) == dict.fromkeys(ours, 1)


def test_whatever_builds_the_image_is_named_with_its_version() -> None:
    """`scripts/pin_images.py` pins images of FROM and `image:`; a front end of Dockerfile's own would be one more."""
    text = (compose.ROOT / "Dockerfile").read_text()
    assert not text.startswith("# syntax=")
    installed = re.findall(r"pip install (?:--\S+ )*(\S+)", text)
    assert ["==" in one for one in installed] == [True]
    written = text + (compose.ROOT / "compose.yaml").read_text()
    named = set(re.findall(r"^(?:FROM|\s+image:) (?!ballast)(\S+)", written, re.MULTILINE))
    assert named == {found["name"] + (found["digest"] or "") for found in pin_images.IMAGE.finditer(written)}


def test_prometheus_tells_an_alertmanager_that_starts_with_it_and_has_a_way_for_each_severity() -> None:
    folder = compose.ROOT / "deploy" / "prometheus"
    written = yaml.safe_load((compose.ROOT / "compose.yaml").read_text())["services"]
    asked = yaml.safe_load((folder / "prometheus.yml").read_text())["alerting"]["alertmanagers"][0]["static_configs"]
    host, _, port = asked[0]["targets"][0].partition(":")
    assert written[host]["profiles"] == written["prometheus"]["profiles"]
    assert f"127.0.0.1:{port}:{port}" in written[host]["ports"]
    told = yaml.safe_load((folder / "alertmanager.yml").read_text())
    ways = {told["route"]["receiver"], *(one["receiver"] for one in told["route"]["routes"])}
    severities = set(re.findall(r"severity: (\w+)", (folder / "alerts.yml").read_text()))
    assert severities == ways == {one["name"] for one in told["receivers"]}


def test_no_setting_of_a_restored_server_is_overruled_by_the_command_line() -> None:
    """`restore` turns archiving off: two servers that write one archive spoil it."""
    script = (compose.ROOT / "deploy/postgres/restore").read_text()
    restored = set(re.findall(r'printf "(\w+) = ', script))
    assert {"restore_command", "archive_mode"} <= restored
    command = yaml.safe_load((compose.ROOT / "compose.yaml").read_text())["services"]["postgres"]["command"]
    assert restored.isdisjoint(word.partition("=")[0] for word in command)


def test_compose_wants_every_servers_password_and_gives_the_owners_to_the_migration_alone() -> None:
    with pytest.raises(KeyError):
        compose.services({})
    known = ("POSTGRES", "OWNER", "APP", "WORKER", "VALKEY")
    env = {f"{name}_PASSWORD": f"secret-of-{name.lower()}" for name in known}
    found = compose.services(env | {"PUBLIC_URL": "https://pay.example.com"})
    owners = {
        name for name, one in found.items() if any("secret-of-owner" in value for value in one.environment.values())
    }
    assert owners == {"migrate", "postgres"}
    for name, one in found.items():
        if str(one.written.get("image", "")).startswith("ballast"):
            assert (one.written["read_only"], one.written["cap_drop"]) == (True, ["ALL"]), name
        if one.written.get("image", "").startswith("ballast:"):
            assert one.written["volumes"] == ["./secrets:/run/secrets:ro"], name
    ours = {name for name, one in found.items() if one.environment.get("BALLAST_ENV") == "production"}
    assert ours == {"web-1", "web-2", "worker-1", "worker-2", "webhooks", "cron", "migrate"}
    assert set(found["web-1"].environment) <= {name.upper() for name in Settings.model_fields}
