"""What one analytics page says: figures and their change, charts, tables, and the sentence about what happened."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import callers, changes, charts, marks, queries, ranges, ranking, sentences, times, turns
from analytics.callers import Callers
from analytics.changes import Changes
from analytics.charts import Chart, Series, Sketch
from analytics.failed import ReasonRow, percent, reason_rows
from analytics.filters import Filters, View
from analytics.queries import Counts
from analytics.ranges import Bucket
from analytics.ranking import KeyRow, Nearest, Ranking
from dashboard import words
from dashboard.words import Words

Grid = dict[tuple[int, int], Counts]

METRICS: dict[str, tuple[Words, Callable[[Counts], int]]] = {
    "requests": (_("Total requests"), lambda counts: counts.requests),
    "over_qps": (_("QPS breaches"), lambda counts: counts.over_qps),
    "errors_4xx": (_("4XX errors"), lambda counts: counts.errors_4xx),
    "errors_5xx": (_("5XX errors"), lambda counts: counts.errors_5xx),
}
METRIC_VIEWS: dict[str, View] = {
    "requests": "usage",
    "over_qps": "breaches",
    "errors_4xx": "errors",
    "errors_5xx": "errors",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One of the four figures: what it is, its change, its course, and the view that it opens."""

    name: str
    label: str
    value: int
    change: sentences.Change
    sketch: Sketch
    view: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product in the table: counts, its colour in the chart, its part of the largest, its peak and limit."""

    name: str
    code: str
    url: str
    mark: str
    tone: str
    counts: Counts
    share: str
    nearest: Nearest | None


@dataclass(frozen=True, slots=True)
class NumbersRow:
    """One bucket as text, for the table behind the chart."""

    label: str
    cells: tuple[str, ...]
    since: str


@dataclass(frozen=True, slots=True)
class Report:
    """One page."""

    filters: Filters
    totals: Counts
    metrics: tuple[Metric, ...]
    lead: str
    turn: str
    quality: str
    series: tuple[Series, ...]
    chart: Chart
    peak_of: tuple[str, Nearest] | None
    numbers: tuple[NumbersRow, ...]
    headings: tuple[tuple[str, str, bool], ...]
    products: tuple[ProductRow, ...]
    keys: tuple[KeyRow, ...]
    other_keys: Counts | None
    reasons: tuple[ReasonRow, ...]
    highest: str
    failed: int
    callers: Callers | None
    until: str
    changes: Changes
    gaps: tuple[str, ...]
    gap_until: dt.datetime | None


def grid_of(filters: Filters) -> tuple[list[Bucket], Grid]:
    """Read the counts of every bucket that has begun and product: what chart, tables and CSV are all made of."""
    buckets = filters.period.buckets(filters.step)
    return buckets, queries.counts_by_bucket(filters, buckets)


def make(filters: Filters) -> Report:
    """Read and compute everything that the page shows."""
    buckets, grid = grid_of(filters)
    begun = [bucket for bucket in buckets if bucket.has_begun(filters.period.now)]
    columns = _sum_by(grid, 0)
    by_bucket = [columns.get(index, Counts()) for index in range(len(begun))]
    totals = sum(by_bucket, Counts())
    by_product = sorted(_sum_by(grid, 1).items(), key=lambda item: (-_weight(filters, item[1]), item[0]))
    colours = {product: str(number) for number, (product, _) in enumerate(by_product[: charts.SERIES], 1)}
    failures = queries.failures(filters)
    before = queries.counts_before(filters)
    series = _series(filters, grid, by_bucket, [product for product, _ in by_product], colours)
    ranked = ranking.ranking(filters) if _needs_ranking(filters, totals) else Ranking((), (), {})
    peak_of, peaks = _peaks(filters, buckets, ranked.nearest)
    keys, other_keys = _keys(filters, totals, ranked)
    gaps = changes.gaps(filters)
    changed = changes.changes(filters) if totals.requests and filters.view != "callers" else Changes()
    lost = [marks.is_within(bucket, gaps) for bucket in begun]
    chart = charts.draw(
        buckets, [one for one in series if one.code not in filters.hidden], step=filters.step, zone=filters.period.zone, now=filters.period.now,
        peaks=[peak or (None if gone else 0) for peak, gone in zip(peaks, lost, strict=True)] if peaks else None,
        limit=peak_of[1].limit if peak_of else None,
        flags=marks.flags(changed.marks, buckets), gaps=marks.bands(gaps, buckets),
    )  # fmt: skip
    return Report(
        filters=filters,
        totals=totals,
        metrics=tuple(_metric(name, filters, by_bucket, len(buckets), totals, before) for name in METRICS),
        lead=sentences.lead(filters, totals, before, failures, _worst_day(filters, begun, by_bucket)),
        turn=_turn(filters, buckets, grid, [bucket for bucket, gone in zip(begun, lost, strict=True) if gone]),
        quality=sentences.quality(totals, before),
        series=series,
        chart=chart,
        peak_of=peak_of,
        numbers=tuple(_numbers(filters, begun, by_bucket, series, peaks, lost)),
        headings=_headings(filters, series, peak_of),
        products=_products(filters, by_product, colours, ranked.nearest),
        keys=keys,
        other_keys=other_keys,
        reasons=reason_rows(filters, failures),
        highest=_highest(filters, begun, series),
        failed=sum(failure.requests for failure in failures) if filters.period.is_minutes else totals.failed,
        callers=callers.callers(filters) if filters.view == "callers" else None,
        until=ranges.clock_time(begun[-1].end, filters.period.zone) if begun else "",
        changes=changed,
        gaps=tuple(times.span_words(*gap, filters.period.zone) for gap in gaps),
        gap_until=gaps[-1][1] if gaps else None,
    )


def _sum_by(grid: Grid, part: int) -> dict[int, Counts]:
    sums: dict[int, Counts] = {}
    for place, counts in grid.items():
        sums[place[part]] = sums.get(place[part], Counts()) + counts
    return sums


def _weight(filters: Filters, counts: Counts) -> int:
    """Return what the view's chart counts."""
    if filters.view == "breaches":
        return counts.over_qps
    return counts.errors if filters.view == "errors" else counts.requests


