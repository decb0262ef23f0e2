"""Counted requests into the usage tables: additive, so that batches of many gateways add up. SQL in, nothing out.

Used by the shipper and by the demo's history. Hours and days are those of the organisation's time zone.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

BATCH = 5_000


@dataclass(slots=True)  # not frozen: the shipper makes thousands at once, see requests.py
class Delta:
    """What one key, product and string added to one minute (UTC).

    `requests` is the total; `over_qps` (429), `errors_4xx` (all other 4xx) and `errors_5xx` are parts of it. `reasons` has
    (status, outcome, count) for each status from 400 on. Durations are known of some requests: their sum and number.
    """

    organization_id: int
    key_id: int
    product_id: int
    secret_number: int
    minute: dt.datetime
    requests: int
    over_qps: int
    errors_4xx: int
    errors_5xx: int
    peak_qps: int
    reasons: tuple[tuple[int, str, int], ...] = ()
    duration_ms_sum: int = 0
    duration_count: int = 0


LOCK = 20_261_123
"""The advisory lock between those who add (shared) and whoever counts tables anew from others (exclusive, see analytics/rebuild.py)."""

_DELTAS = sql.SQL("""
    SELECT * FROM unnest(
        %(organization_ids)s::bigint[], %(key_ids)s::bigint[], %(product_ids)s::bigint[], %(secret_numbers)s::int[],
        %(minutes)s::timestamptz[], %(requests)s::bigint[], %(over_qps)s::bigint[], %(errors_4xx)s::bigint[],
        %(errors_5xx)s::bigint[], %(peaks_qps)s::int[], %(duration_ms_sums)s::bigint[], %(duration_counts)s::bigint[]
    ) AS d (organization_id, key_id, product_id, secret_number, minute, requests, over_qps, errors_4xx, errors_5xx,
            peak_qps, duration_ms_sum, duration_count)""")
_REASONS = sql.SQL("""
    SELECT * FROM unnest(
        %(organization_ids)s::bigint[], %(key_ids)s::bigint[], %(product_ids)s::bigint[], %(minutes)s::timestamptz[],
        %(statuses)s::smallint[], %(outcomes)s::text[], %(requests)s::bigint[]
    ) AS d (organization_id, key_id, product_id, minute, status, outcome, requests)""")
_ADDITIVE = ("requests", "over_qps", "errors_4xx", "errors_5xx", "duration_ms_sum", "duration_count")
_PARTS = {
    "counts": sql.SQL(", ").join(map(sql.Identifier, (*_ADDITIVE, "peak_qps"))),
    "sums": sql.SQL(", ").join([*(sql.SQL("sum(d.{})").format(sql.Identifier(name)) for name in _ADDITIVE),
                                sql.SQL("max(d.peak_qps)")]),
    "add": sql.SQL(", ").join([*(sql.SQL("{0} = t.{0} + excluded.{0}").format(sql.Identifier(name)) for name in _ADDITIVE),
                               sql.SQL("peak_qps = greatest(t.peak_qps, excluded.peak_qps)")]),
    "zone": sql.SQL("LEFT JOIN accounts_organization o ON o.id = d.organization_id"),
}  # fmt: skip
_BUCKETS = {
    "minute": sql.SQL("d.minute"),
    "hour": sql.SQL("date_trunc('hour', d.minute, coalesce(o.time_zone, 'UTC'))"),
    "date": sql.SQL("(d.minute AT TIME ZONE coalesce(o.time_zone, 'UTC'))::date"),
    "month": sql.SQL("date_trunc('month', d.minute AT TIME ZONE coalesce(o.time_zone, 'UTC'))::date"),
}


def _adding(table: str, *places: str) -> sql.Composed:
    """Return the statement that adds deltas to a table whose primary key is `places`.

    Rows are locked in the order of the primary key, and the tables in one order, so that shippers wait for each other but never
    in a circle.
    """
    is_by_key = "key_id" in places
    return sql.SQL("""
        INSERT INTO {table} AS t ({key} {owner}, {counts}) SELECT {places} {owned}, {sums} FROM ({deltas}) d {zone}
        GROUP BY {numbers} ORDER BY {numbers} ON CONFLICT ({key}) DO UPDATE SET {add}""").format(
        table=sql.Identifier(table),
        key=sql.SQL(", ").join(map(sql.Identifier, places)),
        places=sql.SQL(", ").join(_BUCKETS.get(place, sql.Identifier("d", place)) for place in places),
        numbers=sql.SQL(", ").join(sql.Literal(number) for number in range(1, len(places) + 1)),
        owner=sql.SQL(", organization_id" if is_by_key else ""),
        owned=sql.SQL(", max(d.organization_id)" if is_by_key else ""),
        deltas=_DELTAS,
        **_PARTS,
    )


_COUNTED = (
    _adding("usage_minute", "key_id", "minute", "product_id", "secret_number"),
    _adding("usage_hour", "key_id", "hour", "product_id"),
    _adding("usage_day", "key_id", "date", "product_id"),
    _adding("usage_month", "key_id", "month", "product_id"),
    _adding("usage_organization_minute", "organization_id", "minute", "product_id"),
    _adding("usage_organization_hour", "organization_id", "hour", "product_id"),
    _adding("usage_organization_day", "organization_id", "date", "product_id"),
)
_EXPLAINED = (
    sql.SQL("""
        INSERT INTO usage_error AS t (key_id, hour, product_id, status, outcome, organization_id, requests)
        SELECT d.key_id, {hour}, d.product_id, d.status, d.outcome, max(d.organization_id), sum(d.requests)
        FROM ({reasons}) d {zone} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (key_id, hour, product_id, status, outcome) DO UPDATE SET requests = t.requests + excluded.requests
        """).format(hour=_BUCKETS["hour"], reasons=_REASONS, zone=_PARTS["zone"]),
    sql.SQL("""
        INSERT INTO usage_organization_error AS t (organization_id, date, product_id, status, outcome, key_id, requests)
        SELECT d.organization_id, {date}, d.product_id, d.status, d.outcome, max(d.key_id), sum(d.requests)
        FROM ({reasons}) d {zone} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (organization_id, date, product_id, status, outcome)
        DO UPDATE SET requests = t.requests + excluded.requests, key_id = excluded.key_id
        """).format(date=_BUCKETS["date"], reasons=_REASONS, zone=_PARTS["zone"]),
)


def add(connection: psycopg.Connection[Any], deltas: Iterable[Delta]) -> None:
    """Add to the usage tables. The caller's transaction makes it one step with whatever else belongs to it."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (LOCK,))
    remaining = iter(deltas)
    while batch := list(islice(remaining, BATCH)):
        columns = _columns(batch)
        for statement in _COUNTED:
            connection.execute(statement, columns)
        if reasons := [(delta, *reason) for delta in batch for reason in delta.reasons]:
            explained = _reason_columns(reasons)
            for statement in _EXPLAINED:
                connection.execute(statement, explained)


