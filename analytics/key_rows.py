"""The rows by bucket, key and product of a period, for files: one query that is read through a server-side cursor."""

from typing import Any

from analytics.filters import Filters
from analytics.ranges import HOUR, Bucket

_SUMS = """sum(u.requests), sum(u.over_qps), sum(u.errors_4xx), sum(u.errors_5xx), sum(u.duration_ms_sum), sum(u.duration_count),
    max(u.peak_qps)"""
_ROWS = """
SELECT {place} AS place, coalesce(k.public_id, ''), coalesce(k.name, 'A removed key'), u.product_id, {sums}
FROM {table} u LEFT JOIN keys_apikey k ON k.id = u.key_id
WHERE u.organization_id = %(organization)s AND {within} {narrower}
GROUP BY place, u.key_id, k.public_id, k.name, u.product_id
ORDER BY place, k.name, u.key_id, u.product_id
"""


def pair_buckets(filters: Filters, buckets: list[Bucket]) -> tuple[str, dict[str, Any]]:
    """Return SQL and parameters: index of the bucket, key's ID, key's name, product, and what was counted in the order of `Counts`."""
    period = filters.period
    facts: dict[str, Any] = {"organization": filters.organization.pk}
    if filters.step == "day" and period.is_dates:
        table, place, within = "usage_day", "u.date - %(first)s", "u.date >= %(first)s AND u.date <= %(last)s"
        facts |= {"first": period.first, "last": period.last}
    else:
        facts["starts"] = [bucket.start for bucket in buckets]
        if filters.step in ("minute", "five_minutes"):
            table, end, within = "usage_minute", "u.minute", "u.minute >= %(start)s AND u.minute < %(end)s"
            facts |= {"start": period.start, "end": period.end}
        else:  # placed and found by their ends (see ranges.py)
            table, end = "usage_hour", "u.hour + interval '59 minutes'"
            within = "u.hour > %(start)s AND u.hour <= %(end)s"
            facts |= {"start": period.start - HOUR, "end": period.end - HOUR}
        place = f"width_bucket({end}, %(starts)s::timestamptz[]) - 1"
    narrower = ""
    if filters.keys:
        narrower += " AND u.key_id = ANY(%(keys)s)"
        facts["keys"] = filters.key_ids
    if filters.product_ids:
        narrower += " AND u.product_id = ANY(%(products)s)"
        facts["products"] = filters.product_ids
    return _ROWS.format(table=table, place=place, within=within, narrower=narrower, sums=_SUMS), facts
