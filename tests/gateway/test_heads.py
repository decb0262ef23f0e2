"""What is like a request before is answered as if it had been read, and nothing else is taken for it."""

import re
import select
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import UsageMinute
from gateway import forward
from gateway.heads import Heads, Marks
from gateway.requests import Request
from keys import tokens
from keys.models import KeyProduct
from tests.factories import string_of
from tests.gateway.processes import Gateway, free_port
from tests.gateway.test_metrics import figures

ADDRESS = b"/map/1/x"
UNKNOWN = tokens.make().encode()
END = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_VARYING = re.compile(
    rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\r\n)(?:X-Latchkey-Report|Date|RateLimit-Remaining): [^\r]*"
)


def question(
    string: bytes,
    *lines: bytes,
    address: bytes = ADDRESS,
    first: bytes = b"GET /authorize HTTP/1.1",
    key: bytes = b"X-Api-Key: ",
) -> bytes:
    """A proxy's question, with more lines between key and address."""
    return b"\r\n".join(
        (first, b"Host: api.example.com", key + string, *lines, b"X-Original-URI: " + address, b"", b"")
    )


class Wire:
    """One connection to a gateway."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes, within_s: float = 5) -> bytes:
        """Send bytes and return what comes next, nothing where nothing comes in time."""
        self.socket.sendall(data)
        return self.socket.recv(65_536) if select.select([self.socket], [], [], within_s)[0] else b""

    def rest(self, *parts: bytes) -> bytes:
        """Send bytes one after the other, each on its own, and return all that comes until the gateway closes."""
        received = b""
        try:
            for part in (*parts, END):
                received += self.send(part, within_s=0.01)
            while chunk := self.socket.recv(65_536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.socket.close()
        return _VARYING.sub(b"", received)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def told(people, own_gateway, port) -> Gateway:
    """A gateway that says how many requests it did not read, with much room under its limits."""
    KeyProduct.objects.update(qps_limit=100_000)
    return own_gateway(GATEWAY_METRICS=f"127.0.0.1:{port}").start()


def repeated(port: int) -> float:
    return figures(port)["latchkey_repeated_requests_total"]


# Insertions and replacements that a head may come to mean another thing by.
PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b",", b"%2e", b"?", b"?key=x", b"#", b"\x80", b"/../", b"//", b"//evil/",
    b"X-Api-Key: y\r\n", b"x-api-key: y\r\n", b"X-Original-URI: /nowhere\r\n", b"X-Forwarded-Uri: /nowhere\r\n", b"Host: y\r\n",
    b"Content-Length: 3\r\n\r\nabc", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Connection: close\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"Cookie: a\r\n", b"Authorization: Basic x\r\n", b"Tracking-ID: mine\r\n",
    b"Origin: https://evil.example\r\n", b"Referer: https://evil.example/\r\n", END, b"POST", b"HTTP/1.0", b"",
]  # fmt: skip
places = st.one_of(st.integers(0, 250), st.sampled_from(["line 1", "line 2", "line 3", "line 4", "key", "address"]))
changes = st.lists(st.tuples(places, st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=3)


def place_in(data: bytes, place: int | str, string: bytes) -> int:
    if place == "key":
        return data.find(string) % (len(data) + 1)
    if place == "address":
        return data.find(ADDRESS) % (len(data) + 1)
    if isinstance(place, str):
        starts = [match.end() for match in re.finditer(b"\r\n", data)]
        return starts[min(int(place[-1]), len(starts)) - 1] if starts else 0
    return place % (len(data) + 1)


def test_a_request_that_comes_whole_is_answered_as_one_that_comes_in_pieces(told, port, people):
    """What comes in pieces is always read."""
    string = string_of(people.key).encode()
    good = question(string)
    warm = Wire(told.port)

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changes, st.booleans())
    def check(changed, is_nginx) -> None:
        first = b"GET /authorize/nginx HTTP/1.1" if is_nginx else b"GET /authorize HTTP/1.1"
        data = question(string, first=first)
        for _ in range(2):
            assert warm.send(data).startswith(b"HTTP/1.1 200 OK\r\n")
        for place, length, piece in changed:
            at = place_in(data, place, string)
            data = data[:at] + piece + data[at + length :]
        assert Wire(told.port).rest(data) == Wire(told.port).rest(data[:7], data[7:]), data
        assert Wire(told.port).rest(good, data) == Wire(told.port).rest(good[:7], good[7:], data[:7], data[7:]), data

    check()
    assert repeated(port) > 200, "nearly all good ones"


@pytest.mark.parametrize(
    ("first", "key"),
    [(b"GET /authorize HTTP/1.1", b"X-Api-Key: "), (b"HEAD /authorize HTTP/1.1", b"x-api-key:"),
     (b"GET /authorize/nginx HTTP/1.1", b"Authorization: Bearer ")],
)  # fmt: skip
def test_only_key_and_address_may_differ(told, port, people, first, key):
    strings = [string_of(each).encode() for each in (people.key, people.other_key)]
    wire = Wire(told.port)
    for string in strings:  # what a key may ask is decided once
        for address in (ADDRESS, b"/map/1/y?a=b"):
            assert wire.send(question(string, first=first, key=key, address=address)).startswith(b"HTTP/1.1 200")
    before, tracking_ids = repeated(port), set()
    for string in strings:
        for address in (ADDRESS, b"/map/1/y?c=d", b"/map/2"):
            data = question(string, first=first, key=key, address=address)
            answer = wire.send(data)
            assert Wire(told.port).rest(data[:9], data[9:]).startswith(_VARYING.sub(b"", answer))
            tracking_ids.add(re.search(rb"Tracking-ID: (\S+)", answer)[1])
    assert len(tracking_ids) == 6
    assert repeated(port) == before + 6


AGAIN = [
    (b"OPTIONS /authorize HTTP/1.1", []),
    (b"POST /authorize HTTP/1.1", []),
    (b"GET /authorize?a=b HTTP/1.1", []),
    (b"GET /authorize HTTP/1.0", [b"Connection: keep-alive"]),
    (b"GET /authorize HTTP/1.1", [b"Connection: close"]),
    (b"GET /authorize HTTP/1.1", [b"Host: again"]),
    (b"GET /authorize HTTP/1.1", [b"X-Api-Key: again"]),
    (b"GET /authorize HTTP/1.1", [b"X-Original-URI: /again"]),
    (b"GET /authorize HTTP/1.1", [b"X-Forwarded-Uri: /again"]),
    (b"GET /authorize HTTP/1.1", [b"Origin: https://evil.example"]),
    (b"GET /authorize HTTP/1.1", [b"Expect: 100-continue"]),
    (b"GET /authorize HTTP/1.1", [b"Upgrade: x", b"Connection: upgrade"]),
    (b"GET /authorize HTTP/1.1", [b"Content-Length: 0"]),
    (b"GET /authorize HTTP/1.1", [b"Tracking-ID: mine"]),
    (b"GET /authorize HTTP/1.1", [b"Authorization: Basic x"]),
    (b"GET /map/1/x HTTP/1.1", []),
]


def test_what_comes_again_is_answered_as_at_first(told, people):
    for _ in range(3):
        Wire(told.port).rest(question(string_of(people.key).encode()))
    for first, lines in AGAIN:
        data = question(string_of(people.key).encode(), *lines, first=first)
        pieces = data[:9], data[9:]
        read, read_twice = Wire(told.port).rest(*pieces), Wire(told.port).rest(*pieces, *pieces)
        assert [Wire(told.port).rest(data, data) for _ in range(2)] == [read_twice] * 2, data
        assert [Wire(told.port).rest(data) for _ in range(3)] == [read] * 3, data


def test_what_is_no_key_of_the_rules_is_read_and_refused(told, port, people):
    string, wire = string_of(people.key).encode(), Wire(told.port)
    for _ in range(3):
        assert wire.send(question(string)).startswith(b"HTTP/1.1 200")
    before = repeated(port)
    for other, code in (
        (UNKNOWN, b"unknown_key"),
        (b"x" * 40, b"malformed_key"),
        (b"", b"missing_key"),
        (b"\xff" * 40, b"malformed_key"),
    ):
        assert b'"code":"%s"' % code in wire.send(question(other))
    for address, code in (
        (b"/nowhere", b"no_such_route"),
        (b"/a/../b", b"bad_request"),
        (b"", b"bad_request"),
        (b"/map/\x80", b"bad_request"),
    ):
        assert b'"code":"%s"' % code in wire.send(question(string, address=address))
    assert repeated(port) == before
    assert wire.send(question(string)).startswith(b"HTTP/1.1 200")
    assert repeated(port) == before + 1


@pytest.mark.parametrize("address", [ADDRESS, b"/map/1?a="])
def test_what_is_too_large_is_refused_however_it_comes(told, people, address):
    string = string_of(people.key).encode()
    good, large = question(string), question(string, address=address + b"x" * 40_000)
    wire = Wire(told.port)
    for _ in range(3):
        assert wire.send(good).startswith(b"HTTP/1.1 200")
    assert wire.rest(large).startswith(b"HTTP/1.1 431")
    assert Wire(told.port).rest(good[:7], good[7:], large[:7], large[7:]).count(b"HTTP/1.1 431") == 1


def test_what_was_not_read_is_counted_as_what_was(told, port, people):
    string = string_of(people.key).encode()

    def ask(number: int) -> None:
        wire = Wire(told.port)
        for _ in range(50):
            assert wire.send(question(string, b"User-Agent: curl/%d" % (number % 3))).startswith(b"HTTP/1.1 200")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert 350 < repeated(port) < 400
    told.wait_shipped()
    counts = UsageMinute.objects.filter(key_id=people.key.pk).values_list("requests", "over_qps", "errors_4xx")
    assert [sum(column) for column in zip(*counts, strict=True)] == [400, 0, 0]


def test_the_limit_holds_for_what_is_not_read(told, port, people):
    string, wire = string_of(people.key).encode(), Wire(told.port)
    for _ in range(2):
        wire.send(question(string))
    KeyProduct.objects.filter(key=people.key).update(qps_limit=5)
    answer = b""
    while b"RateLimit-Limit: 5\r\n" not in answer:
        answer = wire.send(question(string))
    answers = [wire.send(question(string)) for _ in range(8)]
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 429 ")]
    assert len(refused) >= 3
    assert all(b'"code":"over_qps"' in answer and b"\r\nRetry-After: 1\r\n" in answer for answer in refused)


def test_two_requests_that_come_one_after_the_other_are_both_answered_and_so_is_who_stops_sending(told, people):
    string = string_of(people.key).encode()
    data = question(string)
    for _ in range(2):
        assert Wire(told.port).send(data)
    for parts in ([data + data], [data, data], [data[:-1], data[-1:] + data], [data * 40]) * 2:
        wire = Wire(told.port)
        for part in parts:
            wire.socket.sendall(part)
        wire.socket.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := wire.socket.recv(65_536):
            received += chunk
        assert received.count(b"HTTP/1.1 200 OK") == b"".join(parts).count(string)


# Without a gateway ----------------------------------------------------------------------------------------------------------
STRING = tokens.make().encode()
REQUEST = Request(
    b"GET", b"/authorize", {b"host": b"api.example.com", b"x-api-key": STRING, b"x-original-uri": ADDRESS}, b"", "::1", True
)  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [b"X-Forwarded-Uri: /x", b"Cookie: session=1", b"cookie:1", b"Proxy-Authorization: Basic x", b"AUTHORIZATION: Basic x", b"Tracking-ID: mine",
     b"Content-Length: 0", b"Referer: https://example.com/?key=" + UNKNOWN,
     b"X-Other: other" + UNKNOWN[2:-1], b"X-Other: " + b"lk" * 2_000, b"X-Other: a\nb", b"X-Other: " + b"x" * 5_000],
    ids=lambda line: line.decode()[:9],
)  # fmt: skip
def test_what_may_hold_a_secret_or_never_comes_again_is_not_kept(line):
    heads = Heads()
    assert heads.remember(question(STRING, line), REQUEST) is None
    assert len(heads) == 0
    assert heads.remember(question(STRING, b"X-Other: fine"), REQUEST) is not None
    assert len(heads) == 1


def test_a_head_is_known_to_who_sent_it_for_a_minute_and_whatever_the_order():
    heads = Heads()
    other = (
        question(STRING)
        .replace(b"X-Api-Key: " + STRING, b"?")
        .replace(b"X-Original-URI: " + ADDRESS, b"x-api-key: " + STRING)
    )
    other = other.replace(b"?", b"X-Original-URI:" + ADDRESS)
    for data in (question(STRING), other):
        marks = heads.remember(data, REQUEST)
        changed = data.replace(STRING, UNKNOWN).replace(ADDRESS, b"/search/?a=b")
        head, key, address = heads.recall("::1", changed, marks)
        assert (key, address) == (UNKNOWN, b"/search/?a=b")
        assert head.restore(STRING, ADDRESS) == REQUEST
        assert heads.recall("::2", changed, marks) is None
        assert heads.recall("::1", changed + b"\r\n", marks) is None
        assert heads.recall("::1", changed, Marks(marks.second, marks.first)) is None
    heads.forget(1_000)
    assert len(heads) == 0
    heads.remember(question(STRING), REQUEST)
    heads.forget(1_059)
    assert len(heads) == 1
    heads.forget(1_060)
    assert len(heads) == 0


def test_so_many_heads_are_kept_and_no_more():
    heads = Heads()
    for number in range(10_000):
        heads.remember(question(STRING, b"X-Number: %d" % number), REQUEST)
    assert 0 < len(heads) <= 4096


def test_an_address_that_was_not_read_is_taken_only_where_all_of_it_is_visible():
    for address in (b"", b" /map/1", b"/map/1 ", b"/map/\t1", b"/map/\xc3\xa9", b"/map/1\n", b"/a/../b", b"map"):
        assert forward.recall_original(address) is None
    assert forward.recall_original(b"/map/1?key=x") == forward.Original(
        "/map/1", "key=x", "X-Latchkey-Uri: /map/1\r\nX-Latchkey-Query: \r\n"
    )
    forward.read_original({b"x-original-uri": b"/map/\xc3\xa9"})
    assert forward.recall_original(b"/map/\xc3\xa9").path == "/map/é", "it was read in this place"
