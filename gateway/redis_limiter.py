"""The QPS limit of several gateway processes together: the rings of limiter.py, kept in Redis, exact.

Redis decides by its own clock, in a script (ring.lua) that nothing can come between. While it is away, hung or slow, each
process decides by itself with its share of the limit, and says so.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import hiredis

from gateway import redis_cluster
from gateway.limiter import Admission, Limiter, Meter
from gateway.redis_cluster import SLOTS, slot_of
from gateway.redis_link import LinkLost
from gateway.redis_shard import Answer, Shard, Wait
from gateway.redis_url import RedisAddress, RedisNode

log = logging.getLogger("latchkey.gateway")

_HOPS_MAX = 3
_START_S = 1.0
_MAP_S = 10.0
_MAP_IN_TROUBLE_S = 0.5
_MAP_SPACING_S = 0.05


class RedisLimiter:
    """Decides through Redis, and by itself where Redis cannot. Belongs to the event loop's thread."""

    def __init__(self, address: RedisAddress, patience_s: float, count_gateways: Callable[[], int]) -> None:
        """`patience_s`: how long a round trip may take. `count_gateways`: how many share a limit while Redis is away."""
        self._address = address
        self._patience_s = patience_s
        self._count_gateways = count_gateways
        self._local = Limiter()
        self._shards: dict[RedisNode, Shard] = {}
        self._slots: list[Shard | None] = []
        self._only: Shard | None = None
        self._is_exact = True  # until it is known better: a start is no news
        self._news = asyncio.Event()
        self._wants_map = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether Redis decides about all keys."""
        return self._is_exact and self._is_whole()

    async def start(self) -> None:
        """Connect; waits a second at most for Redis to be there."""
        if self._address.is_cluster:
            self._slots = [None] * SLOTS
            self._task = asyncio.get_running_loop().create_task(self._keep_map())
        else:
            self._only = self._make_shard(self._address.nodes[0])
        try:
            async with asyncio.timeout(_START_S):
                while not self._is_whole():
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            self._become(False, "no answer")

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        shards, self._shards = list(self._shards.values()), {}  # what they say from now on is no news
        await asyncio.gather(*(shard.stop() for shard in shards))

    # Deciding ---------------------------------------------------------------------------------------------------------
    def hit(self, meter: Meter, limit: int, answer: Answer) -> None:
        """Decide about one request and call `answer` with the admission: after a round trip, or at once where Redis is away."""
        shard = self._only or self._slots[slot_of(meter[0])]
        if shard is not None and shard.is_ready:
            shard.hit(meter, limit, answer)
        else:
            answer(self._decide_here(meter, limit))

    def _decide_here(self, meter: Meter, limit: int) -> Admission:
        """Decide with this process's share of the limit, which is 1 at least."""
        share = max(1, limit // max(1, self._count_gateways()))
        return self._local.hit(meter, share, now_us=time.monotonic_ns() // 1000, second=int(time.time()))

    def settle(self, wait: Wait, room: int, demand: int) -> None:
        """Answer requests as Redis decided: as many may pass as there was room, in their order."""
        for answer in wait.answers:
            demand += 1
            room -= 1
            answer(Admission(room >= 0, max(0, room), demand))

    def fail(self, shard: Shard, waits: Sequence[Wait], error: Exception) -> None:
        """Decide about requests that a node did not decide about: ask the node that it names, else decide here, at once."""
        word, _, rest = str(error).partition(" ")
        if isinstance(error, hiredis.ReplyError) and self._address.is_cluster and word in {"MOVED", "ASK"}:
            self._wants_map.set()
            for wait in waits:
                self._redirect(wait, shard, word, rest)
            return
        if not isinstance(error, LinkLost):
            shard.distrust(str(error))
        for wait in waits:
            for answer in wait.answers:
                answer(self._decide_here(wait.meter, wait.limit))

    def _redirect(self, wait: Wait, shard: Shard, word: str, rest: str) -> None:
        wait.hops += 1
        slot = slot_of(wait.meter[0])
        target = self._shards.get(redis_cluster.read_node(rest.rpartition(" ")[2], shard.node.host))
        if word == "MOVED" and target is not None:
            self._slots[slot] = target
        if target is None or not target.is_ready or wait.hops > _HOPS_MAX:
            self.fail(shard, [wait], LinkLost("no node decides"))
        elif word == "ASK":
            target.send([[wait]], asks=True)
        else:
            target.add(wait)

    # Nodes ------------------------------------------------------------------------------------------------------------
    def note(self, shard: Shard, trouble: str) -> None:
        """Hear that a node is away, or, without trouble, that it is there. What changes is logged once."""
        if trouble and self._shards.get(shard.node) is shard:
            self._become(False, trouble)
        elif not trouble and self._is_whole():
            self._become(True)
        self._news.set()

    def probe_of(self, shard: Shard) -> bytes:
        """Return the name of a ring of this node that no key uses."""
        number = 0
        if shard in self._slots:
            while self._slots[slot_of(-number)] is not shard:
                number += 1
        return b"latchkey:{%d}:probe" % -number

    def _is_whole(self) -> bool:
        if self._only is not None:
            return self._only.is_ready
        return bool(self._shards) and None not in self._slots and all(shard.is_ready for shard in self._shards.values())

    def _become(self, is_exact: bool, trouble: str = "") -> None:
        if is_exact and not self._is_exact:
            log.warning("Redis answers again: limits are exact over all gateways.")
        elif self._is_exact and not is_exact:
            log.warning("Redis cannot be relied upon (%s): limits are local, each gateway takes its share.", trouble)
        self._is_exact = is_exact

    def _make_shard(self, node: RedisNode) -> Shard:
        shard = self._shards[node] = Shard(self._address, node, self._patience_s, self)
        shard.start()
        return shard

    # Cluster ----------------------------------------------------------------------------------------------------------
    async def _keep_map(self) -> None:
        """Keep the map of the cluster: at once when a node says that it is wrong, often in trouble, now and then otherwise."""
        while True:
            known = sorted(self._shards.values(), key=lambda shard: not shard.is_ready)
            nodes = [*(shard.node for shard in known), *self._address.nodes]
            found = await redis_cluster.read_map(self._address, nodes)
            if found:
                await self._take_map(found)
            try:
                async with asyncio.timeout(_MAP_S if self.is_exact else _MAP_IN_TROUBLE_S):
                    await self._wants_map.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(_MAP_SPACING_S)
            self._wants_map.clear()

    async def _take_map(self, found: redis_cluster.Map) -> None:
        slots: list[Shard | None] = [None] * SLOTS
        for node, ranges in found.items():
            shard = self._shards.get(node) or self._make_shard(node)
            for numbers in ranges:
                slots[numbers.start : numbers.stop] = [shard] * len(numbers)
        self._slots = slots
        gone = [self._shards.pop(node) for node in list(self._shards) if node not in found]
        await asyncio.gather(*(shard.stop() for shard in gone))
        if self._is_whole():
            self._become(True)
        elif None in slots:
            self._become(False, "the cluster has no node for some keys")
