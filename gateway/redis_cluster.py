"""Which node of a Redis Cluster has which slots."""

import asyncio
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import hiredis

from gateway import redis_link
from gateway.redis_link import Link
from gateway.redis_url import RedisAddress, RedisNode

SLOTS = 16_384
_ASK_S = 0.5

Map = Mapping[RedisNode, Sequence[range]]
"""The slots of each node that has some, replicas left out."""


def slot_of(key_id: int) -> int:
    """Return the slot of a key's rings: CRC-16 (XMODEM) of what is in the braces of their names, as Redis Cluster defines it."""
    return binascii.crc_hqx(b"%d" % key_id, 0) % SLOTS


def read_node(text: str, asked_host: str) -> RedisNode:
    """Read `host:port` as nodes write it. Without a host it is the one that was asked; IPv6 has no brackets here."""
    host, _, port = text.partition("@")[0].rpartition(":")
    return RedisNode(host.strip("[]") or asked_host, int(port) if port.isdigit() else 0)


async def read_map(address: RedisAddress, nodes: Iterable[RedisNode]) -> Map:
    """Return the map as the first node has it that answers; empty when none does.

    Each time over a connection of its own: it is seldom asked for, and then the others are often in trouble.
    """
    for node in dict.fromkeys(nodes):
        link: Link | None = None
        try:
            async with asyncio.timeout(_ASK_S):
                link = await redis_link.open_link(address, node)
                return _read_reply(await link.ask("CLUSTER", "SLOTS"), node.host)
        except (OSError, hiredis.HiredisError):
            continue
        finally:
            if link is not None:
                link.abort()
    return {}


def _read_reply(reply: Any, asked_host: str) -> Map:
    found: dict[RedisNode, list[range]] = {}
    for first, last, primary, *_ in reply:
        host = (primary[0] or b"").decode()
        node = RedisNode(asked_host if host in {"", "?"} else host, primary[1])
        found.setdefault(node, []).append(range(first, last + 1))
    return found
