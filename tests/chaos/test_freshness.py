"""How long after its answer a request is in Analytics, at a steady rate and beside a flood."""

import threading
import time
from bisect import bisect_left

import psycopg
import pytest

from tests.chaos.figures import record, rounds
from tests.factories import string_of
from tests.gateway.flood import flood, steady
from tests.gateway.processes import database_url, wait_until

PROMISED_S = 15
POLL_S = 0.05


class _Counted(threading.Thread):
    """Looks again and again at how many requests the usage tables have."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float]] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            while not self.is_over.wait(POLL_S):
                row = connection.execute("SELECT coalesce(sum(requests), 0)::bigint FROM usage_minute").fetchone()
                self.seen.append((row[0], time.monotonic()))


@pytest.mark.parametrize(("name", "rate"), [("steady", 50), ("busy", 5_000)])
def test_an_answered_request_is_counted_within_seconds(people, own_gateway, name, rate):
    gateway = own_gateway().start()
    counted = _Counted()
    counted.start()
    try:
        answered = flood([gateway.port], [string_of(people.key)], steady(0, rate, max(6, rounds(60))))
        wait_until(lambda: counted.seen[-1][0] == len(answered), within_s=PROMISED_S)
    finally:
        counted.is_over.set()
        counted.join()
    answered_at = sorted(asked.answered_at for asked in answered)
    totals = [total for total, _ in counted.seen]
    # The n-th answer is visible once n are counted.
    took_s = sorted(counted.seen[bisect_left(totals, n)][1] - at for n, at in enumerate(answered_at, 1))
    p50_s, p99_s = took_s[len(took_s) // 2], took_s[len(took_s) * 99 // 100]
    record(freshness_s={name: {"p50": round(p50_s, 2), "p99": round(p99_s, 2), "worst": round(took_s[-1], 2)}})
    assert p99_s <= PROMISED_S
