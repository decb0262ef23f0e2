"""What goes wrong with one request of a turn of the loop stays its own, and nobody in the turn is left without an answer."""

import asyncio
import base64
from collections.abc import Callable, Iterator

import pytest

from gateway import config
from gateway.connection import Connection
from gateway.journal import Journal
from gateway.ledger import Ledger
from gateway.limiter import Admission, Meter
from gateway.outcomes import OK, OVER_QPS
from gateway.passage import Passage
from gateway.policy import Policy
from gateway.reports import Desk, Sealer
from gateway.rules import Catalogue, Organization, Product
from gateway.server import Server
from gateway.site import Site
from gateway.verdict import Standing
from keys import tokens
from tests.gateway.test_heads import question

PEPPER = b"p" * 32
STRING = tokens.make()
GOOD = question(STRING.encode())
OTHER = question(STRING.encode(), b"X-Other: 1")


class Current(Policy):
    """Rules that need no database."""

    def standing(self) -> Standing:
        return Standing.CURRENT


class Ear(asyncio.Transport):
    """Hears what a connection says, and whether it hangs up."""

    said = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += data

    def close(self) -> None:
        self.said += b"<closed>"

    def is_closing(self) -> bool:
        return b"<closed>" in self.said

    def take(self) -> bytes:
        said, self.said = self.said, b""
        return said


class Caller:
    """A client of a server in this process."""

    def __init__(self, server: Server) -> None:
        self.ear = Ear({"peername": ("127.0.0.1", 1)})
        self.connection = Connection(server)
        self.connection.connection_made(self.ear)

    def say(self, data: bytes) -> None:
        self.connection.data_received(data)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


