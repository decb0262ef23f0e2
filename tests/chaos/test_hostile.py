"""Hostile HTTP for a long time: the gateway hangs never, fails never, and ends never."""

from tests.chaos.figures import record, rounds
from tests.gateway.test_hostile import check_fuzz


def test_a_hundred_thousand_connections_with_nonsense(people, own_gateway):
    check_fuzz(own_gateway(GATEWAY_SHIPPER="0").start(), rounds(100_000), seed=7)
    record(fuzzed_connections=rounds(100_000))
