"""Schemathesis over the running application: what its description says is what it does, whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ballast.blueprints.api.image_schemas import PIXEL
from ballast.local.postgres import Postgres
from ballast.models.identity import SCOPES
from tests.app.populated import Known, populate
from tests.billing.disputing import serving
from tests.world import World

TOOL = Path(sys.executable).with_name("st")
CONFIG = Path(__file__).with_name("schemathesis.toml")


def parameters(known: Known) -> str:
    """Ids that exist, so that what is behind them is reached."""
    ids = {
        "payment_id": known.open_payment_id,
        "refund_id": known.refund_id,
        "customer_id": known.customer_id,
        "payment_method_id": known.card_id,
        "dispute_id": known.dispute_id,
        "event_id": known.published_id,
        "endpoint_id": known.endpoint_id,
        "delivery_id": known.delivery_id,
        "key_id": known.key_id,
        "member_id": known.member_id,
        "session_id": known.session_id,
        **known.sold,
    }
    return "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())


def spares(world: World, known: Known) -> str:
    """What calls that delete may have, so that the others still find theirs."""
    owner = world.as_user("owner")
    endpoint = owner.post("/webhooks/endpoints", {"url": "https://example.com/spare", "events": ["*"]}).get_json()["id"]
    key = owner.post("/api-keys", {"name": "Spare"}).get_json()["id"]
    product = known.sold["product_id"]
    image = owner.post(f"/products/{product}/images", {"content": PIXEL}).get_json()["id"]
    ids = {
        "products/{product_id}/images/{image_id}": image,
        "webhooks/endpoints/{endpoint_id}": endpoint,
        "api-keys/{key_id}": key,
        "organizations/me/members/{member_id}": known.invitation_id,
    }
    return "".join(
        f'[[operations]]\ninclude-name = "DELETE /api/v1/{path}"\n'
        f'parameters = {{ "path.{path.rpartition("{")[2].rstrip("}")}" = "{spare}" }}\n'
        for path, spare in ids.items()
    )


def credentials(world: World) -> str:
    """A key that may ask as often as this does, and an owner's access token for what only people do."""
    made = world.as_user("owner").post(
        "/api-keys", {"name": "Schemathesis", "scopes": [*SCOPES], "rate_limit": 100_000}
    )
    assert made.status_code == 201
    return (
        "[auth]\nauto-signup = false\n"
        f'[auth.openapi.api_key]\napi_key = "{made.get_json()["key"]}"\n'
        f'[auth.openapi.bearer]\nbearer = "{world.token("owner")}"\n'
    )


# In two halves, each of which may take its time: what is sold again and again, and everything else.
SOLD = "^/api/v1/(products|prices|coupons|promotion_codes|tax_rates|subscriptions|invoices|credit_notes|financing)"
HALVES = {
    "what is sold": ["--include-path-regex", SOLD, "--max-examples", "3"],
    "the rest": ["--exclude-path-regex", SOLD],
}


@pytest.mark.timeout(600)  # a minute on idle cores
@pytest.mark.parametrize("half", HALVES)
def test_schemathesis_finds_nothing_with_all_its_checks(
    world: World, postgres: Postgres, tmp_path: Path, half: str
) -> None:
    known = populate(world, postgres.owner_url)
    config = tmp_path / "schemathesis.toml"
    usual, operations = CONFIG.read_text().split("# A page by number", 1)
    config.write_text(
        f"{usual}{credentials(world)}{parameters(known)}\n{spares(world, known)}\n# A page by number{operations}"
    )
    with serving(world.app) as address:
        run = subprocess.run(
            [TOOL, "--config-file", config, "run", f"{address}/api/openapi.json", "--checks", "all", *HALVES[half]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
