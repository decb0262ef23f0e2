"""QPS exact, over long floods: one process alone in memory, several through Redis; and whatever Redis does."""

import time

from tests.chaos.figures import record, rounds
from tests.gateway.flood import flood
from tests.gateway.test_shared_limits import (
    LIMITS,
    certain_worst,
    check_exact,
    check_trouble,
    make_keys,
    plan_of,
    troubles_of,
)

FACTORS = (0.5, 0.9, 1.1, 2, 5, 10, None)


def test_no_second_has_more_than_the_limit_over_long_floods(people, own_gateway, redis):
    runs = [(count, factor) for count in (1, 2, 4) for factor in FACTORS]
    worst = check_exact(people, own_gateway, redis, runs, seconds=max(1.2, rounds(50) / 10))
    record(worst_window={f"{count} through Redis": by_limit(found) for count, found in worst.items()})


def test_no_second_has_more_than_the_limit_in_memory(people, own_gateway):
    """By the clients' clock: admissions that lie within 1,000 ms for certain."""
    _, strings = make_keys(people)
    gateway = own_gateway(GATEWAY_SHIPPER="0").start()
    worst = [0] * len(LIMITS)
    for factor in FACTORS:
        time.sleep(1.05)
        found = flood([gateway.port], strings, plan_of(factor, max(1.2, rounds(50) / 10)))
        assert {asked.status for asked in found} <= {200, 429}
        for i, limit in enumerate(LIMITS):
            passed = [asked for asked in found if asked.key == i and asked.status == 200]
            worst[i] = max(worst[i], certain_worst(passed))
            assert worst[i] <= limit
            if (
                factor == 0.5 and limit >= 50
            ):  # random moments: half the limit on average is never the limit in a second
                assert len(passed) == len([asked for asked in found if asked.key == i])
    record(worst_window={"1 in memory": by_limit(worst)})


def by_limit(worst: list[int]) -> dict[str, int]:
    return {str(limit): found for limit, found in zip(LIMITS, worst, strict=True)}


def test_whatever_redis_does_clients_are_answered(people, own_gateway, redis):
    check_trouble(people, own_gateway, redis, troubles_of(redis) * rounds(5), p99_max_ms=100)
