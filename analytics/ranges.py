"""Which time a page is about: whole dates, the last 24 hours or the last hour of one time zone, cut into buckets. PURE.

All arithmetic is on instants in UTC. A day begins at the first instant that the zone's calendar calls by its date. An hour is
known by its mark, the instant that lies as long ago as the clock shows minutes, and is the stretch of time with one mark: an
hour where the clocks change by whole hours or not at all. So days have 23, 24 or 25 hours, and where the clocks change by
half an hour (Lord Howe Island) one hour has 30 minutes. The gateway counts by the same marks (`date_trunc` in PostgreSQL).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

Step = Literal["minute", "five_minutes", "hour", "day"]
STEPS: dict[Step, str] = {"minute": "minute", "five_minutes": "five minutes", "hour": "hour", "day": "day"}
"""The words for them in files; pages say them in the reader's language (`analytics.times`)."""

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(microseconds=1)
_QUARTER = dt.timedelta(minutes=15)
"""The smallest distance between full hours of any zone: offsets are multiples of it."""

MINUTES_KEPT = dt.timedelta(days=34)
MAX_BY_MINUTE, MAX_BY_FIVE_MINUTES = 6 * HOUR, 49 * HOUR
MAX_HOURLY_DAYS = 31
MAX_DAYS = 366
KEPT_DAYS = 5 * 365


