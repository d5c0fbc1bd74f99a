"""Plans that run, in the state a call of the API is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ballast.blueprints.api import agreement_act_schemas as schemas
from ballast.blueprints.api.agreement_schemas import AGREEMENT_ID
from ballast.blueprints.api.people import CARD_ID
from ballast.clock import real_time
from ballast.ids import new_id
from tests.financing.acts import IN_FOUR
from tests.financing.servant import Servant
from tests.world import Api, World

# Act → what its preview is asked.
PREVIEWS: dict[str, type[schemas.Strict]] = {
    "payoff": schemas.PayoffPreview,
    "payments": schemas.AgreementPaymentPreview,
    "date_moves": schemas.DateMovePreview,
    "pauses": schemas.AgreementPausePreview,
    "waivers": schemas.WaiverPreview,
    "reschedules": schemas.ReschedulePreview,
    "settlements": schemas.SettlementPreview,
    "write_offs": schemas.WriteOffPreview,
    "card": schemas.AgreementCardPreview,
    "refunds": schemas.AgreementRefundPreview,
}


def with_a_plan(world: World, api: Api, name: str, source: str) -> str:
    """The sample, about a plan that its act can be done to, with the hash of a preview that was asked for."""
    if AGREEMENT_ID not in source:
        return source
    act = name.partition("{agreement_id}/")[2].removesuffix("/preview")
    agreement_id, facts = plan_for(world, act)
    for example, real in facts.items():
        source = source.replace(example, real)
    if schemas.EXAMPLE_HASH in source:
        source = source.replace(schemas.EXAMPLE_HASH, hash_for(api, agreement_id, act, facts))
    return source.replace(AGREEMENT_ID, agreement_id)


def plan_for(world: World, act: str) -> tuple[str, dict[str, str]]:
    """A plan and what stands in the examples for it: begun today, or long ago and never paid."""
    now = real_time().replace(microsecond=0)
    servant = Servant(world, now - timedelta(days=75) if act == "write_offs" else now)
    agreement_id = servant.agree(64000, IN_FOUR)
    other = servant.another_card(new_id("pm")) if act == "card" else ""
    servant.at = now
    if act == "waivers":
        servant.late_fee(agreement_id)
    servant.lateness(agreement_id)
    first = servant.installments(agreement_id)[0].due_on + timedelta(days=3)
    return agreement_id, {schemas.EXAMPLE_DAY: first.isoformat(), **({CARD_ID: other} if other else {})}


def hash_for(api: Api, agreement_id: str, act: str, facts: dict[str, str]) -> str:
    """What the preview of the example answers."""
    example = PREVIEWS[act].model_config["json_schema_extra"]["example"]  # type: ignore[index, call-overload]
    body: dict[str, Any] = {name: facts.get(str(value), value) for name, value in example.items()}
    answer = api.post(f"/financing/agreements/{agreement_id}/{act}/preview", body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return str(answer.get_json()["preview_hash"])
