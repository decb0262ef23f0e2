"""What the sparklines of a list of keys are drawn from: seven days in 28 pins of six hours, peaks, and the last day.

Hours that are long over hardly change any more. What they add up to is remembered for a minute by each process, so that for
who searches a list, letter after letter, the week of a key is counted once. The last two pins and the last day are read every time.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics.reasons import ANSWERED

FRESH: Final = 2
"""So many pins at the end are read every time: at least six hours, long after gateways have shipped what they counted."""
LAST_MINUTE: Final = dt.timedelta(minutes=59)
"""An hour belongs to the pin in which its last minute begins: hours of some zones begin at half past."""
REMEMBERED_MAX: Final = 20_000
"""Of so many keys; one more, and all are forgotten. A key takes about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest second of the week and that of the last day, of a product of the key, beside its limit."""

    product: str
    limit: int
    of_week: int
    of_day: int


@dataclass(frozen=True, slots=True)
class Pins:
    """Counts of one key: by pin all, refused, and passed on an old string; the last day's requests, QPS breaches, errors."""

    total: list[int]
    refused: list[int]
    old: list[int]
    day: tuple[int, int, int]
    peaks: tuple[Peak, ...]


@dataclass(frozen=True, slots=True)
class _Finished:
    """The finished pins of one key, and their highest second by product. `newest` is the string that made others old."""

    counted_at: dt.datetime
    newest: int | None
    total: list[int]
    refused: list[int]
    old: list[int]
    peaks: dict[int, int]


_remembered: dict[tuple[int, dt.datetime], _Finished] = {}


def of_keys(ids: list[int], starts: list[dt.datetime], day: dt.datetime) -> dict[int, Pins]:
    """Return counts by the primary key of a key. `starts` are where the pins begin, `day` is when the last day began.

    One query where the weeks of all keys are remembered, else two, however many keys.
    """
    earlier, running = starts[-FRESH], starts[-1]
    named: dict[str, Any] = {
        "ids": ids, "starts": starts, "first": starts[0], "day": day, "answered": ANSWERED, "earlier": earlier, "running": running,
        "earlier_hour": earlier - LAST_MINUTE, "running_hour": running - LAST_MINUTE,
    }  # fmt: skip
    fresh = {row[0]: row[1:] for row in _rows(_FRESH, named)}
    newest = {pk: fresh[pk][0] if pk in fresh else None for pk in ids}
    now, kept = timezone.now(), dt.timedelta(seconds=settings.USAGE_REMEMBERED_SECONDS)
    found = {pk: _remembered.get((pk, starts[0])) for pk in ids}
    known = {
        pk: week for pk, week in found.items() if week and now - week.counted_at < kept and week.newest == newest[pk]
    }
    if missing := [pk for pk in ids if pk not in known]:
        known |= _count(missing, named, newest, now)
        if len(_remembered) > REMEMBERED_MAX:
            _remembered.clear()
        _remembered.update({(pk, starts[0]): known[pk] for pk in missing})
    return {pk: _joined(known[pk], fresh.get(pk)) for pk in ids}


def _joined(week: _Finished, fresh: tuple[Any, ...] | None) -> Pins:
    if fresh is None:
        none = [0] * FRESH
        return Pins([*week.total, *none], [*week.refused, *none], [*week.old, *none], (0, 0, 0), ())
    _, ids, names, limits, of_fresh, of_day, *counts = fresh
    peaks = tuple(
        Peak(name, limit, max(highest or 0, week.peaks.get(pk, 0)), highest_of_day or 0)
        for pk, name, limit, highest, highest_of_day in zip(ids, names, limits, of_fresh, of_day, strict=True)
        if limit is not None  # a product that was taken from the key has no limit any more
    )
    requests, over_qps, errors, *pins = (count or 0 for count in counts)
    return Pins(
        [*week.total, *pins[:2]],
        [*week.refused, *pins[2:4]],
        [*week.old, *pins[4:]],
        (requests, over_qps, errors),
        peaks,
    )


def _count(
    ids: list[int], named: dict[str, Any], newest: dict[int, int | None], now: dt.datetime
) -> dict[int, _Finished]:
    """Add up the finished pins."""
    width = len(named["starts"]) - FRESH
    counted: dict[str, dict[int, dict[int, int]]] = {"all": {}, "refused": {}, "old": {}, "peak": {}}
    for kind, key_id, places, counts in _rows(_FINISHED, {**named, "ids": ids}):
        counted[kind][key_id] = dict(zip(places, counts, strict=True))

    def pins(kind: str, pk: int) -> list[int]:
        counts = counted[kind].get(pk, {})
        return [counts.get(pin, 0) for pin in range(width)]

    return {
        pk: _Finished(
            now, newest[pk], pins("all", pk), pins("refused", pk), pins("old", pk), counted["peak"].get(pk, {})
        )
        for pk in ids
    }


