"""A flood of requests to several gateways, each with the times between which it was decided."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import httptools
import uvloop


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: about which key, when it was sent and answered (loop time, seconds), and the status."""

    key: int
    sent_at: float
    answered_at: float
    status: int


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, flood: "_Flood") -> None:
        self._flood = flood
        self._parser = httptools.HttpResponseParser(self)
        self._key = 0
        self._sent_at = 0.0

    def connection_made(self, transport) -> None:
        self.transport = transport

    def send(self, key: int) -> None:
        self._key, self._sent_at = key, self._flood.loop.time()
        self.transport.write(self._flood.requests[key])

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        asked = Asked(self._key, self._sent_at, self._flood.loop.time(), self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)
        self._flood.take(self, asked)


class _Flood:
    def __init__(self, strings: list[str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.requests = [
            f"GET /authorize HTTP/1.1\r\nHost: x\r\nX-Original-URI: /search/2/search/netherlands.json\r\nX-Api-Key: {string}\r\n\r\n".encode()
            for string in strings
        ]
        self.free: deque[_Client] = deque()
        self.due: deque[int] = deque()
        self.answered: list[Asked] = []

    def take(self, client: _Client, asked: Asked) -> None:
        self.answered.append(asked)
        if self.due:
            client.send(self.due.popleft())
        else:
            self.free.append(client)

    def ask(self, key: int) -> None:
        if self.free:
            self.free.popleft().send(key)
        else:
            self.due.append(key)


async def _run(ports: list[int], strings: list[str], plan: list[tuple[float, int]], connections: int) -> list[Asked]:
    flood = _Flood(strings)
    for i in range(connections):
        _, client = await flood.loop.create_connection(lambda: _Client(flood), "127.0.0.1", ports[i % len(ports)])
        flood.free.append(client)
    began_at = flood.loop.time()
    for at, key in plan:
        pause_s = began_at + at - flood.loop.time()
        if pause_s > 0.001:
            await asyncio.sleep(pause_s)
        elif len(flood.due) > 4 * connections:
            await asyncio.sleep(0)
        flood.ask(key)
    async with asyncio.timeout(60):
        while len(flood.answered) < len(plan):
            await asyncio.sleep(0.01)
    for client in flood.free:
        client.transport.close()
    return flood.answered


def flood(
    ports: list[int], strings: list[str], plan: Iterable[tuple[float, int]], connections: int = 64
) -> list[Asked]:
    """Send requests as planned, (seconds from the start, number of the key), as fast as answers allow. Return all."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(ports, strings, sorted(plan), connections))


def steady(key: int, rate: float, seconds: float) -> list[tuple[float, int]]:
    """So many requests a second, at random moments."""
    return [(random.uniform(0, seconds), key) for _ in range(int(rate * seconds))]


def bursts(key: int, limit: int, seconds: float) -> list[tuple[float, int]]:
    """The whole limit shortly before and again shortly after each full second."""
    return [
        (at + second + random.uniform(0, 0.02), key)
        for second in range(int(seconds) + 1)
        for at in (0.45, 0.55)
        for _ in range(limit)
    ]
