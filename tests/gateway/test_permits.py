"""A permit says what the decision would say, whatever has changed since it was given."""

import itertools
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import outcomes, permits
from gateway.requests import sources
from gateway.rules import Catalogue, Organization, Product
from gateway.verdict import Question, decide
from keys import tokens
from tests.gateway.test_verdict import NOW, OLD_PEPPER, PEPPER, STRINGS, build, keys

SOURCES = [
    {},
    {b"origin": b"https://example.com"},
    {b"origin": b"https://evil.com"},
    {b"referer": b"https://example.com/a?b"},
    {b"origin": b"https://evil.com", b"referer": b"https://example.com/a?b"},
]
# Most questions are allowed at first, so that a permit is there when something changes.
GOOD = {"deleted": False, "disabled": False, "suspended": False, "expires_at": None, "ends_at": None, "domains": (),
        "limits": {1: None, 2: 7}, "pepper": PEPPER}  # fmt: skip
good_keys = st.builds(
    lambda changed: GOOD | changed,
    st.sampled_from([{}, {"expires_at": NOW}, {"ends_at": NOW}, {"domains": ("example.com",)}, {"pepper": OLD_PEPPER}]),
)
worlds = st.builds(
    lambda first, second: {"keys": [first, second], "routes": {"/a/": 1, "/d": 2}, "retired": set()},
    good_keys,
    good_keys,
)
questions = list(itertools.product(STRINGS[:2], ["/a/x", "/d/x"], SOURCES, [NOW - 1, NOW, NOW + 1]))
changing = st.one_of(
    st.tuples(st.just("key"), st.integers(0, 1), st.one_of(keys, good_keys)),
    st.tuples(st.just("forget"), st.integers(0, 1)),
    st.tuples(st.just("suspend"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("catalogue"), st.sampled_from([{"/a/": 1, "/d": 2}, {"/a/": 2}, {"/a/": 3, "/d": 1}]),
              st.sets(st.integers(1, 2)), st.integers(1, 99)),
)  # fmt: skip


def change(rules, world, step) -> None:
    kind, *values = step
    if kind == "key":
        other = build({**world, "keys": [values[1]] * 2})
        number = values[0]
        secret = next(secret for secret in other.secrets.values() if secret.key.id == number)
        key = secret.key
        rules.put_key((number, key.public_id, number, list(key.domains), key.expires_at, key.is_disabled or None,
                       key.is_deleted or None, [1], list(key.digests), [secret.ends_at], list(key.limits),
                       list(key.limits.values())))  # fmt: skip
    elif kind == "forget":
        rules.forget_key(values[0])
    elif kind == "suspend":
        rules.organizations[values[0]] = Organization(f"org_{values[0]}", values[1])
    else:
        routes, retired, qps = values
        made = [Product(n, f"p{n}", f"Product {n}", qps, NOW if n in retired else None) for n in range(1, 5)]
        rules.catalogue = Catalogue.make(made, [(product, prefix) for prefix, product in routes.items()])


@settings(max_examples=60, deadline=None)
@given(worlds, st.lists(changing, max_size=5))
def test_a_permit_is_what_the_decision_would_be(world, changes):
    rules = build(world)
    for step in [None, *changes]:
        if step is not None:
            change(rules, world, step)
        for string, path, source, now in questions:
            headers = {b"x-api-key": string.encode()} | source
            origin, referer = sources(headers)
            verdict = decide(rules, Question(string, path, origin=origin, referer=referer), now)
            permit = permits.recall(rules, string.encode(), permits.source_of(headers), path, now)
            assert permit is None or permit.verdict == verdict
            if verdict.outcome is outcomes.OK:
                given_now = permits.remember(rules, headers, verdict, verdict.secret, verdict.product)
                is_of_newest_pepper = tokens.digest(string, PEPPER) in rules.secrets
                found = permits.recall(rules, string.encode(), permits.source_of(headers), path, now)
                assert found is (given_now if is_of_newest_pepper else None)


def test_a_key_without_domains_that_is_used_from_everywhere_does_not_fill_the_memory():
    world = {"keys": [GOOD], "routes": {"/a/": 1}, "retired": set()}
    rules = build(world)

    def remember(origin: str) -> dict:
        verdict = decide(rules, Question(STRINGS[0], "/a/x", origin=origin), time.time())
        permits.remember(rules, {b"origin": origin.encode()}, verdict, verdict.secret, verdict.product)
        return verdict.secret.permits

    for number in range(1_000):
        remembered = remember(f"https://h{number}.example")
    assert 0 < len(remembered) <= 64
    before = set(remembered)
    assert set(remember(f"https://{'h' * 300}.example")) == before