def _series(
    filters: Filters, grid: Grid, by_bucket: list[Counts], products: list[int], marks: dict[int, str]
) -> tuple[Series, ...]:
    columns = range(len(by_bucket))
    if filters.is_split:
        shown = [
            product for product in products if any(_weight(filters, grid.get((c, product), Counts())) for c in columns)
        ]
        found = [
            Series(
                marks[p],
                filters.name_of(p),
                tuple(_weight(filters, grid.get((c, p), Counts())) for c in columns),
                filters.code_of(p),
            )
            for p in shown
            if p in marks
        ]
        rest = [product for product in shown if product not in marks]
        if rest:
            sums = (sum(_weight(filters, grid.get((c, p), Counts())) for p in rest) for c in columns)
            name = gettext("Other (%(count)s)") % {"count": len(rest)} if len(rest) > 1 else filters.name_of(rest[0])
            found.append(Series("other", name, tuple(sums), "other"))
        if found:
            return tuple(found)
    if filters.view == "breaches":
        return (Series("over", gettext("QPS breaches"), tuple(counts.over_qps for counts in by_bucket)),)
    if filters.view == "errors":
        return (
            Series("4xx", gettext("4XX errors"), tuple(counts.errors_4xx for counts in by_bucket), "4xx"),
            Series("5xx", gettext("5XX errors"), tuple(counts.errors_5xx for counts in by_bucket), "5xx"),
        )
    return (Series("1", gettext("Requests"), tuple(counts.requests for counts in by_bucket)),)


def _peaks(
    filters: Filters, buckets: list[Bucket], nearest: dict[int, Nearest]
) -> tuple[tuple[str, Nearest] | None, list[int] | None]:
    """Choose the key and product nearest to a limit and read the course of its peaks."""
    if not nearest:
        return None, None
    product = max(nearest, key=lambda product: (nearest[product].ratio, nearest[product].peak_qps))
    chosen = nearest[product]
    found = queries.peaks_by_bucket(filters, buckets, key_id=chosen.key_id, product_id=product)
    begun = sum(bucket.has_begun(filters.period.now) for bucket in buckets)
    return (filters.name_of(product), chosen), [found.get(index, 0) for index in range(begun)]


def _needs_ranking(filters: Filters, totals: Counts) -> bool:
    needed = {"usage": totals.requests, "breaches": totals.over_qps, "errors": 0 if filters.key else totals.errors}
    return bool(needed.get(filters.view))


def _keys(filters: Filters, totals: Counts, ranked: Ranking) -> tuple[tuple[KeyRow, ...], Counts | None]:
    """Return the table of keys, and what the keys beyond it have together."""
    if filters.view == "breaches":
        others = totals.over_qps - sum(row.counts.over_qps for row in ranked.breaches)
        return ranked.breaches, Counts(over_qps=others) if others else None
    if filters.key or not ranked.keys:
        return (), None
    rest = totals.without(sum((row.counts for row in ranked.keys), Counts()))
    return ranked.keys, rest if rest.requests else None


