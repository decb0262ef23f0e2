"""The rows of a page as CSV or JSON, line by line: the same buckets, products and filters, from the same query.

Two kinds of rows: a line per bucket (and product, when split) as the page shows them, or a line per bucket, key and product
(`rows="keys"`), read through a server-side cursor, so that a million lines need no more memory than one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from analytics import changes, marks
from analytics.filters import Filters
from analytics.key_rows import pair_buckets
from analytics.marks import Span
from analytics.queries import Counts
from analytics.ranges import STEPS, Bucket
from analytics.report import grid_of
from dashboard import brand, spreadsheets

COLUMNS = {
    "usage": (
        "Requests",
        "Successful",
        "QPS breaches",
        "4XX errors",
        "5XX errors",
        "Peak QPS",
        "Average ms",
        "Durations",
    ),
    "breaches": ("Requests", "QPS breaches", "Peak QPS"),
    "errors": ("Requests", "4XX errors", "5XX errors"),
}
COLUMNS["callers"] = COLUMNS["usage"]
COUNTED = "Counted"
"""The last column: `all`, or `not all` where a gateway answered requests that are in no row."""

_CURSOR_ROWS = 5_000

Cell = str | int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Head and rows, as wide as each other; when requests were answered that are in no row."""

    head: tuple[str, ...]
    rows: Iterator[list[Cell]]
    gaps: tuple[Span, ...] = ()


def file_name(filters: Filters, *, by_key: bool, suffix: str) -> str:
    """Name the provider, the view, the key, the dates and the step."""
    period = filters.period
    key = f"-{filters.key.public_id}" if filters.key else ""
    rows = "-keys" if by_key else ""
    step = filters.step.replace("_", "-")
    return f"{brand.file_prefix()}-{filters.view}{key}{rows}-{period.first}-to-{period.last}-by-{step}.{suffix}"


def sheet(filters: Filters, *, by_key: bool) -> Sheet:
    """Return what the file holds: the rows of the page, or those by key and product; each says whether all was counted."""
    gaps = changes.gaps(filters)
    return _by_key(filters, gaps) if by_key else _by_bucket(filters, gaps)


def csv_lines(found: Sheet) -> Iterator[str]:
    """Yield the lines of a CSV."""
    yield spreadsheets.safe_line(found.head)
    yield from map(spreadsheets.safe_line, found.rows)


def json_lines(filters: Filters, found: Sheet) -> Iterator[str]:
    """Yield a JSON document in pieces: what it is about, then its rows, each an object on a line of its own."""
    period = filters.period
    about = {
        "organisation": filters.organization.public_id,
        "view": filters.view,
        "from": period.start.astimezone(period.zone).isoformat(),
        "until": period.end.astimezone(period.zone).isoformat(),
        "time_zone": period.zone.key,
        "step": filters.step,
        "keys": [key.public_id for key in filters.keys],
        "products": filters.codes,
        "made_at": period.now.astimezone(period.zone).isoformat(timespec="seconds"),
        "gaps": [
            {"from": start.astimezone(period.zone).isoformat(), "until": end.astimezone(period.zone).isoformat()}
            for start, end in found.gaps
        ],
    }
    yield json.dumps(about, ensure_ascii=False)[:-1] + ', "rows": ['
    names = [_field(name) for name in found.head]
    comma = "\n"
    for row in found.rows:
        yield comma + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        comma = ",\n"
    yield "\n]}\n"


def gathered(lines: Iterator[str], size: int = 64 * 1024) -> Iterator[str]:
    """Join lines to pieces worth sending."""
    waiting: list[str] = []
    length = 0
    for line in lines:
        waiting.append(line)
        length += len(line)
        if length >= size:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)


def _field(column: str) -> str:
    """`QPS breaches` as `qps_breaches`, `Hour from (UTC)` as `from`."""
    return "from" if " from (" in column else column.lower().replace(" ", "_")


def _by_bucket(filters: Filters, gaps: tuple[Span, ...]) -> Sheet:
    """Give a line per bucket that has begun, and per product with requests when split.

    Every product has its own lines, also those that the chart gathers as Other. Times are ISO 8601 with the offset of the
    organisation's zone.
    """
    head = (*_first_column(filters), *(["Product"] if filters.is_split else []), *COLUMNS[filters.view], COUNTED)
    return Sheet(head, _bucket_rows(filters, gaps), gaps)


def _bucket_rows(filters: Filters, gaps: tuple[Span, ...]) -> Iterator[list[Cell]]:
    buckets, grid = grid_of(filters)
    used = {product for _, product in grid}
    known = [product for product in [*filters.catalogue, 0] if product in used]
    products = [*known, *sorted(used - set(known))]  # one that is gone from the catalogue still counts
    for index, bucket in enumerate(buckets):
        if not bucket.has_begun(filters.period.now):
            return
        start, counted = _start_of(filters, bucket), _counted(bucket, gaps)
        if filters.is_split:
            for product in products:
                counts = grid.get((index, product), Counts())
                yield [start, filters.name_of(product), *_cells(filters, counts), counted]
        else:
            counts = sum((grid.get((index, product), Counts()) for product in products), Counts())
            yield [start, *_cells(filters, counts), counted]


def _by_key(filters: Filters, gaps: tuple[Span, ...]) -> Sheet:
    head = (*_first_column(filters), "Key ID", "Key", "Product", *COLUMNS[filters.view], COUNTED)
    return Sheet(head, _key_rows(filters, gaps), gaps)


def _key_rows(filters: Filters, gaps: tuple[Span, ...]) -> Iterator[list[Cell]]:
    buckets = filters.period.buckets(filters.step)
    starts = [(_start_of(filters, bucket), _counted(bucket, gaps)) for bucket in buckets]
    text, parameters = pair_buckets(filters, buckets)
    with transaction.atomic(), connection.connection.cursor("usage_by_key") as cursor:
        cursor.itersize = _CURSOR_ROWS
        cursor.execute(text, parameters)
        for index, public_id, name, product, *counted in cursor:
            counts = Counts(*(int(number) for number in counted))
            start, is_counted = starts[index]
            yield [start, public_id, name, filters.name_of(product), *_cells(filters, counts), is_counted]


def _first_column(filters: Filters) -> list[str]:
    return [f"{STEPS[filters.step].capitalize()} from ({filters.period.zone.key})"]


def _counted(bucket: Bucket, gaps: tuple[Span, ...]) -> str:
    return "not all" if marks.is_within(bucket, gaps) else "all"


def _start_of(filters: Filters, bucket: Bucket) -> str:
    return bucket.start.astimezone(filters.period.zone).isoformat()


def _cells(filters: Filters, counts: Counts) -> list[Cell]:
    if filters.view == "breaches":
        return [counts.requests, counts.over_qps, counts.peak_qps]
    if filters.view == "errors":
        return [counts.requests, counts.errors_4xx, counts.errors_5xx]
    return [
        counts.requests, counts.successful, counts.over_qps, counts.errors_4xx, counts.errors_5xx, counts.peak_qps,
        counts.duration_ms, counts.duration_count,
    ]  # fmt: skip
