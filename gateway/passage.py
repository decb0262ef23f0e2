"""The short way: proxies' requests that are like ones before pass with few steps. Nearly all do, so each call less is felt."""

import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gateway import answers, forward, outcomes, permits
from gateway.answers import Reply
from gateway.forward import Original
from gateway.heads import Head, Heads, Marks
from gateway.later import Later
from gateway.ledger import Ledger
from gateway.limiter import Admission, Limiter
from gateway.permits import Permit
from gateway.policy import Policy
from gateway.redis_limiter import RedisLimiter
from gateway.reports import Sealer
from gateway.requests import Request, new_tracking_id
from gateway.verdict import Standing

Answer = Reply | Awaitable[Reply]

_OK = outcomes.OK.number
_NGINX = b"/authorize/nginx"


class Asker(Protocol):
    """A connection on which something came that may be like a request before."""

    peer: str
    marks: Marks

    def read(self, data: bytes, *, is_known: bool = False) -> None:
        """Read what came after all. `is_known`: its head was like one before."""

    def take(self, request: Request, answer: Answer) -> None:
        """Take an answer that is no empty 200, or not there yet. `request` is one that differs in key and address."""

    def fail(self, error: Exception) -> None:
        """Say that something went wrong, unless there is an answer."""

    def transmit(self, data: bytes) -> None:
        """Send an answer whose record is written."""


_Known = tuple[Asker, Head, bytes, bytes, Original, Permit]
"""What is like a request before: its key and its address, read, and what it may do."""


