"""The rows of a page as CSV: the same buckets, products and filters, from the same query."""

from collections.abc import Iterator

from analytics.filters import Filters
from analytics.queries import Counts
from analytics.report import grid_of
from dashboard.spreadsheets import defuse, line

COLUMNS = {
    "usage": ("Requests", "Successful", "QPS breaches", "4XX errors", "5XX errors", "Peak QPS"),
    "breaches": ("Requests", "QPS breaches", "Peak QPS"),
    "errors": ("Requests", "4XX errors", "5XX errors"),
}


def file_name(filters: Filters) -> str:
    """Name the view, the key, the dates and the step."""
    period = filters.period
    key = f"-{filters.key.public_id}" if filters.key else ""
    return f"latchkey-{filters.view}{key}-{period.first}-to-{period.last}-by-{filters.step}.csv"


def lines(filters: Filters) -> Iterator[str]:
    """Yield the header and a line per bucket that has begun, and per product with requests when split.

    Every product has its own lines, also those that the chart gathers as Other. Times are ISO 8601 with the offset of the
    organisation's zone.
    """
    buckets, grid = grid_of(filters)
    zone, now = filters.period.zone, filters.period.now
    head = [
        f"{filters.step.capitalize()} from ({zone.key})",
        *(["Product"] if filters.is_split else []),
        *COLUMNS[filters.view],
    ]
    yield line([defuse(cell) for cell in head])
    used = {product for _, product in grid}
    known = [product for product in [*filters.catalogue, 0] if product in used]
    products = [*known, *sorted(used - set(known))]  # one that is gone from the catalogue still counts
    for index, bucket in enumerate(buckets):
        if not bucket.has_begun(now):
            return
        start = bucket.start.astimezone(zone).isoformat()
        if filters.is_split:
            for product in products:
                yield line(
                    [start, defuse(filters.name_of(product)), *_cells(filters, grid.get((index, product), Counts()))]
                )
        else:
            counts = sum((grid.get((index, product), Counts()) for product in products), Counts())
            yield line([start, *_cells(filters, counts)])


def _cells(filters: Filters, counts: Counts) -> list[int]:
    if filters.view == "breaches":
        return [counts.requests, counts.over_qps, counts.peak_qps]
    if filters.view == "errors":
        return [counts.requests, counts.errors_4xx, counts.errors_5xx]
    return [counts.requests, counts.successful, counts.over_qps, counts.errors_4xx, counts.errors_5xx, counts.peak_qps]
