"""The Ballast payments API: a connection that repeats nothing twice, answers that are values or an error, verified webhooks."""

from ballast_client.connection import API_VERSION, ApiError, connect, value
from ballast_client.webhooks import verify

__all__ = ["API_VERSION", "ApiError", "connect", "value", "verify"]
