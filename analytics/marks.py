"""What a chart shows beside its figures: flags where something changed, bands where requests were not counted. No database."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from analytics.ranges import Bucket

NEAR = 0.015
"""Flags nearer to each other than this part of the width are one."""

ROOM = 0.13
"""This part of the width must be free before the next flag for a flag to carry its word."""

NAMED = 0.12
"""A band that takes at least this part of the width says what it is."""

Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that changed: when, a word or two for the flag, the whole sentence, and where to read it."""

    at: dt.datetime
    word: str
    sentence: str
    url: str


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag at `x`, for the marks that fall on it. `word` is empty where it would run into the next flag.

    Near the end of the axis the word stands before the flag: `is_turned`.
    """

    x: str
    word: str
    marks: tuple[Mark, ...]
    is_turned: bool = False

    @property
    def url(self) -> str:
        """Where the first of its marks is told."""
        return self.marks[0].url

    @property
    def title(self) -> str:
        """All of its sentences."""
        return "; ".join(mark.sentence for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the time axis from `x` on, `width` wide; `is_named` where there is room for words."""

    x: str
    width: str
    is_named: bool


def place_of(at: dt.datetime, buckets: Sequence[Bucket]) -> float:
    """Return where an instant stands on the axis, from 0 to 1; every bucket is as wide as the others."""
    for index, bucket in enumerate(buckets):
        if at < bucket.end:
            within = max(0.0, (at - bucket.start) / (bucket.end - bucket.start))
            return (index + within) / len(buckets)
    return 1.0


def flags(marks: Iterable[Mark], buckets: Sequence[Bucket]) -> tuple[Flag, ...]:
    """Place marks on the axis, the oldest first; those that would cover each other share a flag."""
    placed: list[tuple[float, list[Mark]]] = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        place = place_of(mark.at, buckets)
        if placed and place - placed[-1][0] < NEAR:
            placed[-1][1].append(mark)
        else:
            placed.append((place, [mark]))
    ends = [place for place, _ in placed[1:]] + [1.0]
    drawn = [
        Flag(_percent(place), _word(found) if end - place >= ROOM else "", tuple(found))
        for (place, found), end in zip(placed, ends, strict=False)
    ]
    if placed and not drawn[-1].word:
        place, found = placed[-1]
        taken = placed[-2][0] + (ROOM if drawn[-2].word else NEAR) if len(placed) > 1 else 0.0
        if place - taken >= ROOM:
            drawn[-1] = Flag(_percent(place), _word(found), tuple(found), is_turned=True)
    return tuple(drawn)


def bands(spans: Iterable[Span], buckets: Sequence[Bucket]) -> tuple[Band, ...]:
    """Place stretches of time on the axis; each is at least wide enough to be seen."""
    found = []
    for start, end in spans:
        left, right = place_of(start, buckets), place_of(end, buckets)
        width = max(right - left, 0.004)
        found.append(Band(_percent(min(left, 1 - width)), _percent(width), width >= NAMED))
    return tuple(found)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Join what overlaps or touches, in order: several gateways may have the same gap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def is_within(bucket: Bucket, spans: Iterable[Span]) -> bool:
    """Whether a bucket has a part of any of the stretches."""
    return any(start < bucket.end and end >= bucket.start for start, end in spans)


def _word(marks: Sequence[Mark]) -> str:
    return marks[0].word if len(marks) == 1 else gettext("%(count)s changes") % {"count": len(marks)}


def _percent(part: float) -> str:
    return f"{part * 100:.3f}%"
