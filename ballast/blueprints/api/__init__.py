"""The JSON API under /api/v1, its OpenAPI description and its reference page."""
