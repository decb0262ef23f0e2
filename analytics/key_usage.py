"""What key lists and key pages show of usage: seven days in 28 pins of six hours, the peak nearest to a limit, the last day."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Organization
from analytics import charts, key_pins
from analytics.charts import Sketch
from analytics.key_pins import Pins
from analytics.key_states import DayTraffic
from analytics.models import RequestRecord, UsageError, UsageHour
from analytics.ranges import DAY, HOUR, day_start, hour_start
from analytics.reasons import ANSWERED
from dashboard import words

DAYS = 7
PINS = charts.SKETCH_PINS
RECENT_REQUESTS = 1000
"""So many of the last requests are looked at for the networks they came from."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyUsage:
    """Seven days of one key. `refused` is what the gateway refused; `peak_product`, `peak_limit` belong to `peak_qps`."""

    requests: int
    refused: int
    peak_qps: int
    peak_product: str
    peak_limit: int | None
    sketch: Sketch
    day: DayTraffic

    @property
    def is_all_refused(self) -> bool:
        """Whether requests came and none passed."""
        return 0 < self.requests == self.refused

    @property
    def sentence(self) -> str:
        """What the sparkline says to those who do not see it."""
        if not self.requests:
            return gettext("No requests in 7 days")
        told = {"requests": words.requests(self.requests), "refused": words.number(self.refused)}
        return gettext("%(requests)s in 7 days, %(refused)s refused") % told


Peak = tuple[int, str, int | None]
"""The highest second, the product's name, its limit."""

NO_PEAK: Peak = (0, "", None)

NOTHING = KeyUsage(0, 0, 0, "", None, charts.sketch([0] * PINS), day=DayTraffic())


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
    """Return the last seven days by the primary key of a key. At most two queries, however many keys."""
    if not ids:
        return {}
    now = timezone.now()
    running = hour_start(now, organization.zone)
    found = key_pins.of_keys(ids, pin_starts(now, organization), day=running - 24 * HOUR, until=running - HOUR)
    return {pk: _usage(pins) for pk, pins in found.items()}


@lru_cache(maxsize=key_pins.JOINED_MAX)
def _usage(pins: Pins) -> KeyUsage:
    nearest = max(pins.peaks, key=lambda peak: peak.of_week / peak.limit, default=None)
    nearest_of_day = max(pins.peaks, key=lambda peak: peak.of_day / peak.limit, default=None)
    of_week, of_day = NO_PEAK, NO_PEAK
    if nearest and nearest.of_week:
        of_week = (nearest.of_week, nearest.product, nearest.limit)
    if nearest_of_day and nearest_of_day.of_day:
        of_day = (nearest_of_day.of_day, nearest_of_day.product, nearest_of_day.limit)
    return KeyUsage(
        pins.requests,
        pins.refused,
        *of_week,
        charts.sketch_of(pins.finished, pins.running),
        day=DayTraffic(*pins.day, peak_qps=of_day[0], peak_limit=of_day[2], peak_product=of_day[1]),
    )


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
