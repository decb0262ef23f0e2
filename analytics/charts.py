"""Drawings as geometry: paths, positions, labels. Templates put them into SVG with attributes and classes only. No database.

Grammar: counts are bars, rates are lines, limits are rules. Shapes are drawn in a box that stretches (one unit per bucket
wide, pixels high), words stand outside it at percentages and do not stretch.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from analytics.marks import Band, Flag
from analytics.ranges import DAY, MINUTE, Bucket, Step, day_start
from dashboard import words

PLOT_HEIGHT = 200
PEAK_HEIGHT = 88
TOP = 24
PEAK_GAP = 68
GAP = 0.8
"""Pixels of page between stacked parts."""

SERIES = 5
"""So many products have a series of their own, the rest is one."""

MONTHS_FROM = 93
"""Above so many days the axis names months."""

SKETCH_PINS, SKETCH_HEIGHT, PIN_STEP, PIN_WIDTH = 28, 28, 5, 4
SKETCH_TENTHS = SKETCH_HEIGHT * 10
SKETCHES_MAX = 2048
"""So many drawings of finished pins are remembered, of about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart. `mark` is 1 to 5, other, over, 4xx or 5xx; one value per bucket that has begun."""

    mark: str
    name: str
    values: tuple[int, ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A drawn series: the path of its finished bars, and of the one that is still running."""

    mark: str
    name: str
    path: str
    running: str


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line of the grid, its words on the axis at `text_y`."""

    y: str
    text_y: str
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the time axis. `tail` needs room; `is_roomy` leaves as a whole where it is narrow."""

    x: str
    label: str
    tail: str
    is_roomy: bool


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peaks per second below the bars: line, area, what is over the limit, the limit as a rule."""

    top: int
    levels: tuple[Level, ...]
    line: str
    under: str
    over: str
    limit_path: str
    limit_label_y: str
    limit: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template places."""

    columns: int
    height: int
    levels: tuple[Level, ...]
    layers: tuple[Layer, ...]
    ticks: tuple[Tick, ...]
    peaks: Peaks | None
    flags: tuple[Flag, ...] = ()
    gaps: tuple[Band, ...] = ()

    plot_top: int = TOP
    plot_height: int = PLOT_HEIGHT
    peak_height: int = PEAK_HEIGHT
    base: int = TOP + PLOT_HEIGHT

    @property
    def lane(self) -> int:
        """Where the flags stand: below the words of the time axis."""
        return self.base + 32

    @property
    def foot(self) -> int:
        """Where the crosshair ends."""
        return self.peaks.top + PEAK_HEIGHT if self.peaks else self.base


