"""One bench for each processor, by which the conformance suite knows it."""

from typing import Final

from tests.processors.benches.base import HOSTED, IS_LIVE, LIVE, NEEDED, Bench, Refusal, look, refund_of
from tests.processors.benches.braintree_bench import BraintreeBench
from tests.processors.benches.square_bench import SquareBench
from tests.processors.benches.stripe_bench import StripeBench

BENCHES: Final[dict[str, type[Bench]]] = {one.name: one for one in (StripeBench, BraintreeBench, SquareBench)}
# The processors this run is about.
CHOSEN: Final = [name for name in BENCHES if not IS_LIVE or name in LIVE]

__all__ = ["BENCHES", "CHOSEN", "HOSTED", "IS_LIVE", "NEEDED", "Bench", "Refusal", "look", "refund_of"]