class Passage:
    """Lets requests pass that have a permit, as far as the limit has room."""

    def __init__(
        self,
        policy: Policy,
        ledger: Ledger,
        sealer: Sealer,
        limiter: Limiter | RedisLimiter,
        counts: list[int],
        answer: Callable[[Request, Original, Permit, Admission], Reply],
    ) -> None:
        """`counts` are requests by the number of their outcome; `answer` answers one request when the limit has said its word."""
        self._policy = policy
        self._ledger = ledger
        self._sealer = sealer
        self._limiter = limiter
        self._counts = counts
        self._answer = answer
        self._around = ("", "")
        self.heads = Heads()
        self.repeated = 0
        """How many requests were not read."""

    def tick(self, now: float, date: bytes) -> None:
        """Go on in time; called every second."""
        self._around = answers.around_empty(date)
        self.heads.forget(now)

    # One request that was read ----------------------------------------------------------------------------------------
    def recall(self, string: bytes, source: bytes | str | None, path: str) -> Permit | None:
        """Return the permit of a request; None when it has to be decided."""
        policy = self._policy
        if policy.standing() is not Standing.CURRENT:
            return None
        return permits.recall(policy.rules, string, source, path, time.time())

    def admit(self, request: Request, original: Original, permit: Permit) -> Answer:
        """Answer a request that has a permit."""
        limiter = self._limiter
        if isinstance(limiter, Limiter):
            now_us = time.monotonic_ns() // 1000
            admission = limiter.hit(permit.meter, permit.limit, now_us=now_us, second=int(time.time()))
            return self._answer(request, original, permit, admission)
        later = Later()
        settle = functools.partial(_settle, later, self._answer, request, original, permit)
        limiter.hit(permit.meter, permit.limit, settle)
        return later

    def fields(self, request: Request, upstream: str, known_id: str, permit: Permit, admission: Admission) -> bytes:
        """Note a request that passes, and return the fields of its answer."""
        at_us = time.time_ns() // 1000
        self._counts[_OK] += 1
        self._ledger.note(permit.series, at_us, admission.demand, request, permit.host, known_id)
        report = self._sealer.seal(at_us, permit.place)
        return answers.passing(permit.whose, upstream, known_id, report, admission.remaining)

    # What came in one turn and was not read ---------------------------------------------------------------------------
    def decide(self, asked: Sequence[tuple[Asker, bytes]]) -> list[tuple[Asker, bytes]]:
        """Decide what may be like requests before. Return the answers of those that pass; the others are given back."""
        known, unknown = self._recall_all(asked)
        self.repeated += len(known)
        passing: list[tuple[Asker, bytes]] = []
        if isinstance(self._limiter, Limiter):
            passing = self._admit_all(self._limiter, known)
        else:
            for asker, head, key, address, original, permit in known:
                asker.take(head.request, _for(head, self.admit(head.restore(key, address), original, permit)))
        for asker, data, is_known in unknown:
            try:
                asker.read(data, is_known=is_known)
            except Exception as error:  # the others of this turn have nothing to do with it
                asker.fail(error)
        return passing

    def _recall_all(self, asked: Sequence[tuple[Asker, bytes]]) -> tuple[list[_Known], list[tuple[Asker, bytes, bool]]]:
        """Return what is like requests before that were allowed, and the rest with whether its head is known."""
        if self._policy.standing() is not Standing.CURRENT:
            return [], [(asker, data, True) for asker, data in asked]
        now = time.time()
        rules, recall_head, recall_original = self._policy.rules, self.heads.recall, forward.recall_original
        recall_of_others = self.heads.recall_of_others
        known, unknown = [], []
        for asker, data in asked:
            found = recall_head(asker.peer, data, asker.marks) or recall_of_others(asker.peer, data, asker.marks)
            if found is None:
                unknown.append((asker, data, False))
                continue
            head, key, address = found
            original = recall_original(address)
            permit = permits.recall(rules, key, head.source, original.path, now) if original else None
            if original and permit:
                known.append((asker, head, key, address, original, permit))
            else:
                unknown.append((asker, data, True))
        return known, unknown

    def _admit_all(self, limiter: Limiter, known: Sequence[_Known]) -> list[tuple[Asker, bytes]]:
        """Return the answers of those that pass, noted; give the others theirs."""
        now_us, at_us = time.monotonic_ns() // 1000, time.time_ns() // 1000
        hits = limiter.hit_all(
            [(permit.meter, permit.limit) for _, _, _, _, _, permit in known], now_us=now_us, second=at_us // 1_000_000
        )
        passing = []
        for (asker, head, key, address, original, permit), (remaining, demand) in zip(known, hits, strict=True):
            if remaining >= 0:
                passing.append((asker, head.request, original, permit, remaining, demand, new_tracking_id()))
            else:
                reply = self._answer(head.restore(key, address), original, permit, Admission(False, 0, demand))
                asker.take(head.request, _for(head, reply))
        self._counts[_OK] += len(passing)
        self._ledger.note_all(
            at_us,
            [
                (permit.series, demand, request, permit.host, known_id)
                for _, request, _, permit, _, demand, known_id in passing
            ],
        )
        reports = self._sealer.seal_all(at_us, [permit.place for _, _, _, permit, _, _, _ in passing])
        before, behind = self._around
        return [
            (asker, answers.passing(permit.whose, original.upstream, known_id, report, remaining, before, behind))
            for (asker, _, original, permit, remaining, _, known_id), report in zip(passing, reports, strict=True)
        ]


def for_nginx(answer: Answer) -> Answer:
    """Return an answer in the form that nginx's auth_request understands."""
    return forward.for_nginx(answer) if isinstance(answer, Reply) else _later_for_nginx(answer)


def _for(head: Head, answer: Answer) -> Answer:
    return for_nginx(answer) if head.request.target == _NGINX else answer


async def _later_for_nginx(answer: Awaitable[Reply]) -> Reply:
    return forward.for_nginx(await answer)


def _settle(
    later: Later,
    answer: Callable[[Request, Original, Permit, Admission], Reply],
    request: Request,
    original: Original,
    permit: Permit,
    admission: Admission,
) -> None:
    """Settle the answer of a request whose admission is known, unless its client has gone. Never raises."""
    if later.is_cancelled:
        return
    try:
        later.settle(answer(request, original, permit, admission))
    except Exception as error:
        later.settle(error)
