"""The ring in Redis decides as the ring in memory does; and what `GATEWAY_REDIS_URL` may say."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import redis_url
from gateway.limiter import WINDOW_US, Limiter
from gateway.redis_link import SCRIPT
from gateway.redis_url import BadRedisUrl, RedisNode
from tests import programs
from tests.gateway.redis_server import Redis, ask

# The same script with a clock that the test sets.
CLOCK = b"redis.call('TIME')"
WITH_CLOCK = SCRIPT.replace(CLOCK, b"{ARGV[#ARGV - 1], ARGV[#ARGV]}")

gaps_us = st.one_of(
    st.just(0),
    st.integers(1, 2_000),
    st.integers(1, 400_000),
    st.sampled_from([999_999, 1_000_000, 1_000_001, 3_000_000]),
)
steps = st.lists(st.tuples(gaps_us, st.integers(1, 12), st.integers(0, 15)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    programs.require("redis-server")
    made = Redis(tmp_path_factory.mktemp("redis")).start()
    yield made
    made.kill()


class Ring:
    """The script over one connection, at times that the test says."""

    def __init__(self, redis: Redis) -> None:
        redis.ask("FLUSHALL")
        self._connection = redis.connect()

    def ask(self, now_us: int, *rings: tuple[bytes, int, int]) -> list[tuple[int, int]]:
        names = [name for name, _, _ in rings]
        numbers = b"".join(struct.pack("<II", limit, asked) for _, limit, asked in rings)
        reply = ask(
            self._connection,
            "EVAL",
            WITH_CLOCK,
            len(names),
            *names,
            numbers,
            now_us // WINDOW_US,
            f"{now_us % WINDOW_US:06d}",
        )
        assert isinstance(reply, bytes), reply
        return list(struct.iter_unpack("<II", reply))


def test_the_clock_is_asked_in_one_place():
    assert SCRIPT.count(CLOCK) == 1


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**33), st.sampled_from([1, 2, 5, 30]), steps)
def test_redis_admits_exactly_what_memory_admits(redis, start, fixed_limit, taken):
    ring, limiter, now = Ring(redis), Limiter(), 1_700_000_000_000_000 + start
    for i, (gap, limit, asked) in enumerate(taken):
        now += gap
        limit = fixed_limit if fixed_limit > 1 and i % 3 else limit
        ((room, demand),) = ring.ask(now, (b"r", limit, asked))
        for number in range(asked):
            expected = limiter.hit((1, 1), limit, now_us=now, second=now // WINDOW_US)
            assert (number < room) == expected.is_admitted
            assert max(0, room - number - 1) == expected.remaining
            assert demand + number + 1 == expected.demand


def test_the_rings_of_one_call_know_nothing_of_each_other(redis):
    ring = Ring(redis)
    assert ring.ask(10**15, (b"a", 2, 1), (b"b", 5, 7)) == [(2, 0), (5, 0)]
    assert ring.ask(10**15 + 1, (b"b", 5, 1), (b"a", 2, 1)) == [(0, 7), (1, 1)]


def test_a_clock_that_goes_back_neither_locks_out_nor_admits_more(redis):
    ring, now = Ring(redis), 10**15
    assert ring.ask(now, (b"a", 3, 3)) == [(3, 0)]
    assert ring.ask(now - 400_000, (b"a", 3, 3))[0][0] == 0  # a little: time stands still
    assert ring.ask(now + 999_999, (b"a", 3, 3))[0][0] == 0
    assert ring.ask(now + 1_000_000, (b"a", 3, 3))[0][0] == 3
    assert ring.ask(now - 3_600_000_000, (b"a", 3, 2))[0][0] == 3  # an hour: begun anew
    assert ring.ask(now - 3_600_000_000 + 1, (b"a", 3, 2))[0][0] == 1


def test_a_ring_stays_small_whatever_the_limit(redis):
    ring, now, admitted = Ring(redis), 10**15, []
    for step in range(12_000):  # more than a second, a request each 100 µs
        at = now + step * 100
        ((room, _),) = ring.ask(at, (b"a", 9_000, 1))
        admitted += [at] * (room > 0)
    assert redis.ask("STRLEN", "a") <= 12 + 8 * 4_000
    first = [at for at in admitted if at < now + 1_000_000]
    assert len(first) == 9_000
    assert admitted[9_000] - admitted[0] >= 1_000_000
    assert admitted[9_000] - admitted[0] <= 1_000_000 + 256 + 100  # at most a grain too late


def test_rings_end_by_themselves(redis):
    Ring(redis).ask(10**15, (b"a", 1, 1))
    assert 1_000 < redis.ask("PTTL", "a") <= 2_100


@pytest.mark.parametrize(
    ("url", "nodes", "rest"),
    [
        ("redis://cache", [("cache", 6379)], {}),
        ("redis://cache:7/3", [("cache", 7)], {"database": 3}),
        ("rediss://me:p%40ss@cache:7", [("cache", 7)], {"has_tls": True, "username": "me", "password": "p@ss"}),
        ("redis://:secret@[::1]:7/0", [("::1", 7)], {"password": "secret"}),
        ("unix:///run/redis.sock?db=2", [("/run/redis.sock", 0)], {"database": 2}),
        ("redis://a:1,b:2/?cluster=true", [("a", 1), ("b", 2)], {"is_cluster": True}),
    ],
)
def test_urls_say_where_redis_is(url, nodes, rest):
    assert redis_url.read(url) == redis_url.RedisAddress(tuple(RedisNode(*node) for node in nodes), **rest)


@pytest.mark.parametrize(
    "url",
    [
        "http://cache", "redis://", "redis://cache:port", "redis://cache/zero", "redis://a,b", "unix://", "unix://host/path",
        "redis://a/1?cluster=true", "redis://a?clustre=true", "redis://a:99999", "redis://secret:secret@[::1",
    ],
)  # fmt: skip
def test_a_url_that_makes_no_sense_is_refused_without_repeating_it(url):
    with pytest.raises(BadRedisUrl) as error:
        redis_url.read(url)
    assert "secret" not in str(error.value)
    assert "secret" not in repr(redis_url.read("redis://me:secret@cache"))
