"""What is read out of a request: address, key, caller."""

import ipaddress
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import clients
from gateway.requests import READ_HEADERS, SPELLINGS, BadTarget, find_key, new_tracking_id, read_target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/map/1?key=x&y", "/map/1", "key=x&y"),
        (b"/a%20b/%C3%A9", "/a b/é", ""),
        (b"/a.b/.c/..d/...", "/a.b/.c/..d/...", ""),
        (b"http://host:1/map/?a=b", "/map/", "a=b"),
        (b"https://host", "/", ""),
        (b"/x#fragment?y", "/x", ""),
        (b"/x??", "/x", "?"),
    ],
)
def test_an_address_is_split_and_decoded(target, path, query):
    found = read_target(target)
    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    "target",
    [b"/a/../b", b"/..", b"/a/./b", b"/a/%2e%2e/b", b"/a/%2E./b", b"/a%2f..%2fb", b"/a\\..\\b", b"/%00", b"/a%0d%0ab",
     b"/%ff", b"/%c3%28", b"/\xff", b"/x?\xff", b"*", b"x", b"", b"ftp://host/x", b"host:80", b"http://[x/"],
)  # fmt: skip
def test_an_address_that_servers_read_differently_is_refused(target):
    with pytest.raises(BadTarget):
        read_target(target)


@given(st.binary(max_size=60))
def test_any_address_is_read_or_refused(target):
    try:
        found = read_target(b"/" + target)
    except BadTarget:
        return
    assert "\0" not in found.path
    find_key({}, found.query)


def test_headers_are_known_by_any_spelling_and_others_are_dropped():
    for name in READ_HEADERS:
        for spelled in (name, name.upper(), name.title(), name.swapcase()):
            assert SPELLINGS[spelled] == SPELLINGS[spelled] == name
    for other in (b"Cookie", b"Referer2", b"X-Api-Key2", b"", b"X" * 1_000):
        assert SPELLINGS[other] == SPELLINGS[other] == b""
    assert b"X" * 1_000 not in SPELLINGS


def test_spellings_that_clients_make_up_need_no_memory_without_end():
    for number in range(10_000):
        assert SPELLINGS[b"X-Made-Up-%d" % number] == b""
    assert len(SPELLINGS) <= 4096
    assert SPELLINGS[b"x-ApI-kEy"] == b"x-api-key"


def test_new_tracking_ids_are_uuids_and_all_different():
    made = {new_tracking_id() for _ in range(20_000)}
    assert len(made) == 20_000
    assert {uuid.UUID(each).version for each in made} == {4}


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({b"x-api-key": b"a", b"authorization": b"Bearer b"}, "key=c", "a"),
        ({b"authorization": b"bEARER  b"}, "key=c", "b"),
        ({b"authorization": b"Basic b"}, "key=c", "c"),
        ({}, "akey=1&key=c&keys=2", "c"),
        ({}, "key=a&key=b", "a,b"),
        ({}, "monkey=1", ""),
        ({}, "key=", ""),
        ({b"x-api-key": b""}, "key=c", "c"),
    ],
)
def test_the_key_is_found_where_it_belongs(headers, query, key):
    assert find_key(headers, query) == key


PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller"),
    [
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "1.1.1.1, 198.51.100.1, 10.2.2.2", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.1.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.1.1.1", "10.9.9.9", "10.9.9.9"),
        ("10.1.1.1", "", "10.1.1.1"),
    ],
)
def test_the_caller_is_the_last_hop_that_is_no_proxy_of_ours(peer, forwarded_for, caller):
    assert clients.caller(peer, forwarded_for, PROXIES) == caller


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.5", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("::ffff:203.0.113.5", "203.0.113.0/24"),
     ("fe80::1%eth0", "fe80::/48"), ("unknown", ""), ("", "")],
)  # fmt: skip
def test_only_the_network_of_an_address_is_kept(address, network):
    assert clients.network(address) == network


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        (CHROME, "Chrome"),
        (CHROME + " Edg/126.0", "Edge"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari"),
        ("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("okhttp/4.12", "okhttp"),
        ("Go-http-client/1.1", "Go"),
        ("node", "node"),
        ("Fleet Tracker/7.1 (build 9)", "Fleet Tracker"),
        ("<script>alert(1)</script>", ""),
        ("x" * 5000, ""),  # as long as a key: it might be one
        ("x y " * 500, ("x y " * 15)[:59]),
        ("", ""),
    ],
)
def test_a_client_is_known_by_its_family(user_agent, family):
    assert clients.family(user_agent) == family
