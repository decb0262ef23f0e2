"""How many queries per second a key really made of a product: what a QPS limit is judged by."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

DAYS = 30


@dataclass(frozen=True, slots=True)
class Peaks:
    """The highest second of each minute with requests: its median, 95th and 99th percentile and maximum, in queries per second.

    They are of the last DAYS dates of the organisation's time zone, today included. `breaches` of `requests` were answered 429.
    """

    p50: int = 0
    p95: int = 0
    p99: int = 0
    highest: int = 0
    requests: int = 0
    breaches: int = 0
    minutes: int = 0


WANTED = f"""
WITH wanted AS MATERIALIZED (
    SELECT pair.key_id, pair.product_id, today.date AS today, (today.date - {DAYS - 1})::timestamp AT TIME ZONE o.time_zone AS since
    FROM unnest(%(keys)s::bigint[], %(products)s::bigint[]) AS pair (key_id, product_id)
    JOIN keys_apikey k ON k.id = pair.key_id JOIN accounts_organization o ON o.id = k.organization_id
    CROSS JOIN LATERAL (SELECT (%(now)s AT TIME ZONE o.time_zone)::date AS date) AS today
)
"""  # noqa: S608  (a number of this module)
"""Keys and products with the date of today, and the instant at which the first of the DAYS dates began."""

_PEAKS = """
SELECT wanted.key_id, wanted.product_id, found.percentiles, found.highest, found.requests, found.breaches, found.minutes
FROM wanted
CROSS JOIN LATERAL (
    SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY peak) AS percentiles, max(peak) AS highest, count(*) AS minutes,
           sum(requests) AS requests, sum(breaches) AS breaches
    FROM (
        SELECT max(peak_qps) AS peak, sum(requests) AS requests, sum(over_qps) AS breaches
        FROM usage_minute u
        WHERE u.key_id = wanted.key_id AND u.product_id = wanted.product_id AND u.minute >= wanted.since
        GROUP BY u.minute  -- two strings may share a minute
    ) AS of_minute
) AS found
WHERE found.minutes > 0
"""
_DAYS = """
SELECT wanted.key_id, wanted.product_id, wanted.today - u.date, u.peak_qps, u.requests, u.over_qps
FROM wanted JOIN usage_day u ON u.key_id = wanted.key_id AND u.product_id = wanted.product_id
    AND u.date BETWEEN wanted.today - %(before)s AND wanted.today
"""


def wanted(pairs: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """Return the parameters of WANTED."""
    chosen = list(pairs)
    return {"keys": [key for key, _ in chosen], "products": [product for _, product in chosen], "now": timezone.now()}


def peaks_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Peaks]:
    """Return the peaks by key and product, in one query; pairs without requests are missing. It reads every minute of the keys."""
    chosen = set(pairs)
    if not chosen:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(WANTED + _PEAKS, wanted(chosen))
        return {
            (key, product): Peaks(p50, p95, p99, highest, int(requests), int(breaches), minutes)
            for key, product, (p50, p95, p99), highest, requests, breaches, minutes in cursor.fetchall()
        }


def days_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[tuple[int, ...], Peaks | None]]:
    """Return by key and product the highest second of each date, the oldest of DAYS first, and what dates know of `Peaks`.

    These are the highest, requests and breaches, equal to those of `peaks_of`. One query, which reads a row for each date.
    """
    chosen = set(pairs)
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = {pair: [(0, 0, 0)] * DAYS for pair in chosen}
    with connection.cursor() as cursor:
        cursor.execute(WANTED + _DAYS, wanted(chosen) | {"before": DAYS - 1})
        for key, product, ago, *counted in cursor.fetchall():
            found[key, product][DAYS - 1 - ago] = (counted[0], counted[1], counted[2])
    return {pair: _of_days(days) for pair, days in found.items()}


def _of_days(days: list[tuple[int, int, int]]) -> tuple[tuple[int, ...], Peaks | None]:
    peaks, requests, breaches = zip(*days, strict=True)
    measured = Peaks(highest=max(peaks), requests=sum(requests), breaches=sum(breaches)) if any(requests) else None
    return peaks, measured
