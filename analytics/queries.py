"""What the analytics pages read: counts over time, the period before, reasons, what the filters offer, how old the data are.

Questions about the organisation read the rows by organisation, questions about chosen keys the rows by key (see models.py), each
by the index that begins with the one and the bucket. Hours are put into the page's buckets by `width_bucket`, so that they fall
right whatever the zone was in which they were counted. Rankings are in ranking.py, callers in callers.py.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Max, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, Now

from accounts.models import Organization
from analytics.filters import Filters
from analytics.models import (
    OrganizationDay,
    OrganizationError,
    OrganizationHour,
    OrganizationMinute,
    UsageDay,
    UsageError,
    UsageHour,
    UsageMinute,
)
from analytics.ranges import HOUR, MINUTE, MOMENT, Bucket, Period, day_start, hour_start, next_hour
from keys.models import ApiKey, GatewayNode, Product

KEY_OPTIONS = 200
GATEWAY_SILENCE = dt.timedelta(minutes=1)

SUMS = {
    name: Sum(name)
    for name in ("requests", "over_qps", "errors_4xx", "errors_5xx", "duration_ms_sum", "duration_count")
}
_MINUTES, _HOURS, _DAYS = (UsageMinute, OrganizationMinute), (UsageHour, OrganizationHour), (UsageDay, OrganizationDay)


def hours_within(start: dt.datetime, end: dt.datetime) -> Q:
    """Narrow hour rows to those whose hour ends after `start` and not after `end`.

    Rows have the mark of their hour (see ranges.py), which may lie before its beginning, so they are found and placed by their end.
    """
    return Q(hour__gt=start - HOUR, hour__lte=end - HOUR)


def hour_place(starts: Iterable[dt.datetime]) -> models.expressions.Combinable:
    """Return the index of the bucket that an hour row belongs to."""
    return WidthBucket(F("hour") + Value(HOUR - MINUTE), thresholds(starts)) - 1


class WidthBucket(models.Func):
    """The number, from 1, of the threshold at or below a value."""

    function = "width_bucket"
    output_field = models.IntegerField()


def thresholds(starts: Iterable[dt.datetime]) -> models.Expression:
    """Return instants as an array for `WidthBucket`."""
    return Cast(
        Value(list(starts), output_field=ArrayField(models.DateTimeField())), ArrayField(models.DateTimeField())
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted. The peak is the highest number in any one second; durations are known of the requests that reported one."""

    requests: int = 0
    over_qps: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    duration_ms_sum: int = 0
    duration_count: int = 0
    peak_qps: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.requests + other.requests,
            self.over_qps + other.over_qps,
            self.errors_4xx + other.errors_4xx,
            self.errors_5xx + other.errors_5xx,
            self.duration_ms_sum + other.duration_ms_sum,
            self.duration_count + other.duration_count,
            max(self.peak_qps, other.peak_qps),
        )

    def without(self, part: "Counts") -> "Counts":
        """Return what is left when a part is taken away; the peak is not known then."""
        return Counts(*(getattr(self, name) - getattr(part, name) for name in SUMS))

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Counts":
        """Read the sums of a row."""
        return cls(**{name: int(row[name] or 0) for name in SUMS}, peak_qps=row.get("peak_qps") or 0)

    @property
    def successful(self) -> int:
        """What was neither refused nor failed."""
        return self.requests - self.failed

    @property
    def errors(self) -> int:
        """4XX other than QPS breaches, and 5XX."""
        return self.errors_4xx + self.errors_5xx

    @property
    def failed(self) -> int:
        """QPS breaches, other 4XX and 5XX."""
        return self.over_qps + self.errors

    @property
    def duration_ms(self) -> int | None:
        """The average duration, None where none was reported."""
        return round(self.duration_ms_sum / self.duration_count) if self.duration_count else None


@dataclass(frozen=True, slots=True)
class Failure:
    """How many requests of a product failed with a status for a reason, and one of the keys that it happened to."""

    status: int
    outcome: str
    product_id: int
    requests: int
    key_id: int


