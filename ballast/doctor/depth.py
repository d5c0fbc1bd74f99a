"""What takes as long as there is history: the audit log and the ledger, proved whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ballast.audit import verification
from ballast.billing import ledger_proof
from ballast.doctor.finding import Finding, fail, ok

CHANGED: Final = "Somebody changed it: compare with a backup and the worker's log."
COMPARE: Final = "Compare with a backup; `flask reconcile` says what the processors have."


def audit_chain() -> Iterator[Finding]:
    """Every seal of every chain."""
    proofs = verification.verify()
    for proof in proofs:
        if proof.broken:
            yield fail(
                "audit_chain",
                f"{proof.chain}: {proof.broken}",
                CHANGED,
            )
    if not any(proof.broken for proof in proofs):
        yield ok("audit_chain", f"{sum(proof.entries for proof in proofs)} entries are as they were sealed.")


def ledger() -> Iterator[Finding]:
    """Every transfer of every organization."""
    proofs = ledger_proof.verify()
    for proof in proofs:
        if proof.broken:
            yield fail(
                "ledger",
                f"{proof.slug}: {proof.broken}",
                COMPARE,
            )
    if not any(proof.broken for proof in proofs):
        yield ok("ledger", f"{sum(proof.transfers for proof in proofs)} transfers add up.")


CHECKS: Final = (audit_chain, ledger)
