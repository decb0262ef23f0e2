"""Which keys and products make the figures up: the keys with the most, the breaches, the peaks nearest to a limit. One query.

Sums by key and product are read as coarsely as they are kept: whole months from the months, the dates around them from the days,
24 hours from the hours, an hour from the minutes. One pass over all keys adds up only what they are ranked by; everything else is
read for those that are shown.
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


_NAMES = ("requests", "over_qps", "errors_4xx", "errors_5xx", "duration_ms_sum", "duration_count")
_COUNTS = ", ".join([*_NAMES, "peak_qps"])
_SUMS = ", ".join([*(f"sum({name})::bigint AS {name}" for name in _NAMES), "max(peak_qps) AS peak_qps"])
_WEIGHTS = {"usage": "requests", "breaches": "over_qps", "errors": "errors_4xx + errors_5xx"}

_RANKED = """
WITH pairs AS MATERIALIZED (
    SELECT {group}, sum({weight})::bigint AS weight, max(peak_qps) AS peak_qps FROM ({rows}) AS found
    WHERE {weight} <> 0 GROUP BY {group}
), {shown}
SELECT shown.kind, shown.key_id, shown.product_id, counted.*, k.public_id, k.name, k.deleted_at, known.qps
FROM shown CROSS JOIN LATERAL (SELECT {sums} FROM ({rows_of_key}) AS found) counted LEFT JOIN LATERAL (
    SELECT public_id, name, deleted_at FROM keys_apikey WHERE id = shown.key_id LIMIT 1
) k ON true LEFT JOIN LATERAL ({limit}) known ON true
ORDER BY shown.weight DESC, shown.key_id, shown.product_id
"""
_OF_KEY = "key_id = shown.key_id AND (product_id = shown.product_id OR shown.product_id IS NULL)"
_MOST_KEYS = """
SELECT 'key' AS kind, key_id, NULL::bigint AS product_id, sum(weight) AS weight FROM pairs GROUP BY key_id
HAVING sum(weight) > 0 ORDER BY sum(weight) DESC, key_id LIMIT {most}"""
_MOST_PAIRS = """
SELECT 'breach' AS kind, key_id, product_id, weight FROM pairs WHERE weight > 0 ORDER BY weight DESC, key_id, product_id LIMIT {most}"""
# The limit of most pairs is the product's default, so the nearest of them has the highest peak: of each product a few of the highest
# are compared (a key may have lost the product since), and all that have a limit of their own.
_NEAREST = """own AS MATERIALIZED (
    SELECT a.key_id, a.product_id FROM keys_keyproduct a JOIN keys_apikey k ON k.id = a.key_id
    WHERE k.organization_id = %(organization)s AND a.qps_limit IS NOT NULL
), near AS (
    SELECT key_id, product_id, peak_qps FROM (
        SELECT pairs.*, row_number() OVER (PARTITION BY product_id ORDER BY peak_qps DESC) AS place FROM pairs
        WHERE peak_qps > 0 AND product_id > 0
    ) AS placed WHERE place <= {compared}
    UNION
    SELECT key_id, product_id, peak_qps FROM pairs JOIN own USING (key_id, product_id) WHERE peak_qps > 0
), nearest AS (
    SELECT DISTINCT ON (near.product_id) 'nearest', near.key_id, near.product_id, 0 FROM near LEFT JOIN LATERAL ({limit}) known ON true
    ORDER BY near.product_id, near.peak_qps::float / known.qps DESC NULLS LAST, near.key_id
)"""
_COMPARED = 5
# LIMIT keeps it a look-up of single rows: how many pairs there are is not known when the query is planned.
_LIMIT = """SELECT coalesce(a.qps_limit, p.default_qps) AS qps FROM keys_keyproduct a JOIN keys_product p ON p.id = a.product_id
    WHERE a.key_id = {pair}.key_id AND a.product_id = {pair}.product_id LIMIT 1"""


def ranking(filters: Filters) -> Ranking:
    """Return what the figures of a view other than callers are made up of."""
    rows, parameters = pair_rows(filters)
    text = _RANKED.format(
        rows=rows,
        rows_of_key=pair_rows(filters, whose=_OF_KEY)[0],
        shown=_shown(filters),
        sums=_SUMS,
        weight=_WEIGHTS[filters.view],
        group="key_id" if filters.view == "errors" else "key_id, product_id",
        limit=_LIMIT.format(pair="shown"),
    )
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
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


def _shown(filters: Filters) -> str:
    """Return SQL for what a view shows of `pairs`: kind, key, product and weight, as `shown`."""
    if filters.view == "breaches":
        return f"shown AS MATERIALIZED ({_MOST_PAIRS.format(most=TABLE_ROWS)})"
    most = _MOST_KEYS.format(most=TABLE_ROWS)
    if filters.view == "errors":
        return f"shown AS MATERIALIZED ({most})"
    nearest = _NEAREST.format(compared=_COMPARED, limit=_LIMIT.format(pair="near"))
    return f"{nearest}, shown AS MATERIALIZED (({most}) UNION ALL SELECT * FROM nearest)"  # noqa: S608  (names of this module)


def _key_row(row: dict[str, Any]) -> KeyRow:
    is_gone = row["public_id"] is None or row["deleted_at"] is not None
    name, public_id = row["name"] or "A removed key", row["public_id"] or ""
    return KeyRow(public_id, name, is_gone, Counts.of(row), row["product_id"], row["qps"])


def pair_rows(filters: Filters, *, whose: str = "") -> tuple[str, dict[str, Any]]:
    """Return SQL for the rows by key and product of the filters' period, and its parameters. Rows of one pair are to be added up.

    Keys, or `whose`, stand alone: what is new is not in the planner's statistics, so that beside them it would take the index of the
    organisation for as good, and read all of it for each key.
    """
    parameters: dict[str, Any] = {"organization": filters.organization.pk}
    within = whose or "organization_id = %(organization)s"
    if filters.keys and not whose:
        within = "key_id = ANY(%(keys)s)"
        parameters["keys"] = filters.key_ids
    if filters.product_ids:
        within += " AND product_id = ANY(%(products)s)"
        parameters["products"] = filters.product_ids
    parts = []
    for number, stretch in enumerate(_stretches(filters.period)):
        counts = (
            ", ".join(f"-{name} AS {name}" for name in _NAMES) + ", 0 AS peak_qps" if stretch.is_too_much else _COUNTS
        )
        parts.append(
            f"SELECT key_id, product_id, {counts} FROM {stretch.table} "  # noqa: S608  (names of this module)
            f"WHERE {within} AND {stretch.column} >= %(start{number})s AND {stretch.column} < %(end{number})s"
        )
        parameters |= {f"start{number}": stretch.start, f"end{number}": stretch.end}
    return " UNION ALL ".join(parts), parameters


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of a table from `start` until `end`; `is_too_much`: the others hold them too, so they are taken away."""

    table: str
    column: str
    start: dt.date
    end: dt.date
    is_too_much: bool = False