def _rows(sql: str, named: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, named)
        return cursor.fetchall()


# A request is on an old string when it came after the key was given a newer one; only strings that worked within the seven days
# are looked for.
_NEWEST = """newest AS (
    SELECT key_id, number, created_at FROM keys_keysecret AS secret
    WHERE key_id = ANY(%(ids)s) AND expires_at IS NULL AND retired_at IS NULL AND EXISTS (
        SELECT 1 FROM keys_keysecret WHERE key_id = secret.key_id AND number < secret.number AND expires_at > %(first)s)
)"""

# One row a key: its products in arrays, then sums. What came with a product that the key no longer has counts all the same.
_FRESH = f"""
WITH used AS (
    SELECT key_id, product_id, sum(requests) AS requests, sum(over_qps) AS over_qps, sum(errors_4xx + errors_5xx) AS errors,
           sum(requests) FILTER (WHERE hour >= %(earlier_hour)s AND hour < %(running_hour)s) AS earlier, sum(requests) FILTER (WHERE hour >= %(running_hour)s) AS running,
           max(peak_qps) AS peak, max(peak_qps) FILTER (WHERE hour >= %(earlier_hour)s) AS fresh_peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s) AND hour > %(day)s GROUP BY 1, 2
), held AS (
    SELECT key_id, product_id, name, position, coalesce(qps_limit, default_qps) AS qps
    FROM keys_keyproduct JOIN keys_product AS product ON product.id = product_id WHERE key_id = ANY(%(ids)s)
), by_key AS (
    SELECT key_id, array_agg(product_id) AS ids, array_agg(name) AS names, array_agg(qps) AS limits,
           array_agg(fresh_peak) AS fresh_peaks, array_agg(peak) AS peaks,
           sum(requests)::bigint AS requests, sum(over_qps)::bigint AS over_qps, sum(errors)::bigint AS errors,
           sum(earlier)::bigint AS earlier, sum(running)::bigint AS running
    FROM (SELECT * FROM used FULL JOIN held USING (key_id, product_id) ORDER BY key_id, position, name) AS products GROUP BY 1
), refused AS (
    SELECT key_id, (sum(requests) FILTER (WHERE hour < %(running_hour)s))::bigint AS earlier, (sum(requests) FILTER (WHERE hour >= %(running_hour)s))::bigint AS running
    FROM usage_error WHERE key_id = ANY(%(ids)s) AND hour >= %(earlier_hour)s AND outcome <> %(answered)s GROUP BY 1
), {_NEWEST}, old AS (
    SELECT key_id, (sum(passed) FILTER (WHERE minute < %(running)s))::bigint AS earlier, (sum(passed) FILTER (WHERE minute >= %(running)s))::bigint AS running
    FROM newest JOIN LATERAL (
        SELECT minute, requests - over_qps - errors_4xx - errors_5xx AS passed FROM usage_minute
        WHERE key_id = newest.key_id AND minute >= greatest(created_at, %(earlier)s) AND secret_number BETWEEN 1 AND number - 1
    ) AS minutes ON true GROUP BY 1
)
SELECT key_id, newest.number, ids, names, limits, fresh_peaks, peaks, requests, over_qps, errors,
       by_key.earlier, by_key.running, refused.earlier, refused.running, old.earlier, old.running
FROM by_key LEFT JOIN refused USING (key_id) LEFT JOIN newest USING (key_id) LEFT JOIN old USING (key_id)
"""  # noqa: S608 - put together from constants of this module

# A kind, a key, and for its places (pins, products) the counts.
_FINISHED = f"""
WITH hours AS MATERIALIZED (
    SELECT key_id, product_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests)::bigint AS requests, max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s) AND hour > %(first)s::timestamptz - interval '1 hour'
        AND hour < %(earlier_hour)s GROUP BY 1, 2, 3
), {_NEWEST}
SELECT 'all', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, pin, sum(requests)::bigint AS count FROM hours GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'refused', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin, sum(requests)::bigint AS count
    FROM usage_error WHERE key_id = ANY(%(ids)s) AND hour > %(first)s::timestamptz - interval '1 hour'
        AND hour < %(earlier_hour)s AND outcome <> %(answered)s GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'old', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(minute, %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests - over_qps - errors_4xx - errors_5xx)::bigint AS count
    FROM newest JOIN usage_minute USING (key_id)
    WHERE minute >= created_at AND minute >= %(first)s AND minute < %(earlier)s AND secret_number BETWEEN 1 AND number - 1 GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'peak', key_id, array_agg(product_id), array_agg(peak) FROM (
    SELECT key_id, product_id, max(peak)::bigint AS peak FROM hours GROUP BY 1, 2
) AS peaks GROUP BY key_id
"""  # noqa: S608 - put together from constants of this module
