"""What a turn of the event loop has to write down: every request counted, some of them kept one by one for the request log."""

import itertools
from collections.abc import Iterable

from gateway import clients, records
from gateway.clients import Network
from gateway.journal import Journal
from gateway.records import Group, Known, Record, Series
from gateway.requests import Request

_MINUTE_US = 60_000_000
_SECOND_US = 1_000_000
_NUMBERS = 2**32
PER_MINUTE = 100
"""So many requests of one group are kept in a minute, so that no key fills the log."""


class Ledger:
    """Notes what was answered and writes it with one write a turn, before the answers leave.

    A group is written when it comes for the first time in a segment. The request log is bounded twice: per group and minute,
    and over all in a second, where requests that were let pass may take half only: why something was refused is asked more
    often. How many were left out follows from the counts, which are complete.
    """

    def __init__(self, journal: Journal, proxies: tuple[Network, ...], kept_per_second: int) -> None:
        self._journal = journal
        self._proxies = proxies
        self._kept_max = kept_per_second
        self._kept = 0
        self._second = 0
        self._groups: dict[tuple[int, ...], Known] = {}
        self._segment = object()
        self._numbers = itertools.count()
        self._hits: list[bytes] = []
        self._others: list[bytes] = []

    def note(
        self, series: Series, at_us: int, demand: int, request: Request, host: str | None, tracking_id: str
    ) -> None:
        """Note one answered request. `demand` are the requests of its calendar second so far."""
        self.note_all(at_us, [(series, demand, request, host, tracking_id)])

    def note_all(self, at_us: int, answered: Iterable[tuple[Series, int, Request, str | None, str]]) -> None:
        """Note requests that were answered at once, each as `note` takes them."""
        segment, note, pack = self._segment, self._hits.append, records.pack_hit
        second = at_us // _SECOND_US
        if second != self._second:
            self._second, self._kept = second, 0
        for series, demand, request, host, tracking_id in answered:
            known = series.known
            if known is None or known.segment is not segment:
                known = series.known = self._groups.get(series.group) or self._begin(series.group)
            note(pack(known.number, demand, at_us))
            if self._kept < (self._kept_max if series.group[-1] >= 400 else self._kept_max // 2):
                self._keep(known, at_us, request, host, tracking_id)

    def _begin(self, group: tuple[int, ...]) -> Known:
        known = self._groups[group] = Known(self._segment, next(self._numbers) % _NUMBERS)
        self._others.append(records.encode_group(known.number, Group(*group)))
        return known

    def _keep(self, known: Known, at_us: int, request: Request, host: str | None, tracking_id: str) -> None:
        minute = at_us // _MINUTE_US
        if known.minute != minute:
            known.minute, known.kept = minute, 0
        if known.kept == PER_MINUTE:
            return
        known.kept += 1
        self._kept += 1
        caller = clients.caller(request.peer, request.header(b"x-forwarded-for"), self._proxies)
        record = Record(
            known.number,
            at_us,
            host="" if not host or clients.is_secret_like(host) else host,
            network=clients.network(caller),
            client=clients.family(request.header(b"user-agent")),
            tracking_id=tracking_id,
        )
        self._others.append(records.encode_record(record))

    def write(self, frames: bytes = b"") -> None:
        """Write what was noted, and other frames behind it: all goes this way, so that a group is known where it is needed."""
        hits, self._hits = self._hits, []
        others, self._others = self._others, []
        for start in range(0, len(hits), records.HITS_MAX):
            others.append(records.encode_hits(b"".join(hits[start : start + records.HITS_MAX])))
        others.append(frames)
        if not self._journal.write(b"".join(others), len(hits)):
            self._groups.clear()  # what follows goes where the groups are not known
            self._segment = object()