def day_start(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Return the instant at which a date begins; where the clocks skip midnight, the instant of the skip."""
    return dt.datetime.combine(date, dt.time(), zone).astimezone(dt.UTC)


def hour_mark(at: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the mark of the hour that contains `at`; after a change by half an hour it lies before the hour's beginning."""
    local = at.astimezone(zone)
    return at.replace(second=0, microsecond=0) - local.minute * MINUTE


def hour_start(at: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the instant at which the hour that contains `at` began."""
    mark = start = hour_mark(at, zone)
    while hour_mark(start, zone) != mark:
        start += _QUARTER
    return start


def next_hour(start: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the instant at which the hour after the one that begins at `start` begins."""
    mark, following = hour_mark(start, zone), start + HOUR
    if mark == start and hour_mark(following, zone) == following:
        return following
    following = start + _QUARTER
    while hour_mark(following, zone) == mark:
        following += _QUARTER
    return following


def is_repeated(at: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether the clock of the zone shows this time twice on this day, so that it needs its offset to be told apart."""
    local = at.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bar: an hour or a day, cut where the period begins or ends. Instants in UTC."""

    start: dt.datetime
    end: dt.datetime

    def has_begun(self, now: dt.datetime) -> bool:
        """Whether anything can have happened in it."""
        return self.start <= now

    def is_running(self, now: dt.datetime) -> bool:
        """Whether more can still happen in it."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time as one sees it at `now`: whole dates (`is_dates`), whole hours, or at most 60 minutes."""

    start: dt.datetime
    end: dt.datetime
    now: dt.datetime
    zone: ZoneInfo
    is_dates: bool

    @classmethod
    def of_dates(cls, first: dt.date, last: dt.date, *, now: dt.datetime, zone: ZoneInfo) -> "Period":
        """Return the period of whole dates, both included."""
        return cls(day_start(first, zone), day_start(last + DAY, zone), now, zone, is_dates=True)

    @classmethod
    def of_days(cls, days: int, *, now: dt.datetime, zone: ZoneInfo) -> "Period":
        """Return the period of so many dates that ends with today."""
        today = now.astimezone(zone).date()
        return cls.of_dates(today - (days - 1) * DAY, today, now=now, zone=zone)

    @classmethod
    def of_last_day(cls, *, now: dt.datetime, zone: ZoneInfo) -> "Period":
        """Return the running hour and the 23 before it."""
        end = next_hour(hour_start(now, zone), zone)
        return cls(hour_start(end - 24 * HOUR, zone), end, now, zone, is_dates=False)

    @classmethod
    def of_last_hour(cls, *, now: dt.datetime, zone: ZoneInfo) -> "Period":
        """Return the running minute and the 59 before it."""
        end = now.replace(second=0, microsecond=0) + MINUTE
        return cls(end - HOUR, end, now, zone, is_dates=False)

    @classmethod
    def of_times(cls, start: dt.datetime, end: dt.datetime, *, now: dt.datetime, zone: ZoneInfo) -> "Period":
        """Return the period between two times, to the minute up to an hour of which minutes are kept, else made whole hours.

        Of what is kept by the hour only it has at least two hours; what begins and ends at midnight is dates.
        """
        if end - start <= HOUR and start >= now - MINUTES_KEPT:
            return cls(start, end, now, zone, is_dates=False)
        start, end = hour_start(start, zone), next_hour(hour_start(end - MOMENT, zone), zone)
        if end - start <= HOUR:
            end = next_hour(end, zone)
        found = cls(start, end, now, zone, is_dates=False)
        whole = cls.of_dates(found.first, found.last, now=now, zone=zone)
        return whole if (whole.start, whole.end) == (start, end) else found

    @property
    def first(self) -> dt.date:
        """The date on which it begins."""
        return self.start.astimezone(self.zone).date()

    @property
    def last(self) -> dt.date:
        """The last date of which it has a part."""
        return (self.end - MOMENT).astimezone(self.zone).date()

    @property
    def bounds(self) -> tuple[str, str]:
        """From and to as addresses and fields say them: dates, both included, or times of the zone's clock."""
        if self.is_dates:
            return self.first.isoformat(), self.last.isoformat()
        return clock_time(self.start, self.zone), clock_time(self.end, self.zone)

    @property
    def days(self) -> int:
        """How many dates it touches."""
        return (self.last - self.first).days + 1

    @property
    def includes_now(self) -> bool:
        """Whether its figures still grow."""
        return self.start <= self.now < self.end

    @property
    def elapsed_end(self) -> dt.datetime:
        """The end of the part that has passed."""
        return min(self.end, self.now)

    @property
    def is_minutes(self) -> bool:
        """Whether it begins and ends within hours, so that only minutes can tell what it holds."""
        return not self.is_dates and self.end - self.start <= HOUR

    @property
    def steps(self) -> list[Step]:
        """In which steps it can be shown: what is kept, in at most about 750 bars."""
        length, found = self.end - self.start, list[Step]()
        if self.start >= self.now - MINUTES_KEPT:
            found += ["minute"] if length <= MAX_BY_MINUTE else []
            found += ["five_minutes"] if length <= MAX_BY_FIVE_MINUTES else []
        if not self.is_minutes:
            found += ["hour"] if self.days <= MAX_HOURLY_DAYS else []
            found += ["day"] if self.is_dates or self.days > 1 else []
        return found

    @property
    def default_step(self) -> Step:
        """The step that shows most without crowding: minutes of an hour, hours of a week, else days."""
        length = self.end - self.start
        if length <= 12 * HOUR and (finer := [step for step in self.steps if step in ("minute", "five_minutes")]):
            return finer[0] if length <= 2 * HOUR else finer[-1]
        return "hour" if self.days <= 8 else "day"

    def before(self) -> "Period":
        """Return the period of the same length before this one, seen at the same time of day.

        A running period is compared with as much of the earlier one as has passed of itself: seven days that end at 15:00
        with the seven before that end at 15:00.
        """
        if not self.is_dates:
            length = self.end - self.start
            return Period(self.start - length, self.start, self.now - length, self.zone, is_dates=False)
        back = self.days * DAY
        then = (self.now.astimezone(self.zone).replace(tzinfo=None, fold=0) - back).replace(tzinfo=self.zone)
        return Period.of_dates(self.first - back, self.last - back, now=then.astimezone(dt.UTC), zone=self.zone)

    def buckets(self, step: Step) -> list[Bucket]:
        """Cut the period, without gap or overlap, also into what has not begun yet."""
        cut = {"minute": self._minutes, "five_minutes": self._five_minutes, "hour": self._hours, "day": self._days}
        starts = list(cut[step]())
        return [Bucket(start, end) for start, end in zip(starts, [*starts[1:], self.end], strict=True)]

    def _minutes(self, each: int = 1) -> Iterator[dt.datetime]:
        yield self.start
        # UTC will do for the clock: offsets of zones are multiples of five minutes.
        at = self.start - self.start.minute % each * MINUTE + each * MINUTE
        while at < self.end:
            yield at
            at += each * MINUTE

    def _five_minutes(self) -> Iterator[dt.datetime]:
        return self._minutes(5)

    def _hours(self) -> Iterator[dt.datetime]:
        at = self.start
        while at < self.end:
            yield at
            at = next_hour(at, self.zone)

    def _days(self) -> Iterator[dt.datetime]:
        yield self.start
        for number in range(1, self.days):
            yield day_start(self.first + number * DAY, self.zone)


def clock_time(at: dt.datetime, zone: ZoneInfo) -> str:
    """`2026-11-17T08:00`, as the zone's clock shows it."""
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"


def read_clock(local: dt.datetime, zone: ZoneInfo, *, is_end: bool = False) -> dt.datetime:
    """Return the instant at which the zone's clock shows a time; where it does so twice the first, of an end the second."""
    return local.replace(tzinfo=zone, fold=int(is_end)).astimezone(dt.UTC)
