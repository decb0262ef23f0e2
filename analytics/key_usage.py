"""What key lists and key pages show of usage: seven days in 28 pins of six hours, the peak nearest to a limit, the last day."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Organization
from analytics import charts
from analytics.charts import Sketch
from analytics.key_states import DayTraffic
from analytics.models import RequestRecord, UsageError, UsageHour
from analytics.queries import hour_place
from analytics.ranges import DAY, HOUR, day_start, hour_start
from analytics.reasons import ANSWERED
from keys.models import KeyProduct

DAYS = 7
PINS = charts.SKETCH_PINS
RECENT_REQUESTS = 1000
"""So many of the last requests are looked at for the networks they came from."""


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """Seven days of one key. `refused` is what the gateway refused; `peak_product`, `peak_limit` belong to `peak_qps`."""

    requests: int
    refused: int
    peak_qps: int
    peak_product: str
    peak_limit: int | None
    sketch: Sketch
    uses_old_string: bool
    day: DayTraffic

    @property
    def is_all_refused(self) -> bool:
        """Whether requests came and none passed."""
        return 0 < self.requests == self.refused

    @property
    def is_over(self) -> bool:
        """Whether a peak was above its limit."""
        return self.peak_limit is not None and self.peak_qps > self.peak_limit

    @property
    def state(self) -> str:
        """`unused`, `grace`, `breaching` or `healthy`, for styling."""
        if not self.requests:
            return "unused"
        return "grace" if self.uses_old_string else "breaching" if self.is_over else "healthy"

    @property
    def sentence(self) -> str:
        """What the sparkline says to those who do not see it."""
        if not self.requests:
            return "No requests in 7 days"
        noun = "request" if self.requests == 1 else "requests"
        return f"{self.requests:,} {noun} in 7 days, {self.refused:,} refused"


Limits = list[tuple[int, int, str, int]]
Peak = tuple[int, str, int | None]
"""The highest second, the product's name, its limit."""

NOTHING = KeyUsage(0, 0, 0, "", None, charts.sketch([0] * PINS), uses_old_string=False, day=DayTraffic())


@dataclass(frozen=True, slots=True)
class DayUsage:
    """The last 24 hours of one key by the hour, the running one last. `networks` are those of the last requests kept."""

    requests: int
    refused: int
    hours: tuple[int, ...]
    networks: int
    sketch: Sketch


def pin_starts(now: dt.datetime, organization: Organization) -> list[dt.datetime]:
    """Return where the 28 pins begin: 00:00, 06:00, 12:00 and 18:00 of seven days of the zone, the last pin running."""
    zone = organization.zone
    local = now.astimezone(zone)
    running = local.hour // 6
    starts = []
    for pin in range(running - PINS + 1, running + 1):
        days, quarter = divmod(pin, 4)
        date = local.date() + days * DAY
        starts.append(
            dt.datetime.combine(date, dt.time(quarter * 6), zone).astimezone(dt.UTC)
            if quarter
            else day_start(date, zone)
        )
    return starts


def of_keys(ids: list[int], organization: Organization) -> dict[int, KeyUsage]:
    """Return the last seven days by the primary key of a key. Two queries, however many keys: limits and usage."""
    if not ids:
        return {}
    now = timezone.now()
    starts = pin_starts(now, organization)
    found: dict[tuple[str, int], list[int]] = {}
    peaks: dict[tuple[int, int], int] = {}
    last_day: list[dict[str, Any]] = []
    for row in _read(ids, starts, hour_start(now, organization.zone) - 24 * HOUR):
        if row["kind"] == "day":
            last_day.append(row)
            continue
        pins = found.setdefault((row["kind"], row["key_id"]), [0] * PINS)
        pins[row["pin"]] += int(row["count"])
        if row["peak"]:
            place = (row["key_id"], row["product_id"])
            peaks[place] = max(peaks.get(place, 0), row["peak"])
    limits = _limits(ids)
    nearest = _nearest(limits, peaks)
    days = _last_day(last_day, limits)
    empty = [0] * PINS
    return {
        pk: _usage(
            total=found.get(("all", pk), empty),
            refused=found.get(("refused", pk), empty),
            old=found.get(("old", pk), empty),
            nearest=nearest.get(pk, (0, "", None)),
            day=days.get(pk, DayTraffic()),
        )
        for pk in ids
    }


def _usage(
    *, total: list[int], refused: list[int], old: list[int], nearest: Peak, day: DayTraffic
) -> KeyUsage:  # fmt: skip
    passed = [max(0, pin - no - before) for pin, no, before in zip(total, refused, old, strict=True)]
    sketch = charts.sketch(passed, old, refused)
    return KeyUsage(sum(total), sum(refused), *nearest, sketch, uses_old_string=any(old), day=day)


