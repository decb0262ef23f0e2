"""One Redis node: what waits for it, what is under way, and whether it can be relied upon.

All requests that wait in this process share one round trip, at most two round trips are under way, and a node that does not
answer in time is left alone until it has proved that it does.
"""

import asyncio
import functools
import logging
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import hiredis

from gateway import redis_link
from gateway.limiter import Admission, Meter
from gateway.redis_link import SCRIPT, SCRIPT_SHA, Link, pack
from gateway.redis_url import RedisAddress, RedisNode

log = logging.getLogger("latchkey.gateway")

UNDER_WAY_MAX = 2
METERS_MAX = 500
RETRY_S = 0.1
PROOF_S = 1.0
_LATE_REPLY_S = 0.002
_PAIR = struct.Struct("<II")
_LIMIT_MAX = 2**32 - 1

Answer = Callable[[Admission], None]


@dataclass(slots=True)
class Wait:
    """The requests of one meter that share a round trip. `hops` counts the nodes that knew better."""

    meter: Meter
    limit: int
    answers: list[Answer]
    hops: int = 0


@dataclass(slots=True)
class _Trip:
    """One round trip: when it began (loop time, seconds) and how many replies are still to come."""

    began_at: float
    replies: int


class Owner(Protocol):
    """Who decides what a shard cannot."""

    def settle(self, wait: Wait, room: int, demand: int) -> None:
        """Answer requests as Redis decided."""

    def fail(self, shard: "Shard", waits: Sequence[Wait], error: Exception) -> None:
        """Decide about requests that Redis did not decide about."""

    def note(self, shard: "Shard", trouble: str) -> None:
        """Hear that the node is away, or, without trouble, that it is there."""

    def probe_of(self, shard: "Shard") -> bytes:
        """Return the name of a ring of this node that no key uses."""


@functools.lru_cache(maxsize=65_536)
def name_of(meter: Meter) -> bytes:
    """Return the name of a ring. The braces put all products of a key in one slot of a cluster."""
    return b"latchkey:{%d}:%d" % meter


