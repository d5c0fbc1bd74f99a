"""Braintree's gateway as its API version 6 speaks it: XML under `/merchants/{id}/`."""

# Importing a noun puts its routes in the table.
from ballast.sandbox.braintree import accounts, captures, disputes, nonces, reversals, search, transactions, vault

__all__ = ["accounts", "captures", "disputes", "nonces", "reversals", "search", "transactions", "vault"]
