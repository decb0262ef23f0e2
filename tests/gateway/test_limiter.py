"""The limit: never more than L in any second, never a refusal below L."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limiter import WINDOW_US, Limiter

METER = (1, 1)

gaps_us = st.lists(
    st.one_of(
        st.just(0), st.integers(1, 2_000), st.integers(1, 400_000), st.sampled_from([999_999, 1_000_000, 1_000_001])
    ),
    min_size=1,
    max_size=300,
)


def times(gaps) -> list[int]:
    found, now = [], 5_000_000
    for gap in gaps:
        now += gap
        found.append(now)
    return found


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 30), gaps_us)
def test_a_request_is_admitted_exactly_when_fewer_than_l_were_in_the_second_before(limit, gaps):
    limiter, admitted = Limiter(), []
    for now in times(gaps):
        before = sum(1 for at in admitted if now - at < WINDOW_US)
        admission = limiter.hit(METER, limit, now_us=now, second=now // WINDOW_US)
        assert admission.is_admitted == (before < limit)
        assert admission.remaining == limit - before - admission.is_admitted
        admitted += [now] * admission.is_admitted
    assert all(sum(1 for at in admitted if start <= at < start + WINDOW_US) <= limit for start in admitted)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300_000), st.integers(1, 12)), min_size=1, max_size=200))
def test_changing_the_limit_keeps_what_still_counts(steps):
    limiter, admitted, now = Limiter(), [], 5_000_000
    for gap, limit in steps:
        now += gap
        before = sum(1 for at in admitted if now - at < WINDOW_US)
        admission = limiter.hit(METER, limit, now_us=now, second=0)
        assert admission.is_admitted == (before < limit)
        assert admission.remaining >= 0
        admitted += [now] * admission.is_admitted


def test_demand_counts_admitted_and_refused_of_the_calendar_second():
    limiter = Limiter()
    found = [
        limiter.hit(METER, 2, now_us=1_900_000 + i * 25_000, second=(1_900_000 + i * 25_000) // WINDOW_US)
        for i in range(8)
    ]
    assert [admission.demand for admission in found] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert [admission.is_admitted for admission in found] == [True, True] + [False] * 6


def test_keys_and_products_have_limits_of_their_own():
    limiter = Limiter()
    meters = [(1, 1), (1, 2), (2, 1)]
    assert all(limiter.hit(meter, 1, now_us=7, second=0).is_admitted for meter in meters)
    assert not any(limiter.hit(meter, 1, now_us=8, second=0).is_admitted for meter in meters)


def test_idle_rings_are_dropped():
    limiter = Limiter()
    for n in range(100_000):  # one request each of many keys over 100 s
        limiter.hit((n, 1), 5, now_us=n * 1_000, second=0)
    assert len(limiter) < 5_000
    limiter.hit((0, 1), 5, now_us=10**9, second=0)
    assert len(limiter) == 1


def test_a_decision_is_quick_whatever_the_limit():
    limiter = Limiter()
    for now in range(200_000):
        limiter.hit(METER, 100_000, now_us=now, second=0)
    began = time.perf_counter()
    for now in range(200_000, 220_000):
        limiter.hit(METER, 100_000, now_us=now, second=0)
    assert (time.perf_counter() - began) / 20_000 < 50e-6
