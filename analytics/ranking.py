"""Which keys and products make the figures up: the keys with the most, the breaches, the peaks nearest to a limit. One query.

Sums by key and product are read as coarsely as they are kept: whole months from the months, the dates around them from the days,
24 hours from the hours, an hour from the minutes.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection

from analytics.filters import Filters
from analytics.queries import Counts
from analytics.ranges import DAY, HOUR, Period

TABLE_ROWS = 50


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, or a key with one product, in a table. The key's name and ID; `product_id` and `limit` where they belong."""

    public_id: str
    name: str
    is_deleted: bool
    counts: Counts
    product_id: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Nearest:
    """The key whose peak of a product comes nearest to its limit of today; no limit where the product is no longer the key's."""

    key_id: int
    key_name: str
    peak_qps: int
    limit: int | None

    @property
    def ratio(self) -> float:
        """The peak as a part of the limit."""
        return self.peak_qps / self.limit if self.limit else 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """At most TABLE_ROWS keys, at most as many pairs of key and product with breaches, and for each product the nearest."""

    keys: tuple[KeyRow, ...]
    breaches: tuple[KeyRow, ...]
    nearest: dict[int, Nearest]


_SUMS = """sum(requests) AS requests, sum(over_qps) AS over_qps, sum(errors_4xx) AS errors_4xx, sum(errors_5xx) AS errors_5xx,
    sum(duration_ms_sum) AS duration_ms_sum, sum(duration_count) AS duration_count, max(peak_qps) AS peak_qps"""
_COUNTS = "requests, over_qps, errors_4xx, errors_5xx, duration_ms_sum, duration_count, peak_qps"
_WEIGHTS = {"usage": "requests", "breaches": "over_qps", "errors": "errors_4xx + errors_5xx", "callers": "requests"}

_RANKED = """
WITH pairs AS MATERIALIZED (
    SELECT key_id, product_id, {sums} FROM ({rows}) AS found GROUP BY key_id, product_id
), ranked AS (
    (SELECT 'key' AS kind, key_id, NULL::bigint AS product_id, {sums} FROM pairs
     GROUP BY key_id HAVING sum({weight}) > 0 ORDER BY sum({weight}) DESC, key_id LIMIT {most})
    UNION ALL
    (SELECT 'breach', key_id, product_id, {counts} FROM pairs WHERE over_qps > 0 AND %(wants_breaches)s
     ORDER BY over_qps DESC, key_id, product_id LIMIT {most})
    UNION ALL
    (SELECT DISTINCT ON (pairs.product_id) 'nearest', pairs.key_id, pairs.product_id, {counts} FROM pairs
     LEFT JOIN keys_keyproduct a ON a.key_id = pairs.key_id AND a.product_id = pairs.product_id
     LEFT JOIN keys_product p ON p.id = a.product_id
     WHERE pairs.peak_qps > 0 AND pairs.product_id > 0 AND %(wants_nearest)s
     ORDER BY pairs.product_id, pairs.peak_qps::float / coalesce(a.qps_limit, p.default_qps) DESC NULLS LAST, pairs.key_id)
)
SELECT ranked.*, k.public_id, k.name, k.deleted_at, coalesce(a.qps_limit, p.default_qps) AS qps
FROM ranked LEFT JOIN keys_apikey k ON k.id = ranked.key_id
LEFT JOIN keys_keyproduct a ON a.key_id = ranked.key_id AND a.product_id = ranked.product_id
LEFT JOIN keys_product p ON p.id = a.product_id
"""
_ORDER = {"key": "requests", "breach": "over_qps"}


def ranking(filters: Filters) -> Ranking:
    """Return what makes the view's figures up."""
    rows, parameters = pair_rows(filters)
    facts = parameters | {"wants_breaches": filters.view == "breaches", "wants_nearest": filters.view == "usage"}
    text = _RANKED.format(rows=rows, sums=_SUMS, counts=_COUNTS, weight=_WEIGHTS[filters.view], most=TABLE_ROWS)
    with connection.cursor() as cursor:
        cursor.execute(text, facts)
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return Ranking(
        keys=tuple(_key_row(row) for row in found if row["kind"] == "key"),
        breaches=tuple(_key_row(row) for row in found if row["kind"] == "breach"),
        nearest={
            row["product_id"]: Nearest(row["key_id"], row["name"] or "A removed key", row["peak_qps"], row["qps"])
            for row in found
            if row["kind"] == "nearest"
        },
    )


def _key_row(row: dict[str, Any]) -> KeyRow:
    is_gone = row["public_id"] is None or row["deleted_at"] is not None
    name, public_id = row["name"] or "A removed key", row["public_id"] or ""
    return KeyRow(public_id, name, is_gone, Counts.of(row), row["product_id"], row["qps"])


def pair_rows(filters: Filters) -> tuple[str, dict[str, Any]]:
    """Return SQL for the rows by key and product of the filters' period, and its parameters. Rows of one pair are to be added up."""
    period = filters.period
    parameters: dict[str, Any] = {"organization": filters.organization.pk}
    within = "organization_id = %(organization)s"
    if filters.keys:
        within += " AND key_id = ANY(%(keys)s)"
        parameters["keys"] = filters.key_ids
    if filters.product_ids:
        within += " AND product_id = ANY(%(products)s)"
        parameters["products"] = filters.product_ids
    parts = []
    for number, (table, column, start, end) in enumerate(_stretches(period)):
        parts.append(
            f"SELECT key_id, product_id, {_COUNTS} FROM {table} "  # noqa: S608  (names of this module)
            f"WHERE {within} AND {column} >= %(start{number})s AND {column} < %(end{number})s"
        )
        parameters |= {f"start{number}": start, f"end{number}": end}
    return " UNION ALL ".join(parts), parameters


def _stretches(period: Period) -> list[tuple[str, str, dt.date, dt.date]]:
    """Cover a period with rows that do not overlap: table, column, from, until."""
    if period.is_minutes:
        return [("usage_minute", "minute", period.start, period.end)]
    if not period.is_dates:  # hours have marks, which may lie before their beginning (see ranges.py)
        just = dt.timedelta(microseconds=1)
        return [("usage_hour", "hour", period.start - HOUR + just, period.end - HOUR + just)]
    first, end = period.first, period.last + DAY
    month = first if first.day == 1 else _following_month(first)
    until = end.replace(day=1)
    if month >= until:
        return [("usage_day", "date", first, end)]
    found = [("usage_month", "month", month, until)]
    if first < month:
        found.append(("usage_day", "date", first, month))
    if until < end:
        found.append(("usage_day", "date", until, end))
    return found


def _following_month(date: dt.date) -> dt.date:
    return (date.replace(day=1) + 32 * DAY).replace(day=1)