class Shared:
    """A limit that is asked for elsewhere: it answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Callable[[Admission], None]] = []

    def hit(self, _meter: Meter, _limit: int, answer: Callable[[Admission], None]) -> None:
        self.asked.append(answer)


@pytest.fixture
def shared() -> Shared | None:
    return None


@pytest.fixture
def server(loop, tmp_path, shared) -> Server:
    """A server that nobody listens for, with one key of 100 requests a second."""
    peppers = "1:" + base64.b64encode(PEPPER).decode()
    settings = config.read({"DATABASE_URL": "postgres://nowhere", "KEY_PEPPERS": peppers})
    policy = Current(settings, loop, print)
    policy.rules.catalogue = Catalogue.make([Product(1, "map-display", "Map", 100)], [(1, "/map/")])
    policy.rules.organizations[1] = Organization("org_0000000000000000", False)
    digests = [tokens.digest(STRING, PEPPER)]
    policy.rules.put_key((1, "key_0000000000000000", 1, [], None, None, None, [1], digests, [None], [1], [None]))
    ledger = Ledger(Journal(tmp_path), (), 100)
    sealer = Sealer([PEPPER])
    return Server(loop, Site(settings, policy, ledger, sealer, Desk(sealer, ledger.write), shared), ledger, 60)


def test_who_cannot_be_read_is_told_and_closed_and_the_others_pass(server, monkeypatch):
    """It cannot be provoked from outside, as far as is known: so it is done from inside."""
    callers = [Caller(server) for _ in range(4)]
    for caller in callers[:1] * 2 + callers:
        caller.say(GOOD)
        server.turn.end()
    for caller in callers:
        caller.ear.take()
    counted, repeated = server.site.counts[OK.number], server.site.passage.repeated
    read = Connection._learn

    def fail(connection: Connection, data: bytes) -> None:
        if connection is callers[1].connection:
            raise RuntimeError("a fault of the gateway")
        read(connection, data)

    monkeypatch.setattr(Connection, "_learn", fail)
    for caller, data in zip(callers, (GOOD, OTHER, OTHER, GOOD), strict=True):
        caller.say(data)
    server.turn.end()
    said = [caller.ear.take() for caller in callers]
    assert [text[9:12] for text in said] == [b"200", b"503", b"200", b"200"]
    assert [b"<closed>" in text for text in said] == [False, True, False, False]
    assert server.site.counts[OK.number] == counted + 3
    assert server.site.passage.repeated == repeated + 2


def test_when_a_whole_turn_fails_all_are_told(server, monkeypatch):
    callers = [Caller(server) for _ in range(3)]

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the gateway")

    monkeypatch.setattr(Passage, "decide", fail)
    for caller in callers:
        caller.say(GOOD)
    server.turn.end()
    said = [caller.ear.take() for caller in callers]
    assert [(text[9:12], b"<closed>" in text) for text in said] == [(b"503", True)] * 3


def test_clients_of_one_proxy_may_spell_names_differently(server):
    proxy = Caller(server)
    spellings = [
        question(STRING.encode(), key=key) for key in (b"X-Api-Key: ", b"x-api-key: ", b"Authorization: Bearer ")
    ]
    for data in spellings * 5:
        proxy.say(data)
        server.turn.end()
        assert proxy.ear.take().startswith(b"HTTP/1.1 200")
    assert server.site.passage.repeated == 12, "each was read once"


def test_who_goes_in_the_middle_of_a_turn_takes_nobody_along(server):
    gone, half, other = (Caller(server) for _ in range(3))
    for caller in (gone, half, other) * 2:
        caller.say(GOOD)
        server.turn.end()
        assert caller.ear.take().startswith(b"HTTP/1.1 200")
    for caller in (gone, half, other):
        caller.say(GOOD)
    gone.connection.connection_lost(ConnectionResetError())
    assert not half.connection.eof_received(), "all is answered, so it may be closed"
    server.turn.end()
    assert [caller.ear.take()[9:12] for caller in (gone, half, other)] == [b"", b"200", b"200"]
    assert server.connections == {half.connection, other.connection}
    assert server.site.counts[OK.number] == 9, "what came is decided, though nobody hears it"


def test_a_change_that_comes_in_the_middle_of_a_turn_is_heeded(server):
    callers = [Caller(server) for _ in range(2)]
    for caller in callers * 2:
        caller.say(GOOD)
        server.turn.end()
        assert caller.ear.take().startswith(b"HTTP/1.1 200")
    for caller in callers:
        caller.say(GOOD)
    server.site._policy.rules.forget_key(1)
    server.turn.end()
    assert all(b'"code":"unknown_key"' in caller.ear.take() for caller in callers)


def test_a_turn_admits_no_more_than_the_limit_whoever_is_read(server):
    callers = []
    for number in range(150):
        callers.append(caller := Caller(server))
        caller.say(question(STRING.encode(), b"X-Other: %d" % (number % 40)))
        if number < 40:
            server.turn.end()
    server.turn.end()
    said = [caller.ear.take()[9:12] for caller in callers]
    assert (said.count(b"200"), said.count(b"429")) == (100, 50)
    assert server.site.passage.repeated > 50


def test_what_waits_for_its_turn_is_not_closed_for_being_idle(server):
    caller = Caller(server)
    caller.say(GOOD)
    caller.connection.lose_patience(server.now + 1_000)
    server.turn.end()
    assert caller.ear.take().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("shared", [Shared()], ids=["shared"])
def test_who_asks_for_a_shared_limit_gets_an_own_answer_whenever_it_comes(server, shared):
    def settle(asked: int, admission: Admission) -> None:
        shared.asked.pop(asked)(admission)
        server.turn.end()

    callers = [Caller(server) for _ in range(4)]
    for caller in callers * 2:
        caller.say(GOOD)
        server.turn.end()
        settle(0, Admission(True, 9, 1))
        assert caller.ear.take().startswith(b"HTTP/1.1 200")
    counted, repeated = server.site.counts[OK.number], server.site.passage.repeated
    for caller in callers:
        caller.say(GOOD)
    server.turn.end()
    assert server.site.passage.repeated == repeated + 4
    callers[0].say(OTHER)  # has to wait for the one before
    callers[3].connection.connection_lost(None)
    settle(3, Admission(True, 1, 1))
    settle(2, Admission(False, 0, 2))
    settle(0, Admission(True, 7, 3))
    settle(0, Admission(True, 6, 4))
    assert [caller.ear.take()[9:12] for caller in callers] == [b"200", b"200", b"429", b""]
    settle(0, Admission(True, 5, 5))
    assert b"RateLimit-Remaining: 5\r\n" in callers[0].ear.take()
    assert (server.site.counts[OK.number], server.site.counts[OVER_QPS.number]) == (counted + 3, 1)
    assert not shared.asked
