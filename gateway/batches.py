"""Group what was read of the journal: what is counted, which strings were used when. PURE."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway import outcomes, records
from gateway.records import Correction, Group, Hits
from gateway.usage import Delta

_MINUTE_US = 60_000_000
_UNKNOWN_OUTCOME = "unknown"


def outcome_word(group: Group) -> str:
    """Return the word of a group's outcome."""
    outcome = outcomes.BY_NUMBER.get(group.outcome)
    return outcome.word if outcome else _UNKNOWN_OUTCOME


@dataclass(slots=True)
class Tally:
    """The requests of one group in one minute: how many, the most of them in a calendar second, when the last one was."""

    group: Group
    minute: int
    requests: int
    peak_qps: int
    last_us: int


def tally(groups: Mapping[int, Group], turns: Iterable[Hits]) -> list[Tally]:
    """Count requests by group and minute. Everything that the shipper does for each request is the loop in here."""
    found: dict[tuple[int, int], list[int]] = {}
    for turn in turns:
        for number, demand, at_us in records.read_hits(turn.packed):
            place = number, at_us // _MINUTE_US
            counts = found.get(place)
            if counts is None:
                found[place] = [1, demand, at_us]
                continue
            counts[0] += 1
            if demand > counts[1]:
                counts[1] = demand
            if at_us > counts[2]:
                counts[2] = at_us
    return [Tally(groups[number], minute, *counts) for (number, minute), counts in found.items()]


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

    def add(self, found: Tally) -> None:
        status = found.group.status
        self.requests += found.requests
        self.peak_qps = max(self.peak_qps, found.peak_qps)
        if status < 400:
            return
        if status == 429:
            self.over_qps += found.requests
        elif status < 500:
            self.errors_4xx += found.requests
        else:
            self.errors_5xx += found.requests
        self.reasons[status, outcome_word(found.group)] += found.requests

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


def count(tallies: Iterable[Tally], corrections: Iterable[Correction] = ()) -> list[Delta]:
    """Return what the requests of known keys, and corrections of them, add to the usage tables, in a fixed order."""
    places: dict[tuple[int, int, int, int], _Counts] = {}

    def counts_of(whose: Group | Correction, minute: int) -> _Counts:
        place = (whose.key_id, minute, whose.product_id, whose.secret_number)
        counts = places.get(place)
        if counts is None:
            counts = places[place] = _Counts(whose.organization_id)
        return counts

    for each in tallies:
        if each.group.key_id:
            counts_of(each.group, each.minute).add(each)
    for correction in corrections:
        counts_of(correction, correction.at_us // _MINUTE_US).correct(correction)
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
        for (key_id, minute, product_id, secret_number), counts in sorted(places.items(), key=lambda item: item[0])
    ]


def last_uses(tallies: Iterable[Tally]) -> dict[tuple[int, int], int]:
    """Return when (µs) each (key ID, number of the string) was last used: allowed, or above its limit only."""
    uses: dict[tuple[int, int], int] = {}
    for each in tallies:
        group = each.group
        if group.key_id and outcome_word(group) in outcomes.USES_KEY:
            place = (group.key_id, group.secret_number)
            uses[place] = max(each.last_us, uses.get(place, 0))
    return uses
