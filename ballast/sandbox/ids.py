"""Identifiers in the shape processors give them: a prefix, an underscore, letters and digits."""

import secrets


def new_id(prefix: str, size: int = 12) -> str:
    """Return `prefix_` and 2 × `size` random hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(size)}"
