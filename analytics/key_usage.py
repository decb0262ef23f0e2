"""What key lists and key pages show of usage: seven days in 28 pins of six hours, the peak nearest to a limit, the last day."""

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Organization
from analytics import charts
from analytics.charts import Sketch
from analytics.key_states import DayTraffic
from analytics.models import RequestRecord, UsageError, UsageHour
from analytics.ranges import DAY, HOUR, day_start, hour_start
from analytics.reasons import ANSWERED
from dashboard import words
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
            return gettext("No requests in 7 days")
        told = {"requests": words.requests(self.requests), "refused": words.number(self.refused)}
        return gettext("%(requests)s in 7 days, %(refused)s refused") % told


Limits = list[tuple[int, int, str, int]]
Peak = tuple[int, str, int | None]
"""The highest second, the product's name, its limit."""

NO_PEAK: Peak = (0, "", None)

NOTHING = KeyUsage(0, 0, 0, "", None, charts.sketch([0] * PINS), uses_old_string=False, day=DayTraffic())


@dataclass(frozen=True, slots=True)
class DayUsage:
    """The last 24 hours of one key, of which the running one is the last. `networks` are those of the last requests kept."""

    requests: int
    refused: int
    networks: int


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
    """Return the last seven days by the primary key of a key. Two queries, however many keys."""
    if not ids:
        return {}
    now = timezone.now()
    counted = _count(ids, pin_starts(now, organization), hour_start(now, organization.zone) - 24 * HOUR)
    limits = _limits(ids)
    nearest, nearest_of_day = _nearest(limits, counted["peak"]), _nearest(limits, counted["peak of day"])
    usages = {}
    for pk in ids:
        total, refused, old = (_pins(counted[kind].get(pk, {})) for kind in ("all", "refused", "old"))
        passed = [max(0, pin - no - before) for pin, no, before in zip(total, refused, old, strict=True)]
        of_day = counted["day"].get(pk, {})
        requests, over_qps, errors = (of_day.get(place, 0) for place in range(3))
        peak, product, limit = nearest_of_day.get(pk, NO_PEAK)
        usages[pk] = KeyUsage(
            sum(total),
            sum(refused),
            *nearest.get(pk, NO_PEAK),
            charts.sketch(passed, old, refused),
            uses_old_string=any(old),
            day=DayTraffic(requests, over_qps, errors, peak, limit, product),
        )
    return usages


# What the database adds up comes in few rows: a kind, a key, and for its places (pins, products) the counts. A request is on an old
# string when it came after the key was given a newer one; only strings that worked within the seven days are looked for.
_COUNT = """
WITH hours AS MATERIALIZED (
    SELECT key_id, product_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests)::bigint AS requests, max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s) AND hour > %(first)s::timestamptz - interval '1 hour' GROUP BY 1, 2, 3
), day AS MATERIALIZED (
    SELECT key_id, product_id, sum(requests)::bigint AS requests, sum(over_qps)::bigint AS over_qps,
           sum(errors_4xx + errors_5xx)::bigint AS errors, max(peak_qps) AS peak
    FROM usage_hour WHERE key_id = ANY(%(ids)s) AND hour > %(day)s GROUP BY 1, 2
), newest AS (
    SELECT key_id, number, created_at FROM keys_keysecret AS secret
    WHERE key_id = ANY(%(ids)s) AND expires_at IS NULL AND retired_at IS NULL AND EXISTS (
        SELECT 1 FROM keys_keysecret WHERE key_id = secret.key_id AND number < secret.number AND expires_at > %(first)s)
)
SELECT 'all', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, pin, sum(requests)::bigint AS count FROM hours GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'refused', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(hour + interval '59 minutes', %(starts)s::timestamptz[]) - 1 AS pin, sum(requests)::bigint AS count
    FROM usage_error WHERE key_id = ANY(%(ids)s) AND hour > %(first)s::timestamptz - interval '1 hour' AND outcome <> %(answered)s GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'old', key_id, array_agg(pin), array_agg(count) FROM (
    SELECT key_id, width_bucket(minute, %(starts)s::timestamptz[]) - 1 AS pin,
           sum(requests - over_qps - errors_4xx - errors_5xx)::bigint AS count
    FROM newest JOIN usage_minute USING (key_id)
    WHERE minute >= created_at AND minute >= %(first)s AND secret_number BETWEEN 1 AND number - 1 GROUP BY 1, 2
) AS pins GROUP BY key_id
UNION ALL
SELECT 'peak', key_id, array_agg(product_id), array_agg(peak) FROM (
    SELECT key_id, product_id, max(peak)::bigint AS peak FROM hours GROUP BY 1, 2
) AS peaks GROUP BY key_id
UNION ALL
SELECT 'peak of day', key_id, array_agg(product_id), array_agg(peak::bigint) FROM day GROUP BY key_id
UNION ALL
SELECT 'day', key_id, ARRAY[0, 1, 2], ARRAY[sum(requests), sum(over_qps), sum(errors)]::bigint[] FROM day GROUP BY key_id
"""
_KINDS = ("all", "refused", "old", "peak", "peak of day", "day")


def _count(ids: list[int], starts: list[dt.datetime], day: dt.datetime) -> dict[str, dict[int, dict[int, int]]]:
    """Return counts by place, by key, by kind: places are pins, products for peaks, and 0 to 2 for the sums of the day."""
    counted: dict[str, dict[int, dict[int, int]]] = {kind: {} for kind in _KINDS}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"ids": ids, "starts": starts, "first": starts[0], "day": day, "answered": ANSWERED})
        for kind, key_id, places, counts in cursor.fetchall():
            counted[kind][key_id] = dict(zip(places, counts, strict=True))
    return counted


def _pins(counts: dict[int, int]) -> list[int]:
    return [counts.get(pin, 0) for pin in range(PINS)]


def _limits(ids: list[int]) -> Limits:
    """Return key, product, its name and its limit, in one query."""
    return list(
        KeyProduct.objects.filter(key_id__in=ids).values_list(
            "key_id", "product_id", "product__name", Coalesce("qps_limit", "product__default_qps")
        )
    )


def _nearest(limits: Limits, peaks: dict[int, dict[int, int]]) -> dict[int, Peak]:
    """Choose for each key the product whose peak comes nearest to its limit."""
    chosen: dict[int, Peak] = {}
    ratios: dict[int, float] = {}
    for key_id, product_id, name, limit in limits:
        peak = peaks.get(key_id, {}).get(product_id, 0)
        if peak and peak / limit > ratios.get(key_id, 0):
            ratios[key_id], chosen[key_id] = peak / limit, (peak, name, limit)
    return chosen


def of_last_day(key_id: int, organization: Organization) -> DayUsage:
    """Return the last 24 hours of one key. Three queries that do not grow with its traffic."""
    now = timezone.now()
    start = hour_start(now, organization.zone) - 23 * HOUR
    counted = UsageHour.objects.filter(key_id=key_id, hour__gt=start - HOUR)
    errors = UsageError.objects.filter(key_id=key_id, hour__gt=start - HOUR).exclude(outcome=ANSWERED)
    requests, refused = (rows.aggregate(count=Coalesce(Sum("requests"), 0))["count"] for rows in (counted, errors))
    recent = (
        RequestRecord.objects.filter(key_id=key_id, at__gte=start).order_by("-at").values("network")[:RECENT_REQUESTS]
    )
    networks = {row["network"] for row in recent} - {""}
    return DayUsage(requests, refused, len(networks))
