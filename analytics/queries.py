"""What the analytics pages read. Every query starts from the organisation's rows in one stretch of time.

The rows of an organisation are found by (organization_id, bucket), those of one key by (key_id, bucket). Hours are put into
the page's buckets by `width_bucket`, so that they fall right whatever the zone was in which they were counted.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Max, Min, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, JSONObject, Now

from accounts.models import Organization
from analytics.filters import Filters
from analytics.models import UsageDay, UsageError, UsageGap, UsageHour, UsageMinute
from analytics.ranges import HOUR, MINUTE, Bucket, Period, day_start, hour_start
from keys.models import ApiKey, GatewayNode, KeyProduct, Product

TABLE_ROWS = 50
KEY_OPTIONS = 200
GATEWAY_SILENCE = dt.timedelta(minutes=1)

SUMS = {name: Sum(name) for name in ("requests", "over_qps", "errors_4xx", "errors_5xx")}


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
    """What was counted; the peak is the highest number in any one second."""

    requests: int = 0
    over_qps: int = 0
    errors_4xx: int = 0
    errors_5xx: int = 0
    peak_qps: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.requests + other.requests,
            self.over_qps + other.over_qps,
            self.errors_4xx + other.errors_4xx,
            self.errors_5xx + other.errors_5xx,
            max(self.peak_qps, other.peak_qps),
        )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Counts":
        """Read the sums of a row."""
        return cls(**{name: row[name] or 0 for name in SUMS}, peak_qps=row.get("peak_qps") or 0)

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


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, or a key with one product, in a table. The key's name and ID; `product_id` and `limit` where they belong."""

    public_id: str
    name: str
    is_deleted: bool
    counts: Counts
    product_id: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Nearest:
    """The key whose peak of a product comes nearest to its limit; no limit where the product is no longer the key's."""

    key_id: int
    key_name: str
    peak_qps: int
    limit: int | None

    @property
    def ratio(self) -> float:
        """The peak as a part of the limit."""
        return self.peak_qps / self.limit if self.limit else 0


@dataclass(frozen=True, slots=True)
class Failure:
    """How many requests failed with a status for a reason."""

    status: int
    outcome: str
    requests: int


# Narrowing ------------------------------------------------------------------------------------------------------------
Row = TypeVar("Row", bound=models.Model)


def _narrowed(rows: "QuerySet[Row]", filters: Filters) -> "QuerySet[Row]":
    rows = rows.filter(organization_id=filters.organization.pk)
    if filters.key:
        rows = rows.filter(key_id=filters.key.pk)
    if filters.product_ids:
        rows = rows.filter(product_id__in=filters.product_ids)
    return rows


def _by_hour(filters: Filters) -> bool:
    """Whether hours are needed: to show them, or because the period does not end at midnight."""
    return filters.step == "hour" or not filters.period.is_dates


def _rows(filters: Filters) -> "QuerySet[Any]":
    period = filters.period
    if _by_hour(filters):
        return _narrowed(UsageHour.objects.filter(hours_within(period.start, period.end)), filters)
    return _narrowed(UsageDay.objects.filter(date__range=(period.first, period.last)), filters)


# What the page shows --------------------------------------------------------------------------------------------------
def counts_by_bucket(filters: Filters, buckets: list[Bucket]) -> dict[tuple[int, int], Counts]:
    """Return the counts by (index of the bucket, product); at most one row of each comes from the database."""
    sums = SUMS | {"peak_qps": Max("peak_qps")}
    if _by_hour(filters):
        place = hour_place(bucket.start for bucket in buckets)
        found = _rows(filters).values("product_id", place=place).annotate(**sums)
        return {(row["place"], row["product_id"]): Counts.of(row) for row in found}
    found = _rows(filters).values("product_id", place=F("date")).annotate(**sums)
    return {((row["place"] - filters.period.first).days, row["product_id"]): Counts.of(row) for row in found}


def counts_before(filters: Filters) -> Counts:
    """Return the counts of the period before, as far as this one has passed, to the minute, in one query."""
    period = filters.period.before()
    found = [_narrowed(rows, filters).values(x=Value(1)).annotate(**SUMS).order_by() for rows in _pieces(period)]
    rows = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
    return sum((Counts.of(row) for row in rows), Counts())


def _pieces(period: Period) -> "list[QuerySet[Any]]":
    """Cover what has passed of a period with rows that do not overlap: whole dates, then whole hours, then minutes."""
    end = period.elapsed_end
    pieces: list[QuerySet[Any]] = []
    hours_from = period.start
    if period.is_dates:
        date = end.astimezone(period.zone).date()
        hours_from = day_start(date, period.zone)
        pieces.append(UsageDay.objects.filter(date__gte=period.first, date__lt=date))
        if end == hours_from:
            return pieces
    hour = hour_start(end, period.zone)
    pieces.append(UsageHour.objects.filter(hours_within(hours_from, hour)))
    pieces.append(UsageMinute.objects.filter(minute__gte=hour, minute__lt=end))
    return pieces


def failures(filters: Filters) -> list[Failure]:
    """Return how many requests failed by status and outcome, the most first."""
    period = filters.period
    rows = _narrowed(UsageError.objects.filter(hours_within(period.start, period.end)), filters)
    found = rows.values("status", "outcome").annotate(count=Sum("requests")).order_by("-count", "status", "outcome")
    return [Failure(row["status"], row["outcome"], row["count"]) for row in found]


