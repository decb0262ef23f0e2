"""Which keys and products make the figures up: the keys with the most, the breaches, the peaks nearest to a limit. One query.

Sums by key and product are read as coarsely as they are kept: whole months from the months, the dates around them from the days,
24 hours from the hours, an hour from the minutes.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

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


_NAMES = ("requests", "over_qps", "errors_4xx", "errors_5xx", "duration_ms_sum", "duration_count")
_COUNTS = ", ".join([*_NAMES, "peak_qps"])
_SUMS = ", ".join([*(f"sum({name})::bigint AS {name}" for name in _NAMES), "max(peak_qps) AS peak_qps"])
_WEIGHTS = {"usage": "requests", "breaches": "over_qps", "errors": "errors_4xx + errors_5xx", "callers": "requests"}

# The limit of most pairs is the product's default, so the nearest of them has the highest peak: of each product a few of the highest
# are compared (a key may have lost the product since), and all that have a limit of their own.
_RANKED = """
WITH pairs AS MATERIALIZED (
    SELECT key_id, product_id, {sums} FROM ({rows}) AS found GROUP BY key_id, product_id
), most AS (
    SELECT key_id, sum({weight})::bigint AS weight FROM pairs GROUP BY key_id ORDER BY weight DESC, key_id LIMIT {most}
), own AS MATERIALIZED (
    SELECT a.key_id, a.product_id FROM keys_keyproduct a JOIN keys_apikey k ON k.id = a.key_id
    WHERE k.organization_id = %(organization)s AND a.qps_limit IS NOT NULL AND %(wants_nearest)s
), near AS (
    SELECT {counts}, key_id, product_id FROM (
        SELECT pairs.*, row_number() OVER (PARTITION BY product_id ORDER BY peak_qps DESC) AS place FROM pairs
        WHERE peak_qps > 0 AND product_id > 0 AND %(wants_nearest)s
    ) AS placed WHERE place <= {compared}
    UNION
    SELECT {counts}, key_id, product_id FROM pairs JOIN own USING (key_id, product_id) WHERE peak_qps > 0
), ranked AS (
    SELECT 'key' AS kind, key_id, NULL::bigint AS product_id, {sums} FROM pairs JOIN most USING (key_id)
    WHERE weight > 0 GROUP BY key_id
    UNION ALL
    (SELECT 'breach', key_id, product_id, {counts} FROM pairs WHERE over_qps > 0 AND %(wants_breaches)s
     ORDER BY over_qps DESC, key_id, product_id LIMIT {most})
    UNION ALL
    (SELECT DISTINCT ON (near.product_id) 'nearest', near.key_id, near.product_id, {counts} FROM near
     LEFT JOIN LATERAL ({limit}) known ON true
     ORDER BY near.product_id, near.peak_qps::float / known.qps DESC NULLS LAST, near.key_id)
)
SELECT ranked.*, k.public_id, k.name, k.deleted_at, known.qps
FROM ranked LEFT JOIN LATERAL (
    SELECT public_id, name, deleted_at FROM keys_apikey WHERE id = ranked.key_id LIMIT 1
) k ON true LEFT JOIN LATERAL ({final_limit}) known ON true
ORDER BY ({weight}) DESC, ranked.key_id, ranked.product_id
"""
_COMPARED = 5
# LIMIT keeps it a look-up of single rows: how many pairs there are is not known when the query is planned.
_LIMIT = """SELECT coalesce(a.qps_limit, p.default_qps) AS qps FROM keys_keyproduct a JOIN keys_product p ON p.id = a.product_id
    WHERE a.key_id = {pair}.key_id AND a.product_id = {pair}.product_id LIMIT 1"""


def ranking(filters: Filters) -> Ranking:
    """Return what makes the view's figures up."""
    rows, parameters = pair_rows(filters)
    facts = parameters | {"wants_breaches": filters.view == "breaches", "wants_nearest": filters.view == "usage"}
    text = _RANKED.format(
        rows=rows,
        sums=_SUMS,
        counts=_COUNTS,
        weight=_WEIGHTS[filters.view],
        most=TABLE_ROWS,
        compared=_COMPARED,
        limit=_LIMIT.format(pair="near"),
        final_limit=_LIMIT.format(pair="ranked"),
    )
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL work_mem = '16MB'"
        )  # so that the sums of thousands of keys stay in memory: twice as fast
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
