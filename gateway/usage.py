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


_PARTS = {
    "deltas": sql.SQL("""
        WITH d AS (
            SELECT * FROM unnest(
                %(organization_ids)s::bigint[], %(key_ids)s::bigint[], %(product_ids)s::bigint[], %(secret_numbers)s::int[],
                %(minutes)s::timestamptz[], %(requests)s::bigint[], %(over_qps)s::bigint[], %(errors_4xx)s::bigint[],
                %(errors_5xx)s::bigint[], %(peaks_qps)s::int[], %(duration_ms_sums)s::bigint[], %(duration_counts)s::bigint[]
            ) AS d (organization_id, key_id, product_id, secret_number, minute, requests, over_qps, errors_4xx, errors_5xx,
                    peak_qps, duration_ms_sum, duration_count)
        )"""),
    "counts": sql.SQL("requests, over_qps, errors_4xx, errors_5xx, peak_qps, duration_ms_sum, duration_count"),
    "sums": sql.SQL(
        "sum(d.requests), sum(d.over_qps), sum(d.errors_4xx), sum(d.errors_5xx), max(d.peak_qps), sum(d.duration_ms_sum), sum(d.duration_count)"
    ),
    "add": sql.SQL("""DO UPDATE SET
        requests = t.requests + excluded.requests,
        over_qps = t.over_qps + excluded.over_qps,
        errors_4xx = t.errors_4xx + excluded.errors_4xx,
        errors_5xx = t.errors_5xx + excluded.errors_5xx,
        peak_qps = greatest(t.peak_qps, excluded.peak_qps),
        duration_ms_sum = t.duration_ms_sum + excluded.duration_ms_sum,
        duration_count = t.duration_count + excluded.duration_count"""),
    "zone": sql.SQL("LEFT JOIN accounts_organization o ON o.id = d.organization_id"),
    "hour": sql.SQL("date_trunc('hour', d.minute, coalesce(o.time_zone, 'UTC'))"),
    "date": sql.SQL("(d.minute AT TIME ZONE coalesce(o.time_zone, 'UTC'))::date"),
}

# Rows are locked in the order of the primary key everywhere, so that shippers wait for each other but never in a circle.
_MINUTES = sql.SQL("""{deltas}
    INSERT INTO usage_minute AS t (organization_id, key_id, minute, product_id, secret_number, {counts})
    SELECT max(d.organization_id), d.key_id, d.minute, d.product_id, d.secret_number, {sums}
    FROM d GROUP BY 2, 3, 4, 5 ORDER BY 2, 3, 4, 5
    ON CONFLICT (key_id, minute, product_id, secret_number) {add}""").format(**_PARTS)
_HOURS = sql.SQL("""{deltas}
    INSERT INTO usage_hour AS t (organization_id, key_id, hour, product_id, {counts})
    SELECT max(d.organization_id), d.key_id, {hour}, d.product_id, {sums}
    FROM d {zone} GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
    ON CONFLICT (key_id, hour, product_id) {add}""").format(**_PARTS)
_DAYS = sql.SQL("""{deltas}
    INSERT INTO usage_day AS t (organization_id, key_id, date, product_id, {counts})
    SELECT max(d.organization_id), d.key_id, {date}, d.product_id, {sums}
    FROM d {zone} GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
    ON CONFLICT (key_id, date, product_id) {add}""").format(**_PARTS)
_ERRORS = sql.SQL("""
    INSERT INTO usage_error AS t (organization_id, key_id, hour, product_id, status, outcome, requests)
    SELECT max(d.organization_id), d.key_id, {hour}, d.product_id, d.status, d.outcome, sum(d.requests)
    FROM unnest(
        %(organization_ids)s::bigint[], %(key_ids)s::bigint[], %(product_ids)s::bigint[], %(minutes)s::timestamptz[],
        %(statuses)s::smallint[], %(outcomes)s::text[], %(requests)s::bigint[]
    ) AS d (organization_id, key_id, product_id, minute, status, outcome, requests) {zone}
    GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6
    ON CONFLICT (key_id, hour, product_id, status, outcome) DO UPDATE SET requests = t.requests + excluded.requests
    """).format(**_PARTS)


def add(connection: psycopg.Connection[Any], deltas: Iterable[Delta]) -> None:
    """Add to the usage tables. The caller's transaction makes it one step with whatever else belongs to it."""
    remaining = iter(deltas)
    while batch := list(islice(remaining, BATCH)):
        _add_counts(connection, batch)
        _add_reasons(connection, batch)


def _array(values: Iterable[object]) -> str:
    """Return an array of numbers, times or plain words as PostgreSQL reads it; as a list it takes ten times as long to send."""
    return "{" + ",".join(map(str, values)) + "}"


def _add_counts(connection: psycopg.Connection[Any], batch: list[Delta]) -> None:
    columns = {
        "organization_ids": _array(delta.organization_id for delta in batch),
        "key_ids": _array(delta.key_id for delta in batch),
        "product_ids": _array(delta.product_id for delta in batch),
        "secret_numbers": _array(delta.secret_number for delta in batch),
        "minutes": _array(delta.minute for delta in batch),
        "requests": _array(delta.requests for delta in batch),
        "over_qps": _array(delta.over_qps for delta in batch),
        "errors_4xx": _array(delta.errors_4xx for delta in batch),
        "errors_5xx": _array(delta.errors_5xx for delta in batch),
        "peaks_qps": _array(delta.peak_qps for delta in batch),
        "duration_ms_sums": _array(delta.duration_ms_sum for delta in batch),
        "duration_counts": _array(delta.duration_count for delta in batch),
    }
    for statement in (_MINUTES, _HOURS, _DAYS):
        connection.execute(statement, columns)


def _add_reasons(connection: psycopg.Connection[Any], batch: list[Delta]) -> None:
    rows = [(delta, *reason) for delta in batch for reason in delta.reasons]
    if not rows:
        return
    connection.execute(
        _ERRORS,
        {
            "organization_ids": _array(delta.organization_id for delta, *_ in rows),
            "key_ids": _array(delta.key_id for delta, *_ in rows),
            "product_ids": _array(delta.product_id for delta, *_ in rows),
            "minutes": _array(delta.minute for delta, *_ in rows),
            "statuses": _array(status for _, status, _, _ in rows),
            "outcomes": _array(outcome for _, _, outcome, _ in rows),
            "requests": _array(count for *_, count in rows),
        },
    )