def _last_day(rows: list[dict[str, Any]], limits: Limits) -> dict[int, DayTraffic]:
    """Return the running hour and the 23 before it by key."""
    sums: dict[int, list[int]] = {}
    peaks: dict[tuple[int, int], int] = {}
    for row in rows:
        peaks[row["key_id"], row["product_id"]] = row["peak"]
        counted = sums.setdefault(row["key_id"], [0, 0, 0])
        for place, count in enumerate((row["count"], row["over"], row["errors"])):
            counted[place] += int(count)
    nearest = _nearest(limits, peaks)
    found = {}
    for pk, (requests, over_qps, errors) in sums.items():
        peak, product, limit = nearest.get(pk, (0, "", None))
        found[pk] = DayTraffic(requests, over_qps, errors, peak, limit, product)
    return found


# What came on old strings is read from the minutes since a key has its newest string, so that it costs nothing where none was rotated.
_USAGE = """
SELECT 'all' AS kind, key_id, product_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin,
       sum(requests) AS count, max(peak_qps) AS peak, 0 AS over, 0 AS errors
FROM usage_hour WHERE key_id = ANY(%(keys)s) AND hour > %(hours_after)s GROUP BY key_id, product_id, pin
UNION ALL
SELECT 'day', key_id, product_id, 0, sum(requests), max(peak_qps), sum(over_qps), sum(errors_4xx + errors_5xx)
FROM usage_hour WHERE key_id = ANY(%(keys)s) AND hour > %(day_after)s GROUP BY key_id, product_id
UNION ALL
SELECT 'refused', key_id, product_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin, sum(requests), 0, 0, 0
FROM usage_error WHERE key_id = ANY(%(keys)s) AND hour > %(hours_after)s AND outcome <> %(answered)s GROUP BY key_id, product_id, pin
UNION ALL
SELECT 'old', u.key_id, u.product_id, width_bucket(u.minute, %(starts)s::timestamptz[]) - 1 AS pin,
       sum(u.requests - u.over_qps - u.errors_4xx - u.errors_5xx), 0, 0, 0
FROM keys_apikey k
CROSS JOIN LATERAL (
    SELECT number, created_at FROM keys_keysecret
    WHERE key_id = k.id AND expires_at IS NULL AND retired_at IS NULL ORDER BY number DESC LIMIT 1
) AS newest
JOIN usage_minute u ON u.key_id = k.id AND u.minute >= greatest(newest.created_at, %(start)s)
    AND u.secret_number >= 1 AND u.secret_number < newest.number
WHERE k.id = ANY(%(keys)s) AND k.rotated_at IS NOT NULL GROUP BY u.key_id, u.product_id, pin
"""


def _read(ids: list[int], starts: list[dt.datetime], day_after: dt.datetime) -> list[dict[str, Any]]:
    """Sum requests, refusals and requests on old strings by key, product and pin, and the hours after a mark, in one query.

    A request is on an old string when it came after the key was given a newer one.
    """
    facts: dict[str, Any] = {"keys": ids, "starts": starts, "start": starts[0], "hours_after": starts[0] - HOUR}
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, facts | {"day_after": day_after, "answered": ANSWERED})
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _limits(ids: list[int]) -> Limits:
    """Return key, product, its name and its limit, in one query."""
    return list(
        KeyProduct.objects.filter(key_id__in=ids).values_list(
            "key_id", "product_id", "product__name", Coalesce("qps_limit", "product__default_qps")
        )
    )


def _nearest(limits: Limits, peaks: dict[tuple[int, int], int]) -> dict[int, Peak]:
    """Choose for each key the product whose peak comes nearest to its limit."""
    chosen: dict[int, Peak] = {}
    ratios: dict[int, float] = {}
    for key_id, product_id, name, limit in limits:
        peak = peaks.get((key_id, product_id), 0)
        if peak and peak / limit > ratios.get(key_id, 0):
            ratios[key_id], chosen[key_id] = peak / limit, (peak, name, limit)
    return chosen


def of_last_day(key_id: int, organization: Organization) -> DayUsage:
    """Return the last 24 hours of one key. Three queries that do not grow with its traffic."""
    now = timezone.now()
    start = hour_start(now, organization.zone) - 23 * HOUR
    starts = [start + number * HOUR for number in range(24)]
    rows = UsageHour.objects.filter(key_id=key_id, hour__gt=start - HOUR)
    by_hour = rows.values(place=hour_place(starts)).annotate(count=Sum("requests"))
    hours = [0] * 24
    for row in by_hour.order_by():
        hours[row["place"]] += row["count"]
    errors = UsageError.objects.filter(key_id=key_id, hour__gt=start - HOUR).exclude(outcome=ANSWERED)
    refused = errors.aggregate(count=Coalesce(Sum("requests"), 0))["count"]
    recent = (
        RequestRecord.objects.filter(key_id=key_id, at__gte=start).order_by("-at").values("network")[:RECENT_REQUESTS]
    )
    networks = {row["network"] for row in recent} - {""}
    return DayUsage(sum(hours), refused, tuple(hours), len(networks), charts.sketch(hours))