def decimal(value: float) -> str:
    """Write a coordinate as short as it goes: `3.1`, `4`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def scale(highest: float) -> tuple[int, tuple[int, ...]]:
    """Return the top of an axis from 0 and three to five round whole values on it, at or just above `highest`."""
    if highest <= 4:
        return 4, (0, 1, 2, 3, 4)
    size = 1
    while True:
        for factor in (1, 2, 5) if size == 1 else (1, 2, 2.5, 5):
            step = int(size * factor)
            if step * 4 >= highest:
                count = -(-int(highest) // step) if highest == int(highest) else int(highest // step) + 1
                return step * count, tuple(step * number for number in range(count + 1))
        size *= 10


def bars(
    values: Sequence[float], *, height: float, top: float, step: float = 1, width: float = 0.76, inset: float = 0.12,
    floor: Sequence[float] | None = None, gap: float = 0,
) -> str:  # fmt: skip
    """Return one path of bars, each from its floor up; `top` of the values' unit is `height` pixels.

    `gap` pixels stay free above the floor, where the bar is high enough.
    """
    parts = []
    for index, value in enumerate(values):
        if value <= 0:
            continue
        below = floor[index] if floor else 0
        tall = value / top * height
        y = height - (below + value) / top * height
        if below and tall > 2.5 * gap:
            tall -= gap
        across = decimal(width)
        parts.append(f"M{decimal(inset + index * step)} {decimal(y)}h{across}v{decimal(tall)}h-{across}z")
    return "".join(parts)


def draw(
    buckets: Sequence[Bucket], series: Sequence[Series], *, step: Step, zone: ZoneInfo, now: dt.datetime,
    peaks: Sequence[int | None] | None = None, limit: int | None = None, flags: tuple[Flag, ...] = (), gaps: tuple[Band, ...] = (),
) -> Chart:  # fmt: skip
    """Draw stacked bars over the time axis, and below them the peaks per second where they are given."""
    begun = sum(bucket.has_begun(now) for bucket in buckets)
    running = begun - 1 if begun and buckets[begun - 1].is_running(now) else begun
    highest, values = scale(
        max([sum(column) for column in zip(*(one.values for one in series), strict=True)], default=0)
    )
    floor = [0] * begun
    layers = []
    for one in series:
        draw_bars = partial(bars, height=PLOT_HEIGHT, top=highest, floor=floor, gap=GAP)
        finished, last = one.values[:running], [0] * running + list(one.values[running:])
        layers.append(Layer(one.mark, one.name, draw_bars(finished), draw_bars(last)))
        floor = [below + value for below, value in zip(floor, one.values, strict=True)]
    drawn = _peaks(peaks, limit, len(buckets)) if peaks else None
    return Chart(
        columns=len(buckets),
        height=(drawn.top + PEAK_HEIGHT + 6) if drawn else TOP + PLOT_HEIGHT + (44 if flags else 24),
        levels=_levels(values, highest, TOP, PLOT_HEIGHT),
        layers=tuple(layers),
        ticks=ticks(buckets, step=step, zone=zone),
        peaks=drawn,
        flags=flags,
        gaps=gaps,
    )


def _levels(values: Iterable[int], highest: int, top: int, height: int) -> tuple[Level, ...]:
    heights = [(value, top + height - value / highest * height) for value in values]
    return tuple(Level(decimal(y), decimal(y + 4), words.number(value)) for value, y in heights)


def _peaks(values: Sequence[int | None], limit: int | None, columns: int) -> Peaks:
    highest, marks = scale(max([*(value or 0 for value in values), limit or 0]) * 1.1)
    top = TOP + PLOT_HEIGHT + PEAK_GAP

    def down(value: float) -> float:
        return PEAK_HEIGHT - value / highest * PEAK_HEIGHT

    line = under = ""
    for first, part in _runs(values):
        points = [f"{decimal(first + index + 0.5)} {decimal(down(value))}" for index, value in enumerate(part)]
        drawn = "M" + "L".join(points) + ("h.01" if len(points) == 1 else "")
        line += drawn
        under += f"{drawn}L{decimal(first + len(part) - 0.5)} {PEAK_HEIGHT}L{decimal(first + 0.5)} {PEAK_HEIGHT}z"
    over = "".join(
        f"M{decimal(index + 0.1)} {decimal(down(value))}h.8v{decimal((value - limit) / highest * PEAK_HEIGHT)}h-.8z"
        for index, value in enumerate(values)
        if limit is not None and value is not None and value > limit
    )
    return Peaks(
        top=top,
        levels=_levels(marks, highest, top, PEAK_HEIGHT),
        line=line,
        under=under,
        over=over,
        limit_path=f"M0 {decimal(down(limit))}H{columns}" if limit is not None else "",
        limit_label_y=decimal(top + down(limit) - 5) if limit is not None else "",
        limit=limit,
    )


def _runs(values: Sequence[int | None]) -> Iterable[tuple[int, list[int]]]:
    """Part a course where nothing is known: index of the first value, and the values."""
    run: list[int] = []
    for index, value in enumerate([*values, None]):
        if value is not None:
            run.append(value)
        elif run:
            yield index - len(run), run
            run = []


def ticks(buckets: Sequence[Bucket], *, step: Step, zone: ZoneInfo) -> tuple[Tick, ...]:
    """Name places of the time axis: hours within two days, up to eight dates at their midnights, or months."""
    starts = {bucket.start: index for index, bucket in enumerate(buckets)}
    if step in ("minute", "five_minutes"):
        span = (buckets[-1].end - buckets[0].start) / MINUTE
        every = next(each for each in (10, 15, 30, 60, 120, 180, 360, 720) if span / each <= 8)
        local = [(index, start.astimezone(zone)) for start, index in starts.items()]
        marks = [(index, f"{at:%H:%M}", "") for index, at in local if (at.hour * 60 + at.minute) % every == 0]
    elif step == "hour" and len(buckets) <= 50:
        local = [(index, start.astimezone(zone)) for start, index in starts.items()]
        every = 3 if len(buckets) <= 26 else 6
        marks = [(index, *_hour_label(at)) for index, at in local if at.hour % every == 0 and at.minute == 0]
    else:
        first, last = (buckets[end].start.astimezone(zone).date() for end in (0, -1))
        dates = [first + number * DAY for number in range((last - first).days + 1)]
        if len(dates) > MONTHS_FROM:
            return _month_ticks(dates, starts, len(buckets), zone)
        every = -(-len(dates) // 8)
        placed = [(starts.get(day_start(date, zone), 0), date) for date in dates[::every]]
        marks = [(index, *_date_label(date, has_weekday=every < 7)) for index, date in placed]
    return _placed(marks, len(buckets))


def _month_ticks(
    dates: Sequence[dt.date], starts: Mapping[dt.datetime, int], columns: int, zone: ZoneInfo
) -> tuple[Tick, ...]:
    """Name the first days of months, every second or more where there are many; January with its year."""
    firsts = [date for date in dates if date.day == 1]
    every = -(-len(firsts) // 13)
    return _placed(
        [
            (
                starts[day_start(date, zone)],
                words.date(date, words.SHORT_MONTH),
                f" {date:%Y}" if date.month == 1 else "",
            )
            for date in firsts
            if date.month % every == 1 % every
        ],
        columns,
    )


def _placed(marks: Iterable[tuple[int, str, str]], columns: int) -> tuple[Tick, ...]:
    return tuple(
        Tick(f"{index / columns * 100:.3f}%", label, tail, is_roomy=bool(number % 2))
        for number, (index, label, tail) in enumerate(marks)
    )


def _hour_label(at: dt.datetime) -> tuple[str, str]:
    return _date_label(at, has_weekday=True) if at.hour == 0 else (f"{at:%H:%M}", "")


def _date_label(date: dt.date, *, has_weekday: bool) -> tuple[str, str]:
    if has_weekday:
        return words.date(date, words.WEEKDAY_NUMBER), f" {words.date(date, words.SHORT_MONTH)}"
    return words.date(date, words.SHORT_DAY), ""


@dataclass(frozen=True, slots=True)
class Sketch:
    """A small drawing of pins, `width` units wide: what passed, what came on an old string, what was refused, on the same pin."""

    passed: str
    old: str
    refused: str
    width: int


Column = tuple[int, int, int]
"""Of one pin what came on an old string, what else passed, what was refused: as they stand on each other."""


def sketch(passed: Sequence[int], old: Sequence[int] = (), refused: Sequence[int] = ()) -> Sketch:
    """Draw pins, scaled to the highest."""
    none = [0] * len(passed)
    return sketch_of(tuple(zip(old or none, passed, refused or none, strict=True)))


def sketch_of(finished: tuple[Column, ...], running: tuple[Column, ...] = ()) -> Sketch:
    """Draw pins, scaled to the highest; the finished ones, which are the same page after page, are drawn once for a scale."""
    unit = SKETCH_TENTHS / max(_highest(finished), *map(sum, running), 1)
    old, passed, refused = _drawn(finished, 0, unit)
    if running:
        last_old, last_passed, last_refused = _paths(running, len(finished), unit)
        old, passed, refused = old + last_old, passed + last_passed, refused + last_refused
    width = (len(finished) + len(running)) * PIN_STEP - (PIN_STEP - PIN_WIDTH)
    return Sketch(passed, old, refused, width)


@lru_cache(maxsize=SKETCHES_MAX)
def _highest(columns: tuple[Column, ...]) -> int:
    return max(map(sum, columns), default=0)


@lru_cache(maxsize=SKETCHES_MAX)
def _drawn(columns: tuple[Column, ...], first: int, unit: float) -> tuple[str, str, str]:
    return _paths(columns, first, unit)


def _paths(columns: tuple[Column, ...], first: int, unit: float) -> tuple[str, str, str]:
    """Draw pins from the place of the first on. A list of keys has fifty sketches: heights are rounded to a tenth of a pixel, once."""
    olds: list[str] = []
    passes: list[str] = []
    refusals: list[str] = []
    for index, (old, passed, refused) in enumerate(columns, first):
        if passed and not old:  # most pins are this alone
            passes.append(f"M{index * PIN_STEP} {_STANDING[round(passed * unit)]}")
        elif old:
            olds.append(f"M{index * PIN_STEP} {_STANDING[round(old * unit)]}")
            if passed:
                passes.append(f"M{index * PIN_STEP} {_stacked(old, passed, unit)}")
        if refused:
            refusals.append(f"M{index * PIN_STEP} {_stacked(old + passed, refused, unit)}")
    return "".join(olds), "".join(passes), "".join(refusals)


_TENTHS = tuple(f"{tenth / 10:.1f}" for tenth in range(SKETCH_TENTHS + 1))
"""Heights as they are written: numbers are slow to format, and a list of keys has thousands."""


def _bar(top: int, height: int) -> str:
    return f"{_TENTHS[top]}h{PIN_WIDTH}v{_TENTHS[height]}h-{PIN_WIDTH}z"


def _stacked(below: int, value: int, unit: float) -> str:
    return _bar(SKETCH_TENTHS - round((below + value) * unit), round(value * unit))


_STANDING = tuple(_bar(SKETCH_TENTHS - height, height) for height in range(SKETCH_TENTHS + 1))
"""Bars on the ground, by their height in tenths."""


def gather(values: Sequence[int], columns: int, most: int = SKETCH_PINS) -> list[int]:
    """Sum values of `columns` buckets into at most `most` pins, each of the same number of buckets but for the last.

    Buckets that have not begun leave their pins empty.
    """
    each = -(-columns // most) or 1
    gathered = [0] * (-(-columns // each) or 1)
    for index, value in enumerate(values):
        gathered[index // each] += value
    return gathered