def nearest_limits(filters: Filters) -> dict[int, Nearest]:
    """Return for each product the key whose peak comes nearest to its limit of today."""
    peaks = (
        _rows(filters).filter(product_id__gt=0).order_by().values("key_id", "product_id").annotate(peak=Max("peak_qps"))
    )
    inner, parameters = peaks.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST.format(peaks=inner), parameters)
        return {product: Nearest(*rest) for product, *rest in cursor.fetchall()}


_NEAREST = """
SELECT DISTINCT ON (seen.product_id) seen.product_id, seen.key_id, k.name, seen.peak, known.qps
FROM ({peaks}) AS seen
JOIN keys_apikey k ON k.id = seen.key_id
LEFT JOIN LATERAL (
    SELECT coalesce(assigned.qps_limit, p.default_qps) AS qps
    FROM keys_keyproduct assigned JOIN keys_product p ON p.id = assigned.product_id
    WHERE assigned.key_id = seen.key_id AND assigned.product_id = seen.product_id
) known ON true
WHERE seen.peak > 0
ORDER BY seen.product_id, seen.peak::float / known.qps DESC NULLS LAST, seen.key_id
"""


def peaks_by_bucket(filters: Filters, buckets: list[Bucket], *, key_id: int, product_id: int) -> dict[int, int]:
    """Return the peaks per second of one key and product by the index of the bucket."""
    rows = _rows(filters).filter(key_id=key_id, product_id=product_id)
    if _by_hour(filters):
        place = hour_place(bucket.start for bucket in buckets)
        return {row["place"]: row["peak"] for row in rows.values(place=place).annotate(peak=Max("peak_qps"))}
    first = filters.period.first
    return {(row["date"] - first).days: row["peak"] for row in rows.values("date").annotate(peak=Max("peak_qps"))}


def counts_by_key(filters: Filters) -> list[KeyRow]:
    """Return the keys with the most requests, at most TABLE_ROWS."""
    found = _rows(filters).values("key_id").annotate(**SUMS).order_by("-requests", "key_id")
    return [_key_row(row) for row in found.annotate(key=_key_facts())[:TABLE_ROWS]]


def breaches_by_key(filters: Filters) -> list[KeyRow]:
    """Return the keys and products with the most QPS breaches, at most TABLE_ROWS, each with its limit of today."""
    limit = models.Subquery(
        KeyProduct.objects.filter(key_id=models.OuterRef("key_id"), product_id=models.OuterRef("product_id")).values(
            qps=Coalesce("qps_limit", "product__default_qps")
        )
    )
    found = (
        _rows(filters)
        .values("key_id", "product_id")
        .annotate(**SUMS, peak_qps=Max("peak_qps"))
        .filter(over_qps__gt=0)
        .order_by("-over_qps", "key_id", "product_id")
        .annotate(key=_key_facts(), limit=limit)
    )
    return [_key_row(row) for row in found[:TABLE_ROWS]]


def _key_facts() -> models.Subquery:
    facts = JSONObject(public_id="public_id", name="name", deleted_at="deleted_at")
    return models.Subquery(ApiKey.objects.filter(pk=models.OuterRef("key_id")).values(facts=facts))


def _key_row(row: dict[str, Any]) -> KeyRow:
    key = row["key"] or {"public_id": "", "name": "A removed key", "deleted_at": True}
    return KeyRow(
        key["public_id"], key["name"], bool(key["deleted_at"]), Counts.of(row), row.get("product_id"), row.get("limit")
    )


# What the filters offer -----------------------------------------------------------------------------------------------
def key_options(organization: Organization, chosen: ApiKey | None) -> tuple[list[ApiKey], bool]:
    """Return the keys to choose from by name, deleted ones with usage last, and whether there are more than KEY_OPTIONS.

    Of many keys those that were used last are offered; the others are reached from their own pages.
    """
    used = models.Exists(UsageDay.objects.filter(key_id=models.OuterRef("pk")))
    known = organization.keys.filter(Q(deleted_at=None) | Q(used)).only(
        "public_id", "name", "deleted_at", "organization"
    )
    found = list(known.order_by(F("last_used_at").desc(nulls_last=True), "-pk")[: KEY_OPTIONS + 1])
    is_cut, offered = len(found) > KEY_OPTIONS, found[:KEY_OPTIONS]
    if chosen and chosen not in offered:
        offered.append(chosen)
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


def freshness(now: dt.datetime, *, period: Period | None = None) -> Freshness:
    """Return how current the usage tables are: as old as the slowest gateway that was seen in the last minute.

    A gateway that has shipped nothing yet counts from its start. Where none reports, the last report there was.
    With a period also until when requests of it were answered that could not be counted.
    """
    shipped = Coalesce("shipped_until", "started_at")
    alive = Q(seen_at__gt=Now() - GATEWAY_SILENCE)
    gaps = UsageGap.objects.order_by("-until_at")
    gaps = gaps.filter(until_at__gte=period.start, from_at__lt=period.end) if period else gaps.none()
    found = GatewayNode.objects.annotate(last_gap=Subquery(gaps.values("until_at")[:1])).aggregate(
        live=Min(shipped, filter=alive), last=Max("shipped_until"), gap_until=Max("last_gap")
    )
    return Freshness(found["live"] or found["last"], found["live"] is not None, now, found["gap_until"])
