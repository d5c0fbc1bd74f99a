"""A stand-in for the money."""