def _array(values: Iterable[object]) -> str:
    """Return an array of numbers, times or plain words as PostgreSQL reads it; as a list it takes ten times as long to send."""
    return "{" + ",".join(map(str, values)) + "}"


def _columns(batch: list[Delta]) -> dict[str, str]:
    return {
        "organization_ids": _array(delta.organization_id for delta in batch),
        "key_ids": _array(delta.key_id for delta in batch),
        "product_ids": _array(delta.product_id for delta in batch),
        "secret_numbers": _array(delta.secret_number for delta in batch),
        "minutes": _array(delta.minute.isoformat() for delta in batch),
        "requests": _array(delta.requests for delta in batch),
        "over_qps": _array(delta.over_qps for delta in batch),
        "errors_4xx": _array(delta.errors_4xx for delta in batch),
        "errors_5xx": _array(delta.errors_5xx for delta in batch),
        "peaks_qps": _array(delta.peak_qps for delta in batch),
        "duration_ms_sums": _array(delta.duration_ms_sum for delta in batch),
        "duration_counts": _array(delta.duration_count for delta in batch),
    }


def _reason_columns(rows: list[tuple[Delta, int, str, int]]) -> dict[str, str]:
    return {
        "organization_ids": _array(delta.organization_id for delta, *_ in rows),
        "key_ids": _array(delta.key_id for delta, *_ in rows),
        "product_ids": _array(delta.product_id for delta, *_ in rows),
        "minutes": _array(delta.minute.isoformat() for delta, *_ in rows),
        "statuses": _array(status for _, status, _, _ in rows),
        "outcomes": _array(outcome for _, _, outcome, _ in rows),
        "requests": _array(count for *_, count in rows),
    }