class Shard:
    """A node. All methods belong to the event loop's thread."""

    def __init__(self, address: RedisAddress, node: RedisNode, patience_s: float, owner: Owner) -> None:
        self.node = node
        self._address = address
        self._patience_s = patience_s
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._waiting: dict[Meter, Wait] = {}
        self._under_way: deque[_Trip] = deque()
        self._is_leaving = False
        self._watch: asyncio.TimerHandle | None = None
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the node can be asked."""
        return self._link is not None

    def start(self) -> None:
        """Begin to connect."""
        self._task = self._loop.create_task(self._keep())

    async def stop(self) -> None:
        """Disconnect. Requests that still wait are failed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._watch is not None:
            self._watch.cancel()

    # Asking -----------------------------------------------------------------------------------------------------------
    def hit(self, meter: Meter, limit: int, answer: Answer) -> None:
        """Have a request decided with all others of this turn of the loop. Only while `is_ready`."""
        wait = self._waiting.get(meter)
        if wait is None:
            self.add(Wait(meter, limit, [answer]))
        else:
            wait.limit = limit
            wait.answers.append(answer)

    def add(self, wait: Wait) -> None:
        """Have requests decided that belong together."""
        known = self._waiting.get(wait.meter)
        if known is not None:
            known.answers += wait.answers
            known.hops = max(known.hops, wait.hops)
            return
        self._waiting[wait.meter] = wait
        if not self._is_leaving and len(self._under_way) < UNDER_WAY_MAX:
            self._is_leaving = True
            self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._is_leaving = False
        if not self._waiting:
            return
        if len(self._waiting) <= METERS_MAX:
            waits = list(self._waiting.values())
            self._waiting = {}
        else:
            waits = [self._waiting.pop(meter) for meter in list(self._waiting)[:METERS_MAX]]
        if self._address.is_cluster:
            # A cluster takes the rings of one slot only in one call, so each goes alone, in one write with the others.
            self.send([[wait] for wait in waits])
        else:
            self.send([waits])

    def send(
        self,
        calls: Sequence[Sequence[Wait]],
        *,
        script: tuple[bytes, bytes] = (b"EVALSHA", SCRIPT_SHA),
        asks: bool = False,
    ) -> None:
        """Send one round trip with a script call for each group of meters; `asks`: as the target of a slot that is moving."""
        link = self._link
        if link is None:
            for waits in calls:
                self._owner.fail(self, waits, redis_link.LinkLost("the node is away"))
            return
        trip = _Trip(self._loop.time(), len(calls))
        self._under_way.append(trip)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience_s, self._check)
        commands, on_replies = [], []
        for waits in calls:
            if asks:
                commands.append(pack(b"ASKING"))
                on_replies.append(_ignore)
            names = [name_of(wait.meter) for wait in waits]
            asked = b"".join([_PAIR.pack(min(wait.limit, _LIMIT_MAX), len(wait.answers)) for wait in waits])
            commands.append(pack(*script, len(names), *names, asked))
            on_replies.append(functools.partial(self._take, trip, waits))
        link.send(b"".join(commands), on_replies)

    def _take(self, trip: _Trip, waits: Sequence[Wait], reply: Any) -> None:
        trip.replies -= 1
        if not trip.replies:
            self._under_way.popleft()  # replies come in order
            if self._waiting and not self._is_leaving:
                self._leave()
        if not isinstance(reply, Exception):
            for wait, (room, demand) in zip(waits, _PAIR.iter_unpack(reply), strict=True):
                self._owner.settle(wait, room, demand)
        elif str(reply).startswith("NOSCRIPT"):  # restarted, or another took over: bring the script along
            self.send([waits], script=(b"EVAL", SCRIPT))
        else:
            self._owner.fail(self, waits, reply)

    # Patience ---------------------------------------------------------------------------------------------------------
    def _check(self) -> None:
        """Look whether the oldest round trip takes too long."""
        self._watch = None
        if not self._under_way:
            return
        oldest = self._under_way[0]
        left_s = oldest.began_at + self._patience_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._check)
        else:
            # After a pause of this process the reply may be here, only not read yet: one more turn of the loop.
            self._watch = self._loop.call_later(_LATE_REPLY_S, self._give_up, oldest)

    def _give_up(self, oldest: _Trip) -> None:
        self._watch = None
        if self._under_way and self._under_way[0] is oldest:
            self.distrust(f"no answer within {self._patience_s * 1000:.0f} ms")
        else:
            self._check()

    def distrust(self, trouble: str) -> None:
        """Ask this node nothing more until it has proved itself."""
        if self._link is not None:
            self._trouble = self._trouble or trouble
            self._link.abort()

    def _lose(self) -> None:
        """Decide about what waits, without Redis: no new round trip begins, and the link fails those under way."""
        self._link = None
        self._owner.note(self, self._trouble or "the connection was lost")
        waits, self._waiting = list(self._waiting.values()), {}
        self._owner.fail(self, waits, redis_link.LinkLost("the node is away"))

    # Connecting -------------------------------------------------------------------------------------------------------
    async def _keep(self) -> None:
        """Keep a connection that has proved itself."""
        while True:
            try:
                link = await redis_link.open_link(self._address, self.node)
            except (OSError, hiredis.HiredisError) as error:
                self._owner.note(self, describe(error))
            else:
                try:
                    await self._prove(link)
                    if link.lost.done():
                        raise redis_link.LinkLost("the connection was lost")
                    link.on_lost, self._link, self._trouble = self._lose, link, ""
                    self._owner.note(self, "")
                    await asyncio.shield(link.lost)
                except (OSError, hiredis.HiredisError) as error:
                    self._owner.note(self, describe(error))
                finally:
                    link.abort()
            await asyncio.sleep(RETRY_S)

    async def _prove(self, link: Link) -> None:
        """Return once the node has decided about nothing in time. Raises TimeoutError after PROOF_S, hiredis.ReplyError.

        It is asked again on the same connection where it was slow: what was stopped and goes on is slow only once.
        """
        async with asyncio.timeout(PROOF_S):
            while True:
                began_at = self._loop.time()
                try:
                    await link.ask(b"EVALSHA", SCRIPT_SHA, 1, self._owner.probe_of(self), _PAIR.pack(1, 0))
                except hiredis.ReplyError as error:
                    if not str(error).startswith(("MOVED", "ASK")):  # it knows its cluster, so it is there
                        raise
                if self._loop.time() - began_at <= self._patience_s:
                    return
                await asyncio.sleep(RETRY_S)


def describe(error: Exception) -> str:
    """Return a few words about what is wrong with a node."""
    if isinstance(error, TimeoutError):
        return "no answer"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().partition("\n")[0]


def _ignore(reply: object) -> None:
    """Take the answer to ASKING, which says nothing."""