# Narrowing ------------------------------------------------------------------------------------------------------------
Kinds = tuple[type[models.Model], type[models.Model]]


def _narrowed(kinds: Kinds, filters: Filters, key_ids: list[int] | None = None) -> "QuerySet[Any]":
    """Return the rows by key where keys are chosen (or given), else those by organisation.

    Keys are the organisation's own (see forms.py) and stand alone, so that the planner has no other index to take.
    """
    by_key, by_organization = kinds
    if chosen := key_ids or filters.key_ids:
        rows = by_key._default_manager.filter(key_id__in=chosen)
    else:
        rows = by_organization._default_manager.filter(organization_id=filters.organization.pk)
    if filters.product_ids:
        rows = rows.filter(product_id__in=filters.product_ids)
    return rows


def _is_by_date(filters: Filters) -> bool:
    """Whether rows of whole dates will do: they are shown, and the period begins and ends at midnight."""
    return filters.step == "day" and filters.period.is_dates


def _is_by_minute(filters: Filters) -> bool:
    return filters.step in ("minute", "five_minutes")


def _rows_within(filters: Filters, key_ids: list[int] | None = None) -> "QuerySet[Any]":
    """Return the rows of the filters' period, as fine as the step needs them."""
    period = filters.period
    if _is_by_date(filters):
        return _narrowed(_DAYS, filters, key_ids).filter(date__range=(period.first, period.last))
    if _is_by_minute(filters):
        return _narrowed(_MINUTES, filters, key_ids).filter(minute__gte=period.start, minute__lt=period.end)
    return _narrowed(_HOURS, filters, key_ids).filter(hours_within(period.start, period.end))


def _place_of(filters: Filters, buckets: list[Bucket]) -> Any:
    """Return the index of the bucket that a row of the period belongs to, or its date."""
    if _is_by_date(filters):
        return F("date")
    if _is_by_minute(filters):
        return WidthBucket(F("minute"), thresholds(bucket.start for bucket in buckets)) - 1
    return hour_place(bucket.start for bucket in buckets)


# What the page shows --------------------------------------------------------------------------------------------------
def counts_by_bucket(filters: Filters, buckets: list[Bucket]) -> dict[tuple[int, int], Counts]:
    """Return the counts by (index of the bucket, product), in one query.

    Where a row by organisation is a bucket of a product, rows are taken as they are; all others PostgreSQL adds up.
    """
    rows, place = _rows_within(filters), _place_of(filters, buckets)
    if filters.keys or filters.step == "five_minutes" or (filters.step == "day" and not filters.period.is_dates):
        found = rows.values_list("product_id", place).annotate(**SUMS, peak_qps=Max("peak_qps")).order_by()
    else:
        found = rows.values_list("product_id", place, *SUMS, "peak_qps")
    first = filters.period.first
    grid: dict[tuple[int, int], Counts] = {}
    for product_id, at, *counted in found:
        here, counts = ((at - first).days if _is_by_date(filters) else at, product_id), Counts(*map(int, counted))
        # Two hours of a former zone may begin in one bucket.
        grid[here] = grid[here] + counts if here in grid else counts
    return grid


def counts_before(filters: Filters) -> Counts:
    """Return the counts of the period before, as far as this one has passed, to the minute, in one query."""
    found = [rows.values(x=Value(1)).annotate(**SUMS).order_by() for rows in _pieces(filters, filters.period.before())]
    rows = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
    return sum((Counts.of(row) for row in rows), Counts())


def _pieces(filters: Filters, period: Period) -> "list[QuerySet[Any]]":
    """Cover what has passed of a period with rows that do not overlap: whole dates, then whole hours, then minutes."""
    end = period.elapsed_end
    pieces: list[QuerySet[Any]] = []
    hours_from = period.start
    if period.is_dates:
        date = end.astimezone(period.zone).date()
        hours_from = day_start(date, period.zone)
        pieces.append(_narrowed(_DAYS, filters).filter(date__gte=period.first, date__lt=date))
        if end == hours_from:
            return pieces
    hour = period.start if period.is_minutes else hour_start(end, period.zone)
    if not period.is_minutes:
        pieces.append(_narrowed(_HOURS, filters).filter(hours_within(hours_from, hour)))
    pieces.append(_narrowed(_MINUTES, filters).filter(minute__gte=hour, minute__lt=end))
    return pieces


