"""Financing: a price paid in installments; what an offer says, what it costs, and the paper that says so. Rules: docs/financing.md."""
