"""Hostile HTTP: a 4xx or a close, never a hang, never a crash, and nothing of it in the log."""

import contextlib
import random
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import string_of
from tests.gateway.http import raw
from tests.gateway.processes import wait_until
from tests.key_places import forms_of, requests_with

PATH = b"/map/1/x"


def statuses(received: bytes) -> list[int]:
    """The statuses of all answers in what was received."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def request(path: bytes = PATH, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    return b"\r\n".join((method + b" " + path + b" HTTP/1.1", b"Host: x", *headers, b"", body))


CLOSE = b"Connection: close"
HOSTILE = {
    "a line that is no request": (b"hello\r\n\r\n", {400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50, {400}),
    "NUL in the address": (request(b"/map/\0x"), {400}),
    "NUL in a header": (request(PATH, b"X-Api-Key: a\0b"), {400}),
    "NUL encoded": (request(b"/map/%00", CLOSE), {400}),
    "bytes that are no UTF-8": (request(b"/map/\xff\xfe", CLOSE), {400}),
    "bytes that are no UTF-8, encoded": (request(b"/map/%ff", CLOSE), {400}),
    "a broken escape": (request(b"/map/%zz%", CLOSE), {401}),
    "dot segments": (request(b"/map/../search/2/x", CLOSE), {400}),
    "an address of 9 KB": (request(b"/map/" + b"x" * 9_000), {414}),
    "an address of 1 MB": (b"GET /map/" + b"x" * 1_000_000, {414}),
    "headers of 40 KB": (request(PATH, *[b"X-%d: " % n + b"y" * 1_000 for n in range(40)]), {431}),
    "a header without end": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 500_000, {431}),
    "a header name without end": (b"GET / HTTP/1.1\r\n" + b"y" * 500_000, {431}),
    "a body of 70 KB": (request(PATH, b"Content-Length: 70000", method=b"POST", body=b"z" * 70_000), {413}),
    "chunks without end": (
        request(PATH, b"Transfer-Encoding: chunked", method=b"POST", body=b"1000\r\n" + (b"z" * 4096 + b"\r\n1000\r\n") * 17),
        {413},
    ),
    "headers behind the body": (
        request(PATH, b"Transfer-Encoding: chunked", CLOSE, method=b"POST", body=b"0\r\nX-Api-Key: lk\r\n\r\n"), {401},
    ),
    "40 KB of headers behind the body": (
        request(PATH, b"Transfer-Encoding: chunked", method=b"POST", body=b"0\r\n" + (b"X: " + b"y" * 1_000 + b"\r\n") * 40),
        {431},
    ),
    "two lengths": (request(PATH, b"Content-Length: 1", b"Content-Length: 2", method=b"POST", body=b"zz"), {400}),
    "length and chunks": (
        request(PATH, b"Content-Length: 5", b"Transfer-Encoding: chunked", method=b"POST", body=b"0\r\n\r\n"), {400},
    ),
    "a negative length": (request(PATH, b"Content-Length: -1", method=b"POST"), {400}),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\n X-Api-Key: y\r\n\r\n", {400}),
    "a space before the colon": (request(PATH, b"X-Api-Key : y"), {400}),
    "two keys in headers": (request(PATH, b"X-Api-Key: a", b"X-Api-Key: b", CLOSE), {401}),
    "a key of 20 KB": (request(PATH, b"X-Api-Key: " + b"k" * 20_000, CLOSE), {401}),
    "a key that is no ASCII": (request(PATH, "X-Api-Key: lké".encode(), CLOSE), {401}),
    "CONNECT": (b"CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n", {400}),
    "an offer to upgrade": (request(PATH, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), {401}),
    "no host": (b"GET / HTTP/1.1\r\nX-Api-Key: y\r\n\r\n", {400}),
    "two hosts": (request(PATH, b"Host: y"), {400}),
    "two hosts that are the same": (request(PATH, b"HOST: x"), {400}),
    "two hosts in one": (b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", {400}),
    "HTTP/2.0 in a request line": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", {400}),
    "HTTP/0.9": (b"GET /map/1/x\r\n\r\n", {400}),
    "lines without CR": (b"GET / HTTP/1.1\nHost: x\n\n", {400}),
    "a body that is packed and chunked": (
        request(PATH, b"Transfer-Encoding: gzip, chunked", method=b"POST", body=b"0\r\n\r\n"), {400},
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "chunks twice": (
        request(PATH, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", method=b"POST", body=b"0\r\n\r\n"),
        {400},
    ),
    "a signed length": (request(PATH, b"Content-Length: +2", method=b"POST", body=b"zz"), {400}),
    "a chunk of more than there can be": (
        request(PATH, b"Transfer-Encoding: chunked", method=b"POST", body=b"ffffffffffffffffff\r\n"), {400},
    ),
    "an unknown method": (request(PATH, method=b"HACK"), {400}),
    "a body that is too large, announced": (
        request(PATH, b"Content-Length: 99999999999999999", b"Expect: 100-continue", method=b"POST"), {413},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_get_a_4xx_and_a_close(gateway, name):
    data, expected = HOSTILE[name]
    received = raw(gateway.port, data, timeout_s=4)
    assert set(statuses(received)) == expected, received[:300]
    assert received.count(b"Connection: close") == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(min_size=1, max_size=200),
    st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\n", b"POST /v1/verify HTTP/1.1\r\n"]),
)
def test_any_bytes_get_a_4xx_or_a_close(gateway, noise, start):
    received = raw(gateway.port, start + noise + b"\r\n\r\n", half_close=True)
    assert all(status == 204 or 400 <= status < 500 for status in statuses(received)), received


def test_http_1_0_needs_no_host(gateway):
    assert statuses(raw(gateway.port, b"GET /livez HTTP/1.0\r\n\r\n")) == [200]


METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"get", b""]
TARGETS = [
    b"/map/1/x",
    b"/authorize",
    b"/authorize/nginx",
    b"/v1/verify",
    b"/v1/report",
    b"/readyz",
    b"*",
    b"//",
    b"/%00",
    b"http://x/map",
]
NAMES = [b"Host", b"X-Api-Key", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Upgrade", b"Origin",
         b"X-Original-URI", b"X-Forwarded-Uri", b"X-Forwarded-For", b"Authorization", b"Tracking-ID", b"X"]  # fmt: skip
VALUES = [b"x", b"", b"chunked", b"5", b"0", b"100-continue", b"close", b"keep-alive", b"/map/1/x?key=%ff", b"null", b"Bearer lk",
          b"http://\xc3\xa9", b"a" * 300, b"\xff", b"1, 2"]  # fmt: skip
BODIES = [
    b"",
    b"{}",
    b"[" * 3000,
    b'{"key": "\xff"}',
    b'{"key": 1, "path": []}',
    b"0\r\n\r\n",
    b"5\r\n{}\r\n",
    b"GET / HTTP/1.1\r\n",
]


def check_fuzz(gateway, rounds: int, seed: int) -> None:
    """Send requests of parts that are each allowed, whole and cut, and see that each connection ends with a 2xx or 4xx, or a close."""
    chance = random.Random(seed)
    for _ in range(rounds):
        data = b""
        for _ in range(chance.choice([1, 1, 2, 5])):
            lines = [
                b" ".join(
                    (chance.choice(METHODS), chance.choice(TARGETS), chance.choice([b"HTTP/1.1"] * 4 + [b"HTTP/1.0"]))
                )
            ]
            lines += [chance.choice(NAMES) + b": " + chance.choice(VALUES) for _ in range(chance.randrange(6))]
            lines += [b"Host: x"] * chance.choice([0, 1, 1, 1])
            data += b"\r\n".join(lines) + b"\r\n\r\n" + chance.choice(BODIES)
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data) + 1)]
        if chance.random() < 0.2:
            place = chance.randrange(len(data) + 1)
            data = data[:place] + chance.randbytes(3) + data[place:]
        received = raw(gateway.port, data, timeout_s=4, half_close=True)
        found = statuses(received)  # 100: go on with the body
        assert all(status == 100 or 200 <= status < 300 or 400 <= status < 500 for status in found), (data, received)
    assert gateway.http().ask("/livez").status == 200
    assert "Traceback" not in gateway.log()


def test_parts_of_requests_put_together_anyhow_get_a_4xx_or_a_close(gateway):
    check_fuzz(gateway, 300, seed=6)


def test_a_client_that_may_send_its_body_is_told_to(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=3) as connection:
        head = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert statuses(connection.recv(10_000)) == [400]


def test_pipelined_requests_are_answered_in_their_order(people, gateway, http):
    string = string_of(people.key).encode()
    wait_until(lambda: http.ask("/nowhere", x_api_key=string.decode()).status == 404, within_s=2)
    tile = b"/map/1/tile/basic/main/3/%d/2.png"
    many = []
    for n in range(60):  # slow tiles and quick refusals by turns
        path = tile % (n % 8) if n % 3 == 0 else b"/map/1/x" if n % 3 == 1 else b"/livez"
        many.append(request(path, b"X-Api-Key: " + string, b"Tracking-ID: n-%d" % n))
    received = raw(gateway.port, b"".join(many) + request(b"/map/1/last", CLOSE), timeout_s=15)
    assert statuses(received) == [[200, 404, 200][n % 3] for n in range(60)] + [401]
    ids = [int(part.split(b"\r\n")[0]) for part in received.split(b"Tracking-ID: n-")[1:]]
    assert ids == [n for n in range(60) if n % 3 != 2]


def test_a_thousand_pipelined_requests_are_all_answered(gateway):
    received = raw(gateway.port, request() * 999 + request(PATH, CLOSE), timeout_s=15)
    assert statuses(received) == [401] * 1000


def test_a_half_closed_connection_gets_its_answers(people, gateway, http):
    string = string_of(people.key).encode()
    wait_until(lambda: http.ask("/nowhere", x_api_key=string.decode()).status == 404, within_s=2)
    tile = request(b"/map/1/tile/basic/main/4/3/2.png", b"X-Api-Key: " + string)
    assert statuses(raw(gateway.port, tile * 2, half_close=True)) == [200, 200]
    assert raw(gateway.port, b"GET / HTT", half_close=True) == b""
    assert raw(gateway.port, b"", half_close=True) == b""


def test_a_client_that_does_not_read_does_not_fill_the_memory(people, gateway, http):
    string = string_of(people.key).encode()
    wait_until(lambda: http.ask("/nowhere", x_api_key=string.decode()).status == 404, within_s=2)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=2) as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tile = request(b"/map/1/tile/basic/main/0/0/0.png", b"X-Api-Key: " + string)
        with pytest.raises(TimeoutError):  # reading stops where writing does
            greedy.sendall(tile * 500_000)
        assert http.ask("/livez").status == 200


def test_slow_senders_are_told_and_idle_ones_closed(own_gateway):
    gateway = own_gateway(GATEWAY_PATIENCE_SECONDS="2").start()
    slow, idle, dripping, empty = (socket.create_connection(("127.0.0.1", gateway.port), timeout=20) for _ in range(4))
    slow.sendall(b"GET /map/1/x HTTP/1.1\r\nHost:")
    stopping = threading.Event()

    def drip():
        dripping.sendall(b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n")
        while not stopping.wait(0.5):
            try:
                empty.sendall(b"\r\n")  # lines before a request begin none
                dripping.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    assert statuses(slow.recv(10_000)) == [408]
    assert 1.5 < time.monotonic() - began < 4
    assert idle.recv(10_000) == b""
    assert statuses(dripping.recv(10_000)) == [408]
    with contextlib.suppress(ConnectionResetError):
        assert empty.recv(10_000) == b""
    assert time.monotonic() - began < 6
    stopping.set()
    thread.join()
    for connection in (slow, idle, dripping, empty):
        connection.close()
    assert gateway.http().ask("/livez").status == 200


def test_the_log_holds_no_key_whatever_comes(people, gateway, http, record_property):
    string = string_of(people.key)
    wait_until(lambda: http.ask("/map/1/x", x_api_key=string).status != 401, what="the key is known")
    sent = requests_with(string, "/map/1/x", "/nowhere/")
    sent["a path that is no UTF-8"] = request(b"/map/\xff?key=" + string.encode(), CLOSE)
    statuses = {name: raw(gateway.port, data)[9:12] for name, data in sent.items()}
    assert {status[:1] for status in statuses.values()} <= {b"2", b"4", b""}, statuses
    assert statuses["X-Api-Key"] in (b"200", b"404", b"429"), "the key is a good one"
    gateway.wait_shipped()
    written = {path.name: path.read_bytes() for path in gateway.folder.iterdir()} | {"log": gateway.log().encode()}
    hits = [(name, form) for name, text in written.items() for form in forms_of(string) if form in text]
    record_property("said", f"Keys in {len(sent)} places of a request to the gateway: {len(hits)} hits")
    assert len(sent) >= 25
    assert hits == []
    assert "Traceback" not in gateway.log()
