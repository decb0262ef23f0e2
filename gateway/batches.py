"""Group the records of the journal: what is counted, what is kept of single requests, which strings were used when. PURE."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway import outcomes
from gateway.records import Correction, Record
from gateway.usage import Delta

_MINUTE_US = 60_000_000
_UNKNOWN_OUTCOME = "unknown"


def outcome_word(record: Record) -> str:
    """Return the word of a record's outcome."""
    outcome = outcomes.BY_NUMBER.get(record.outcome)
    return outcome.word if outcome else _UNKNOWN_OUTCOME


@dataclass(slots=True)
class _Counts:
    organization_id: int
    requests: int = 0
    over_qps: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    peak_qps: int = 0
    duration_ms_sum: int = 0
    duration_count: int = 0
    reasons: Counter[tuple[int, str]] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        self.requests += 1
        self.peak_qps = max(self.peak_qps, record.demand)
        if record.status < 400:
            return
        if record.status == 429:
            self.over_qps += 1
        elif record.status < 500:
            self.errors_4xx += 1
        else:
            self.errors_5xx += 1
        self.reasons[record.status, outcome_word(record)] += 1

    def correct(self, correction: Correction) -> None:
        """Add how an allowed request ended. A 429 is the upstream's own here, no breach of the key's limit."""
        if correction.duration_ms is not None:
            self.duration_ms_sum += correction.duration_ms
            self.duration_count += 1
        if correction.status < 400:
            return
        if correction.status < 500:
            self.errors_4xx += 1
        else:
            self.errors_5xx += 1
        self.reasons[correction.status, outcomes.OK.word] += 1


def count(found: Iterable[Record], corrections: Iterable[Correction] = ()) -> list[Delta]:
    """Return what the records of known keys, and corrections of them, add to the usage tables, in a fixed order."""
    groups: dict[tuple[int, int, int, int], _Counts] = {}

    def counts_of(entry: Record | Correction) -> _Counts:
        group = (entry.key_id, entry.at_us // _MINUTE_US, entry.product_id, entry.secret_number)
        counts = groups.get(group)
        if counts is None:
            counts = groups[group] = _Counts(entry.organization_id)
        return counts

    for record in found:
        if record.key_id:
            counts_of(record).add(record)
    for correction in corrections:
        counts_of(correction).correct(correction)
    return [
        Delta(
            organization_id=counts.organization_id,
            key_id=key_id,
            product_id=product_id,
            secret_number=secret_number,
            minute=dt.datetime.fromtimestamp(minute * 60, dt.UTC),
            requests=counts.requests,
            over_qps=counts.over_qps,
            errors_4xx=counts.errors_4xx,
            errors_5xx=counts.errors_5xx,
            peak_qps=counts.peak_qps,
            duration_ms_sum=counts.duration_ms_sum,
            duration_count=counts.duration_count,
            reasons=tuple((status, word, number) for (status, word), number in sorted(counts.reasons.items())),
        )
        for (key_id, minute, product_id, secret_number), counts in sorted(groups.items(), key=lambda item: item[0])
    ]


def last_uses(found: Iterable[Record]) -> dict[tuple[int, int], int]:
    """Return when (µs) each (key ID, number of the string) was last used: allowed, or above its limit only."""
    uses: dict[tuple[int, int], int] = {}
    for record in found:
        if record.key_id and outcome_word(record) in outcomes.USES_KEY:
            place = (record.key_id, record.secret_number)
            uses[place] = max(record.at_us, uses.get(place, 0))
    return uses


class Sampler:
    """Chooses the single requests that are kept: at most so many per key, product, outcome and minute.

    So a flood fills neither the table nor the disk; the counts stay exact. What was kept is remembered for this process and
    the last two minutes only.
    """

    PER_MINUTE = 100

    def __init__(self) -> None:
        self._kept: Counter[tuple[int, int, int, int]] = Counter()
        self._newest_minute = 0

    def choose(self, found: Iterable[Record]) -> list[Record]:
        """Return the records to keep, in their order."""
        chosen = []
        for record in found:
            minute = record.at_us // _MINUTE_US
            if minute > self._newest_minute:
                self._forget(minute)
            group = (record.key_id, record.product_id, record.outcome, minute)
            if self._kept[group] < self.PER_MINUTE:
                self._kept[group] += 1
                chosen.append(record)
        return chosen

    def _forget(self, newest_minute: int) -> None:
        self._newest_minute = newest_minute
        self._kept = Counter({group: kept for group, kept in self._kept.items() if group[3] >= newest_minute - 1})
