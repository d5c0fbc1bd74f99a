"""Addresses that say whose they are, signed with our own clock, so that a test can let their time pass."""

from __future__ import annotations

from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from ballast import config
from ballast.clock import real_time


class Signer(TimestampSigner):
    """Signs with real time as `ballast.clock` has it."""

    def get_timestamp(self) -> int:
        return int(real_time().timestamp())


def serializer(salt: str) -> URLSafeTimedSerializer:
    """What signs and reads the addresses of one kind."""
    return URLSafeTimedSerializer(config.current().secret_key, salt=salt, signer=Signer)
