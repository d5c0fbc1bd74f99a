"""The balance over the API."""

from __future__ import annotations

from flask import Response, g

from ballast.billing import balances
from ballast.blueprints.api.answers import json_answer
from ballast.blueprints.api.objects import BalanceOut
from ballast.blueprints.api.setup import make_blueprint

blueprint = make_blueprint(
    "api_balance", "Balance", "What you have at your processors.", read="payments:read", write="payments:write"
)


@blueprint.get("/balance", summary="Get the balance", responses={200: BalanceOut})
def get() -> Response:
    """From the ledger, for each currency you have had."""
    return json_answer(200, {"object": "balance", "currencies": balances.by_currency(g.organization_id)})
