"""Reconciliation: our ledger and attempts against the processor's own list of a day, and against the events it sent us."""
