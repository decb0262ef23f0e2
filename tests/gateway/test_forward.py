"""What a proxy says about the request that it holds, and answers that it can work with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import answers, forward, requests
from gateway.answers import Reply
from gateway.requests import BadTarget, find_key, read_target
from tests.factories import string_of
from tests.gateway.processes import wait_until

SEARCH = "/search/2/x"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"/a?key=x", b"/a"),
        (b"/a?key=x&b=1&key=y&key", b"/a?b=1"),
        (b"/a?b=1&key=x", b"/a?b=1"),
        (b"/a?%6bey=x&k%65%79=y&b", b"/a?b"),
        (b"/a?na%6De=x&%6bey=y&%6bee", b"/a?na%6De=x&%6bee"),
        (b"/a?monkey=x&keys=y&a=key=z", b"/a?monkey=x&keys=y&a=key=z"),
        (b"/a%2Fb/%C3%A9?x=%20+&&y", b"/a%2Fb/%C3%A9?x=%20+&&y"),
        (b"/a?", b"/a"),
        (b"/a?b#c?key=x", b"/a?b"),
        (b"https://host/a?key=x", b"/a"),
        (b"/a b\t?{env.SECRET}&\xc3\xa9=\"<|>", b"/a%20b%09?%7Benv.SECRET%7D&%C3%A9=%22%3C%7C%3E"),
    ],
)  # fmt: skip
def test_the_upstreams_address_is_what_came_without_the_key(given, expected):
    assert forward.without_key(given) == expected
    mark = b"?" + expected.partition(b"?")[2] if b"?" in expected else b""
    assert forward.upstream_fields(given) == b"X-Latchkey-Uri: %s\r\nX-Latchkey-Query: %s\r\n" % (expected, mark)


@given(st.binary(max_size=80))
def test_any_address_that_is_read_is_served_under_the_same_path_without_a_key(noise):
    try:
        target = read_target(b"/" + noise)
    except BadTarget:
        return
    clean = forward.without_key(b"/" + noise)
    found = read_target(clean)
    assert found.path == target.path
    assert find_key({}, found.query) == ""
    assert clean.isascii()
    assert clean.decode().isprintable()
    assert b" " not in clean


@pytest.mark.parametrize("address", [b"/remembered?key=%s", b"/remembered#key=%s", b"/remembered?a#%s", b"/%s?a"])
def test_of_an_address_no_more_is_remembered_than_its_path(address):
    word = b"lkNobodyMayKeepThis"
    forward.read_original({b"x-original-uri": address % word})
    caches = [value for module in (forward, requests) for value in vars(module).values() if isinstance(value, dict)]
    assert caches
    assert not any(word in key for cache in caches for key in cache if isinstance(key, bytes))


def test_addresses_are_remembered_up_to_a_bound():
    for number in range(10_000):
        forward.read_original({b"x-original-uri": b"/bound/%d" % number})
    caches = [value for value in vars(forward).values() if isinstance(value, dict) and b"/bound/9999" in value]
    assert [len(cache) <= 4096 for cache in caches] == [True]


def test_an_address_that_is_said_twice_or_never_is_refused():
    assert forward.read_original({b"x-original-uri": b"/a", b"x-forwarded-uri": b""}).path == "/a"
    assert forward.read_original({b"x-forwarded-uri": b"/b?c"}).query == "c"
    with pytest.raises(BadTarget):
        forward.read_original({b"x-original-uri": b"/a", b"x-forwarded-uri": b"/b"})
    with pytest.raises(BadTarget):
        forward.read_original({b"x-original-uri": b""})


def test_for_nginx_a_refusal_is_a_403_with_the_rest_in_headers():
    problem = answers.problem(404, "no_such_route", "No product has the path /é“.", "t", fields=b"Retry-After: 1\r\n")
    told = forward.for_nginx(problem)
    assert (told.status, told.body) == (403, b"")
    assert told.fields.isascii()
    headers = dict(line.split(": ", 1) for line in told.fields.decode().splitlines())
    assert (headers["X-Latchkey-Status"], headers["Retry-After"], headers["Tracking-ID"]) == ("404", "1", "t")
    assert json.loads(headers["X-Latchkey-Problem"]) == json.loads(problem.body)
    assert "Content-Type" not in headers
    allowed = Reply(200, b"X-Latchkey-Key-Id: key_1\r\n")
    assert forward.for_nginx(allowed) is allowed


def test_over_http_nginx_gets_its_form_and_the_record_says_what_was_decided(people, gateway, http):
    string = string_of(people.key)
    wait_until(lambda: http.ask("/nowhere", x_api_key=string).status == 404, within_s=2)
    allowed = http.ask("/authorize/nginx", x_original_uri=f"{SEARCH}?key={string}&a=1")
    assert (allowed.status, allowed["X-Latchkey-Uri"], allowed["X-Latchkey-Query"]) == (200, f"{SEARCH}?a=1", "?a=1")
    for uri, status, code in (
        ("/nowhere", 404, "no_such_route"),
        (SEARCH, 401, "missing_key"),
        ("/a/../b", 400, "bad_request"),
    ):
        key = {"x_api_key": string} if status == 404 else {}
        refused = http.ask("/authorize/nginx", x_original_uri=uri, **key)
        assert (refused.status, refused["X-Latchkey-Status"], refused.body) == (403, str(status), b"")
        assert json.loads(refused["X-Latchkey-Problem"])["code"] == code
    assert http.ask("/authorize/nginx")["X-Latchkey-Status"] == "400"
    contradicted = http.ask("/authorize", x_original_uri=SEARCH, x_forwarded_uri="/nowhere", x_api_key=string)
    assert contradicted.code == "bad_request"
    optional = http.ask(
        "/authorize/nginx", x_original_uri=SEARCH, x_original_method="OPTIONS", x_forwarded_method="OPTIONS"
    )
    assert optional["X-Latchkey-Status"] == "401"  # a method that anybody can claim opens nothing