def _metric(
    name: str, filters: Filters, by_bucket: list[Counts], columns: int, totals: Counts, before: Counts
) -> Metric:
    label, read = METRICS[name]
    pins = charts.gather([read(counts) for counts in by_bucket], columns)
    view = METRIC_VIEWS[name]
    empty = [0] * len(pins)
    return Metric(
        name=name,
        label=str(label),
        value=read(totals),
        change=sentences.change(read(totals), read(before), is_good_to_fall=None if name == "requests" else True),
        sketch=charts.sketch(pins) if name == "requests" else charts.sketch(empty, refused=pins),
        view=view,
        url=filters.url(view),
        is_current=filters.view == view,
    )


def _products(
    filters: Filters, by_product: list[tuple[int, Counts]], marks: dict[int, str], nearest: dict[int, Nearest]
) -> tuple[ProductRow, ...]:
    largest = max((_weight(filters, counts) for _, counts in by_product), default=0) or 1
    return tuple(
        ProductRow(
            name=filters.name_of(product),
            code=filters.code_of(product),
            url=filters.url(product=filters.code_of(product)),
            mark=marks.get(product, "other") if filters.is_split else "",
            tone="attention" if filters.view == "errors" and not filters.is_split else "",
            counts=counts,
            share=percent(_weight(filters, counts), largest),
            nearest=nearest.get(product),
        )
        for product, counts in by_product
    )


def _headings(
    filters: Filters, series: tuple[Series, ...], peak_of: tuple[str, Nearest] | None
) -> tuple[tuple[str, str, bool], ...]:
    """Return colour and name of the columns of the table behind the chart, and whether they are left out of the drawing."""
    found = [(one.mark, one.name, one.code in filters.hidden) for one in series]
    if len(series) > 1:
        found.append(("", gettext("All"), False))
    if not any(one.mark in ("over", "4xx") for one in series):
        found.append(("over", gettext("QPS breaches"), False))
    if peak_of:
        told = {"product": peak_of[0], "limit": words.number(peak_of[1].limit or 0)}
        text = gettext("Peak QPS of %(limit)s, %(product)s") if peak_of[1].limit else gettext("Peak QPS, %(product)s")
        found.append(("", text % told, False))
    return tuple(found)


def _numbers(
    filters: Filters, begun: list[Bucket], by_bucket: list[Counts], series: tuple[Series, ...], peaks: list[int] | None,
    lost: list[bool],
) -> "list[NumbersRow]":  # fmt: skip
    has_breaches = not any(one.mark in ("over", "4xx") for one in series)
    rows = []
    for index, (bucket, counts) in enumerate(zip(begun, by_bucket, strict=True)):
        cells = [one.values[index] for one in series]
        if len(series) > 1:
            cells.append(sum(cells))
        if has_breaches:
            cells.append(counts.over_qps)
        if peaks:
            cells.append(peaks[index])
        label = times.bucket_words(bucket, filters.step, filters.period.zone)
        if lost[index]:
            label = gettext("%(time)s, not all counted") % {"time": label}
        since = ranges.clock_time(bucket.start, filters.period.zone)
        since = since.partition("T")[0] if filters.step == "day" else since
        rows.append(
            NumbersRow(label, tuple("?" if lost[index] and not cell else words.number(cell) for cell in cells), since)
        )
    return rows


def _highest(filters: Filters, begun: list[Bucket], series: tuple[Series, ...]) -> str:
    """Say which bar is the highest, for those who do not see the drawing."""
    sums = [sum(column) for column in zip(*(one.values for one in series), strict=True)]
    if not any(sums):
        return gettext("All are zero")
    index = max(range(len(sums)), key=sums.__getitem__)
    when = times.bucket_words(begun[index], filters.step, filters.period.zone)
    return gettext("The highest is %(count)s, %(time)s") % {"count": words.number(sums[index]), "time": when}


def _turn(filters: Filters, buckets: list[Bucket], grid: Grid, lost: list[Bucket]) -> str:
    if filters.view == "callers":
        return ""
    return turns.sentence(filters, turns.turn(turns.days_of(filters, buckets, grid, lost), filters.view))


def _worst_day(filters: Filters, begun: list[Bucket], by_bucket: list[Counts]) -> dt.date | None:
    """Return the date on which at least half of the failures of several days happened."""
    sums: dict[dt.date, int] = {}
    for bucket, counts in zip(begun, by_bucket, strict=True):
        date = bucket.start.astimezone(filters.period.zone).date()
        sums[date] = sums.get(date, 0) + counts.failed
    worst = max(sums, key=sums.__getitem__, default=None)
    return worst if worst and len(sums) > 2 and sums[worst] * 2 >= sum(sums.values()) else None
