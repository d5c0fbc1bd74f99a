"""Resend's API for sending mail."""
