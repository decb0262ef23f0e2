"""How many queries per second a key really made of a product: what a QPS limit is judged by."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

DAYS = 30


@dataclass(frozen=True, slots=True)
class Peaks:
    """The highest second of each minute with requests, over DAYS: its median, 95th and 99th percentile and maximum, in queries per second.

    `breaches` of `requests` were answered 429, counted by the hour.
    """

    p50: int = 0
    p95: int = 0
    p99: int = 0
    highest: int = 0
    requests: int = 0
    breaches: int = 0
    minutes: int = 0


_PEAKS = """
SELECT wanted.key_id, wanted.product_id, found.percentiles, found.highest, counted.requests, counted.breaches, found.minutes
FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (key_id, product_id)
CROSS JOIN LATERAL (
    SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY peak) AS percentiles, max(peak) AS highest, count(*) AS minutes
    FROM (
        SELECT max(peak_qps) AS peak
        FROM usage_minute u
        WHERE u.key_id = wanted.key_id AND u.product_id = wanted.product_id AND u.minute >= %s
        GROUP BY u.minute  -- two strings may share a minute
    ) AS of_minute
) AS found
CROSS JOIN LATERAL (
    SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(over_qps), 0) AS breaches
    FROM usage_hour u
    WHERE u.key_id = wanted.key_id AND u.product_id = wanted.product_id AND u.hour >= %s
) AS counted
WHERE found.minutes > 0
"""
_DAYS = """
SELECT wanted.key_id, wanted.product_id, extract(day FROM %s - u.hour)::int AS ago, max(u.peak_qps), sum(u.requests), sum(u.over_qps)
FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (key_id, product_id)
JOIN usage_hour u ON u.key_id = wanted.key_id AND u.product_id = wanted.product_id AND u.hour > %s
GROUP BY 1, 2, 3
"""


def peaks_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Peaks]:
    """Return the peaks by key and product, in one query; pairs without requests are missing. It reads every minute of the keys."""
    wanted = list(dict.fromkeys(pairs))
    if not wanted:
        return {}
    keys, products = [key for key, _ in wanted], [product for _, product in wanted]
    with connection.cursor() as cursor:
        cursor.execute(_PEAKS, [keys, products, _since(), _since()])
        return {
            (key, product): Peaks(p50, p95, p99, highest, int(requests), int(breaches), minutes)
            for key, product, (p50, p95, p99), highest, requests, breaches, minutes in cursor.fetchall()
        }


def days_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return by key and product the highest second of each stretch of 24 hours, the oldest of DAYS first, the running one last."""
    return {pair: days for pair, (days, _) in hours_of(pairs).items()}


def hours_of(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[tuple[int, ...], Peaks | None]]:
    """Return by key and product what `days_of` does, and what hours know of `Peaks`: the highest, requests and breaches.

    One query, which reads a sixtieth of what `peaks_of` reads.
    """
    wanted = list(dict.fromkeys(pairs))
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = {pair: [(0, 0, 0)] * DAYS for pair in wanted}
    keys, products = [key for key, _ in wanted], [product for _, product in wanted]
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [now, keys, products, now - dt.timedelta(days=DAYS)])
        for key, product, ago, *counted in cursor.fetchall():
            if 0 <= ago < DAYS:
                found[key, product][DAYS - 1 - ago] = (counted[0], int(counted[1]), int(counted[2]))
    return {pair: _of_days(days) for pair, days in found.items()}


def _of_days(days: list[tuple[int, int, int]]) -> tuple[tuple[int, ...], Peaks | None]:
    peaks, requests, breaches = zip(*days, strict=True)
    measured = Peaks(highest=max(peaks), requests=sum(requests), breaches=sum(breaches)) if any(requests) else None
    return peaks, measured


def _since() -> dt.datetime:
    return timezone.now() - dt.timedelta(days=DAYS)
