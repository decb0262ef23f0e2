"""One connection to Redis: commands go out in order, replies come back in that order."""

import asyncio
import functools
import hashlib
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import hiredis

from gateway.redis_url import RedisAddress, RedisNode

SCRIPT = Path(__file__).with_name("ring.lua").read_bytes()
SCRIPT_SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
OPEN_S = 1.0

OnReply = Callable[[Any], None]
"""Takes a reply; an error of Redis is a `hiredis.ReplyError`, a lost connection a `LinkLost`."""


def pack(*command: bytes | str | int) -> bytes:
    """Return a command as it goes over the wire."""
    packed: bytes = hiredis.pack_command(cast(Any, command))
    return packed


class LinkLost(ConnectionError):
    """The connection ended before the reply came. Whether Redis did what it was told is not known."""


class Link(asyncio.Protocol):
    """A connection. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self.on_lost: Callable[[], None] | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[OnReply] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand out replies."""
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                waiting.popleft()(reply)
        except (hiredis.HiredisError, IndexError):  # this is not Redis, or says more than it was asked
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits. The owner hears of it first, so that nobody asks this connection again."""
        self._transport = None
        if self.on_lost is not None:
            self.on_lost()
        waiting, self._waiting = self._waiting, deque()
        for on_reply in waiting:
            on_reply(LinkLost("the connection was lost"))
        if not self.lost.done():
            self.lost.set_result(None)

    def send(self, commands: bytes, on_replies: Sequence[OnReply]) -> None:
        """Send packed commands at once, one `on_reply` for each. Commands to a connection that was lost are answered LinkLost."""
        if self._transport is None:
            for on_reply in on_replies:
                on_reply(LinkLost("the connection was lost"))
            return
        self._waiting.extend(on_replies)
        self._transport.write(commands)

    async def ask(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply. Raises hiredis.ReplyError or LinkLost."""
        answered = asyncio.get_running_loop().create_future()
        self.send(pack(*command), (functools.partial(_settle, answered),))
        reply = await answered
        if isinstance(reply, Exception):
            raise reply
        return reply

    def abort(self) -> None:
        """Close at once; what waits is told in the next turn of the loop."""
        if self._transport is not None:
            self._transport.abort()


def _settle(answered: asyncio.Future[Any], reply: object) -> None:
    if not answered.done():
        answered.set_result(reply)


async def open_link(address: RedisAddress, node: RedisNode) -> Link:
    """Connect to a node, sign in, load the script. Raises OSError (TimeoutError after OPEN_S) or hiredis.ReplyError."""
    loop = asyncio.get_running_loop()
    link: Link | None = None
    try:
        async with asyncio.timeout(OPEN_S):
            if node.port:
                tls = ssl.create_default_context() if address.has_tls else None
                _, link = await loop.create_connection(Link, node.host, node.port, ssl=tls)
            else:
                _, link = await loop.create_unix_connection(Link, node.host)
            if address.username:
                await link.ask("AUTH", address.username, address.password)
            elif address.password:
                await link.ask("AUTH", address.password)
            if address.database:
                await link.ask("SELECT", address.database)
            await link.ask("SCRIPT", "LOAD", SCRIPT)
    except BaseException:
        if link is not None:
            link.abort()
        raise
    return link
