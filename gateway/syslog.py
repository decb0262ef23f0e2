"""A proxy's access log by syslog over UDP: each datagram is one line. Off unless GATEWAY_SYSLOG says where to listen."""

import asyncio
import contextlib
import socket

from gateway.reports import Desk

DATAGRAM_MAX_BYTES = 8 * 1024
_RECEIVE_BYTES = 4 * 1024 * 1024


class Listener(asyncio.DatagramProtocol):
    """Hands what comes to the desk. UDP promises nothing: what the kernel has no room for is lost without a trace."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def datagram_received(self, data: bytes, address: object) -> None:
        """Take one line; one that is too long is cut, and so malformed."""
        self._desk.take_line(data[:DATAGRAM_MAX_BYTES])


async def listen(loop: asyncio.AbstractEventLoop, address: tuple[str, int], desk: Desk) -> asyncio.DatagramTransport:
    """Begin to listen. Raises OSError when the address is taken."""
    transport, _ = await loop.create_datagram_endpoint(lambda: Listener(desk), local_addr=address)
    found = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # a small buffer works too, for smaller bursts
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    return transport
