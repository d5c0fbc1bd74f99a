"""Subscriptions: started, renewed, changed, recovered, ended. docs/subscriptions.md has the rules."""
