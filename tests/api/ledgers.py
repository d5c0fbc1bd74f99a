"""What the ledger says, for tests: every account's debits less its credits."""

from __future__ import annotations

from collections import defaultdict

from ballast.models import LedgerAccount, LedgerTransfer
from tests.world import World


def balances(world: World) -> dict[str, int]:
    """Acme's accounts by code, minor units, debits less credits; all currencies together, so use one."""
    codes = {account.id: account.code for account in world.all_of(LedgerAccount)}
    found: dict[str, int] = defaultdict(int)
    for transfer in world.all_of(LedgerTransfer):
        found[codes[transfer.debit_account_id]] += transfer.amount
        found[codes[transfer.credit_account_id]] -= transfer.amount
    assert sum(found.values()) == 0
    return dict(found)