def failures(filters: Filters) -> list[Failure]:
    """Return how many requests failed by status, outcome and product, the most first.

    Reasons are kept by the hour: of minutes they are those of the clock's hours in which they lie.
    """
    period = filters.period
    if not filters.keys and period.is_dates:
        rows = _narrowed((UsageError, OrganizationError), filters).filter(date__range=(period.first, period.last))
    else:
        hours = hours_within(
            hour_start(period.start, period.zone),
            next_hour(hour_start(period.end - MOMENT, period.zone), period.zone) if period.is_minutes else period.end,
        )
        rows = _narrowed((UsageError, UsageError), filters).filter(hours)
    found = rows.values("status", "outcome", "product_id").annotate(count=Sum("requests"), example=Max("key_id"))
    return [
        Failure(row["status"], row["outcome"], row["product_id"], int(row["count"]), row["example"])
        for row in found.order_by("-count", "status", "outcome", "product_id")
    ]


def peaks_by_bucket(filters: Filters, buckets: list[Bucket], *, key_id: int, product_id: int) -> dict[int, int]:
    """Return the peaks per second of one key and product by the index of the bucket."""
    place = _place_of(filters, buckets)
    rows = _rows_within(filters, [key_id]).filter(product_id=product_id)
    found = rows.values(place=place).annotate(peak=Max("peak_qps")).order_by()
    if _is_by_date(filters):
        return {(row["place"] - filters.period.first).days: row["peak"] for row in found}
    return {row["place"]: row["peak"] for row in found}


# What the filters offer -----------------------------------------------------------------------------------------------
def key_options(organization: Organization, chosen: Iterable[ApiKey]) -> tuple[list[ApiKey], bool]:
    """Return the keys to choose from by name, deleted ones with usage last, and whether there are more than KEY_OPTIONS.

    Of many keys those that were used last are offered; the others are reached from their own pages.
    """
    used = models.Exists(UsageDay.objects.filter(key_id=models.OuterRef("pk")))
    known = organization.keys.filter(Q(deleted_at=None) | Q(used)).only(
        "public_id", "name", "deleted_at", "organization"
    )
    found = list(known.order_by(F("last_used_at").desc(nulls_last=True), "-pk")[: KEY_OPTIONS + 1])
    is_cut, offered = len(found) > KEY_OPTIONS, found[:KEY_OPTIONS]
    offered += [key for key in chosen if key not in offered]
    return sorted(offered, key=lambda key: (key.deleted_at is not None, key.name.casefold(), key.pk)), is_cut


def catalogue() -> dict[int, Product]:
    """Return all products, also retired ones, in the order of lists."""
    return {product.pk: product for product in Product.objects.all()}


# How old the figures are ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when everything that was answered is counted. `is_live` while a gateway reports; `until` None: never yet.

    `gap_until` is the end of the last time within the period in which a gateway answered and could not count.
    """

    until: dt.datetime | None
    is_live: bool
    now: dt.datetime
    gap_until: dt.datetime | None = None

    @property
    def age_s(self) -> int:
        """Whole seconds, never negative: the clocks of two machines may differ."""
        return max(0, int((self.now - self.until).total_seconds())) if self.until else 0


def freshness(now: dt.datetime, *, gap_until: dt.datetime | None = None) -> Freshness:
    """Return how current the usage tables are: as old as the slowest gateway that was seen in the last minute.

    A gateway that has shipped nothing yet counts from its start. Where none reports, the last report there was.
    """
    shipped = Coalesce("shipped_until", "started_at")
    alive = Q(seen_at__gt=Now() - GATEWAY_SILENCE)
    found = GatewayNode.objects.aggregate(live=Min(shipped, filter=alive), last=Max("shipped_until"))
    return Freshness(found["live"] or found["last"], found["live"] is not None, now, gap_until)