def _stretches(period: Period) -> list[_Stretch]:
    """Cover a period with rows that do not overlap.

    Of the running month the whole is read, as nothing came after today but from a gateway whose clock is ahead, which is taken away.
    """
    if period.is_minutes:
        return [_Stretch("usage_minute", "minute", period.start, period.end)]
    if not period.is_dates:  # hours have marks, which may lie before their beginning (see ranges.py)
        just = dt.timedelta(microseconds=1)
        return [_Stretch("usage_hour", "hour", period.start - HOUR + just, period.end - HOUR + just)]
    first, end = period.first, period.last + DAY
    month = first if first.day == 1 else _following_month(first)
    until = _following_month(period.last) if end > period.now.astimezone(period.zone).date() else end.replace(day=1)
    if month >= until:
        return [_Stretch("usage_day", "date", first, end)]
    found = [_Stretch("usage_month", "month", month, until)]
    if first < month:
        found.append(_Stretch("usage_day", "date", first, month))
    if until < end:
        found.append(_Stretch("usage_day", "date", until, end))
    elif end < until:
        found.append(_Stretch("usage_day", "date", end, until, is_too_much=True))
    return found


def _following_month(date: dt.date) -> dt.date:
    return (date.replace(day=1) + 32 * DAY).replace(day=1)
