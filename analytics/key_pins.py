"""What the sparklines of a list of keys are drawn from: seven days in 28 pins of six hours, peaks, and the last day.

Hours that are over hardly change any more. What they add up to is remembered for some minutes by each process, so that for
who searches a list, letter after letter, the week of a key is counted once. The running hour and the one before are read every time.
"""

import datetime as dt
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from analytics.charts import Column
from analytics.reasons import ANSWERED
from dashboard.statements import read

FRESH: Final = 2
"""The hours that are read every time are of these last pins."""
LAST_MINUTE: Final = dt.timedelta(minutes=59)
"""An hour belongs to the pin in which its last minute begins: hours of some zones begin at half past."""
REMEMBERED_MAX: Final = 20_000
"""Of so many keys; one more, and all are forgotten. A key takes about two kilobytes."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest second of the week and that of the last day, of a product of the key, beside its limit."""

    product: str
    limit: int
    of_week: int
    of_day: int


@dataclass(frozen=True, slots=True, eq=False)
class Pins:
    """Counts of one key, the same object as long as they are the same: all and refused ones, by pin what is drawn; the last day's requests, QPS breaches, errors."""

    requests: int
    refused: int
    finished: tuple[Column, ...]
    running: tuple[Column, ...]
    day: tuple[int, int, int]
    peaks: tuple[Peak, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Finished:
    """What the finished hours of one key add up to, from the first pin until an hour. `newest` is the string that made others old.

    `last` are all, refused and old requests of the last pins; the highest seconds of the week and of the day are by product.
    """

    counted_at: dt.datetime
    first: dt.datetime
    until: dt.datetime
    newest: int | None
    requests: int
    refused: int
    columns: tuple[Column, ...]
    last: tuple[Column, ...]
    peaks: dict[int, int]
    day: tuple[int, int, int]
    day_peaks: dict[int, int]


_remembered: dict[int, _Finished] = {}
_NOTHING: Final = (None, "[[], [], [], [], 0, 0, 0, 0, 0, 0, 0, 0, 0]")
JOINED_MAX: Final = 4096


def of_keys(ids: list[int], starts: list[dt.datetime], day: dt.datetime, until: dt.datetime) -> dict[int, Pins]:
    """Return counts by the primary key of a key. `starts` are where the pins begin, `day` is when the last day began.

    Hours are finished that began before `until`, the beginning of the hour before the running one. One query where the weeks of
    all keys are remembered, else two, however many keys.
    """
    named: dict[str, Any] = {
        "ids": ids, "starts": starts, "first": starts[0], "day": day, "until": until, "answered": ANSWERED,
        "running": starts[-1], "running_hour": starts[-1] - LAST_MINUTE,
    }  # fmt: skip
    fresh = {row[0]: row[1:] for row in read(_FRESH, named)}
    newest = {pk: fresh[pk][0] if pk in fresh else None for pk in ids}
    now, kept = timezone.now(), dt.timedelta(seconds=settings.USAGE_REMEMBERED_SECONDS)
    known = {
        pk: week
        for pk in ids
        if (week := _remembered.get(pk)) and now - week.counted_at < kept
        and (week.first, week.until, week.newest) == (starts[0], until, newest[pk])
    }  # fmt: skip
    if missing := [pk for pk in ids if pk not in known]:
        known |= _count(missing, named, newest, now)
        if len(_remembered) > REMEMBERED_MAX:
            _remembered.clear()
        _remembered.update({pk: known[pk] for pk in missing})
    return {pk: _joined(known[pk], fresh.get(pk, _NOTHING)[1]) for pk in ids}


@lru_cache(maxsize=JOINED_MAX)
def _joined(week: _Finished, told: str) -> Pins:
    """Join the finished hours with what the database tells of the last two."""
    ids, names, limits, highest, *counts = json.loads(told)
    peaks = tuple(
        Peak(name, limit, max(peak or 0, week.peaks.get(pk, 0)), max(peak or 0, week.day_peaks.get(pk, 0)))
        for pk, name, limit, peak in zip(ids, names, limits, highest, strict=True)
        if limit is not None  # a product that was taken from the key has no limit any more
    )
    requests, over_qps, errors, *counted = (count or 0 for count in counts)
    earlier, running = counted[:3], counted[3:]
    day = (week.day[0] + requests, week.day[1] + over_qps, week.day[2] + errors)
    last = tuple(
        (total + more, no + more_no, old + more_old)
        for (total, no, old), (more, more_no, more_old) in zip(week.last, (earlier, running), strict=True)
    )
    refused = week.refused + earlier[1] + running[1]
    return Pins(week.requests + requests, refused, week.columns, tuple(_column(*pin) for pin in last), day, peaks)


def _column(total: int, refused: int, old: int) -> Column:
    return old, max(0, total - refused - old), refused


def _count(
    ids: list[int], named: dict[str, Any], newest: dict[int, int | None], now: dt.datetime
) -> dict[int, _Finished]:
    """Add up the finished hours."""
    width = len(named["starts"])
    counted: dict[str, dict[int, dict[int, int]]] = {
        "all": {}, "refused": {}, "old": {}, "peak": {}, "day": {}, "day_peak": {}
    }  # fmt: skip
    for kind, key_id, places, counts in read(_FINISHED, {**named, "ids": ids}):
        counted[kind][key_id] = dict(zip(places, counts, strict=True))

    def finished(pk: int) -> _Finished:
        total, refused, old, day = (counted[kind].get(pk, {}) for kind in ("all", "refused", "old", "day"))
        pins = tuple((total.get(pin, 0), refused.get(pin, 0), old.get(pin, 0)) for pin in range(width))
        return _Finished(
            counted_at=now,
            first=named["first"],
            until=named["until"],
            newest=newest[pk],
            requests=sum(total.values()),
            refused=sum(refused.values()),
            columns=tuple(_column(*pin) for pin in pins[:-FRESH]),
            last=pins[-FRESH:],
            peaks=counted["peak"].get(pk, {}),
            day=(day.get(0, 0), day.get(1, 0), day.get(2, 0)),
            day_peaks=counted["day_peak"].get(pk, {}),
        )

    return {pk: finished(pk) for pk in ids}


# A request is on an old string when it came after the key was given a newer one; only strings that worked within the seven days
# are looked for.
_NEWEST = """newest AS (
    SELECT key_id, number, created_at FROM keys_keysecret AS secret
    WHERE key_id = ANY(%(ids)s::bigint[]) AND expires_at IS NULL AND retired_at IS NULL AND EXISTS (
        SELECT 1 FROM keys_keysecret WHERE key_id = secret.key_id AND number < secret.number AND expires_at > %(first)s)
)"""

# One row a key: its products in arrays, then sums. What came with a product that the key no longer has counts all the same.
_FRESH = f"""
WITH used AS (
    SELECT key_id, product_id, sum(requests) AS requests, sum(over_qps) AS over_qps, sum(errors_4xx + errors_5xx) AS errors,
           sum(requests) FILTER (WHERE hour < %(running_hour)s) AS earlier, sum(requests) FILTER (WHERE hour >= %(running_hour)s) AS running,
           max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s::bigint[]) AND hour >= %(until)s GROUP BY 1, 2
), held AS (
    SELECT key_id, product_id, name, position, coalesce(qps_limit, default_qps) AS qps
    FROM keys_keyproduct JOIN keys_product AS product ON product.id = product_id WHERE key_id = ANY(%(ids)s::bigint[])
), by_key AS (
    SELECT key_id, array_agg(product_id) AS ids, array_agg(name) AS names, array_agg(qps) AS limits, array_agg(peak) AS peaks,
           sum(requests)::bigint AS requests, sum(over_qps)::bigint AS over_qps, sum(errors)::bigint AS errors,
           sum(earlier)::bigint AS earlier, sum(running)::bigint AS running
    FROM (SELECT * FROM used FULL JOIN held USING (key_id, product_id) ORDER BY key_id, position, name) AS products GROUP BY 1
), refused AS (
    SELECT key_id, (sum(requests) FILTER (WHERE hour < %(running_hour)s))::bigint AS earlier, (sum(requests) FILTER (WHERE hour >= %(running_hour)s))::bigint AS running
    FROM usage_error WHERE key_id = ANY(%(ids)s::bigint[]) AND hour >= %(until)s AND outcome <> %(answered)s GROUP BY 1
), {_NEWEST}, old AS (
    SELECT key_id, (sum(passed) FILTER (WHERE minute < %(running)s))::bigint AS earlier, (sum(passed) FILTER (WHERE minute >= %(running)s))::bigint AS running
    FROM newest JOIN LATERAL (
        SELECT minute, requests - over_qps - errors_4xx - errors_5xx AS passed FROM usage_minute
        WHERE key_id = newest.key_id AND minute >= greatest(created_at, %(until)s) AND secret_number BETWEEN 1 AND number - 1
    ) AS minutes ON true GROUP BY 1
)
SELECT key_id, newest.number, json_build_array(ids, names, limits, peaks, requests, over_qps, errors,
       by_key.earlier, refused.earlier, old.earlier, by_key.running, refused.running, old.running)::text
FROM by_key LEFT JOIN refused USING (key_id) LEFT JOIN newest USING (key_id) LEFT JOIN old USING (key_id)
"""  # noqa: S608 - put together from constants of this module

# A kind, a key, and for its places (pins, products; of the day requests, breaches, errors) the counts.
_FINISHED = f"""
WITH hours AS MATERIALIZED (
    SELECT key_id, product_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests)::bigint AS requests, max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s::bigint[]) AND hour > %(first)s::timestamptz - interval '1 hour'
        AND hour < %(until)s GROUP BY 1, 2, 3
), day AS MATERIALIZED (
    SELECT key_id, product_id, sum(requests) AS requests, sum(over_qps) AS over_qps, sum(errors_4xx + errors_5xx) AS errors, max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s::bigint[]) AND hour > %(day)s AND hour < %(until)s GROUP BY 1, 2
), {_NEWEST}
SELECT 'all', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, pin, sum(requests)::bigint AS count FROM hours GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'refused', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin, sum(requests)::bigint AS count
    FROM usage_error WHERE key_id = ANY(%(ids)s::bigint[]) AND hour > %(first)s::timestamptz - interval '1 hour'
        AND hour < %(until)s AND outcome <> %(answered)s GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'old', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(minute, %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests - over_qps - errors_4xx - errors_5xx)::bigint AS count
    FROM newest JOIN usage_minute USING (key_id)
    WHERE minute >= created_at AND minute >= %(first)s AND minute < %(until)s AND secret_number BETWEEN 1 AND number - 1 GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'peak', key_id, array_agg(product_id), array_agg(peak) FROM (
    SELECT key_id, product_id, max(peak)::bigint AS peak FROM hours GROUP BY 1, 2
) AS peaks GROUP BY key_id
UNION ALL
SELECT 'day', key_id, ARRAY[0, 1, 2], ARRAY[sum(requests), sum(over_qps), sum(errors)]::bigint[] FROM day GROUP BY key_id
UNION ALL
SELECT 'day_peak', key_id, array_agg(product_id), array_agg(peak)::bigint[] FROM day GROUP BY key_id
"""  # noqa: S608 - put together from constants of this module
