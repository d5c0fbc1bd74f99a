"""The local stack: embedded servers and a small supervisor. Never imported in production."""
