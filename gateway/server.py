"""Where the gateway listens: what all connections share, and how they end."""

import asyncio
from email.utils import formatdate
from pathlib import Path

from gateway.connection import Connection
from gateway.ledger import Ledger
from gateway.site import Site
from gateway.turn import Turn

_DRAIN_S = 8


class Server:
    """Everything that the connections share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, site: Site, ledger: Ledger, patience_s: float) -> None:
        """`patience_s`: for a whole request to arrive, for the next one on a connection, and for an answer to be taken."""
        self.loop = loop
        self.patience_s = patience_s
        self.site = site
        self.turn = Turn(loop, site.passage, ledger)
        self.connections: set[Connection] = set()
        self.is_draining = False
        self.now = loop.time()
        self.date = b""
        self._tick()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Accept connections. Raises OSError when the address is taken."""
        return await self.loop.create_server(lambda: Connection(self), host, port, backlog=1024)

    async def listen_socket(self, path: Path) -> asyncio.Server:
        """Accept connections at a unix socket, in the place of one that an ended process left. Raises OSError.

        Every user of this machine may connect, as with a port: the key is the credential. The folder can be stricter.
        """
        listening = await self.loop.create_unix_server(lambda: Connection(self), str(path), backlog=1024)
        path.chmod(0o666)
        return listening

    async def drain(self) -> None:
        """Finish what was begun and close all connections, within 8 s. Call it after listening has stopped."""
        self.turn.end()
        self.is_draining = True
        for connection in list(self.connections):
            connection.close_if_idle()
        deadline = self.loop.time() + _DRAIN_S
        while self.connections and self.loop.time() < deadline:
            await asyncio.sleep(0.02)
        self.turn.end()
        for connection in list(self.connections):
            connection.abort()

    def _tick(self) -> None:
        self.now = self.loop.time()
        self.date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        self.site.passage.tick(self.now, self.date)
        for connection in list(self.connections):
            connection.lose_patience(self.now)
        self.loop.call_later(1, self._tick)
