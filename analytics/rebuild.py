"""Count hours, days and months anew from the minutes: after a change of the time zone, or when a table is in doubt.

The minutes are the truth, as far back as they go (35 days); what is older stands as it was counted. The work is done in short
transactions, each under the exclusive form of the lock that everybody who adds usage holds shared (gateway/usage.py): a batch sees
all of what a shipper has added or nothing of it, and what comes later is added to the new rows. Every step can be repeated.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from accounts.models import AuditEvent, Organization, User
from accounts.models.organization import check_time_zone
from analytics.models import OrganizationHour, UsageMinute, ZoneChange
from analytics.ranges import DAY, HOUR, day_start, hour_start, next_hour
from gateway.usage import LOCK

BATCH_ROWS = 50_000
"""About so many rows are read in one transaction: some tenths of a second during which shippers wait."""
_MOST_HOURS = 31 * 24
_MARGIN = 6 * HOUR
"""Minutes that housekeeping may forget while the work is done."""

_COUNTS = "requests, over_qps, errors_4xx, errors_5xx, duration_ms_sum, duration_count, peak_qps"
_SUMS = "sum(requests), sum(over_qps), sum(errors_4xx), sum(errors_5xx), sum(duration_ms_sum), sum(duration_count), max(peak_qps)"
_END = "interval '59 minutes'"
# An hour is placed by its end: its mark may lie before its beginning (see ranges.py).
_HOURS_WITHIN = "organization_id = %(organization)s AND hour > %(start)s - interval '1 hour' AND hour <= %(end)s - interval '1 hour'"
_MINUTES_WITHIN = "organization_id = %(organization)s AND minute >= %(start)s AND minute < %(end)s"
_DATES_WITHIN = "organization_id = %(organization)s AND date >= %(first)s AND date <= %(last)s"
_MONTHS_WITHIN = "organization_id = %(organization)s AND month >= %(first)s AND month <= %(last)s"
_DATE = f"greatest(((hour + {_END}) AT TIME ZONE %(zone)s)::date, %(floor)s)"


def _counted(table: str, bucket: str, within: str, source: str, source_within: str, place: str, owner: str = "") -> str:
    """Return the statements that empty a part of a table and fill it from another. `owner` is `key_id, ` for rows by key."""
    return f"""
        DELETE FROM {table} WHERE {within};
        INSERT INTO {table} (organization_id, {owner} product_id, {bucket}, {_COUNTS})
        SELECT organization_id, {owner} product_id, {place}, {_SUMS} FROM {source} WHERE {source_within}
        GROUP BY organization_id, {owner} product_id, {place}"""  # noqa: S608  (names of this module)


_KEY = "key_id,"
_HOURS = (
    _counted(
        "usage_hour",
        "hour",
        _HOURS_WITHIN,
        "usage_minute",
        _MINUTES_WITHIN,
        "date_trunc('hour', minute, %(zone)s)",
        _KEY,
    ),
    _counted("usage_organization_hour", "hour", _HOURS_WITHIN, "usage_hour", _HOURS_WITHIN, "hour"),
    _counted("usage_organization_minute", "minute", _MINUTES_WITHIN, "usage_minute", _MINUTES_WITHIN, "minute"),
)
_DAYS = (
    _counted("usage_day", "date", _DATES_WITHIN, "usage_hour", _HOURS_WITHIN, _DATE, _KEY),
    _counted("usage_organization_day", "date", _DATES_WITHIN, "usage_day", _DATES_WITHIN, "date"),
    f"""
        DELETE FROM usage_organization_error WHERE {_DATES_WITHIN};
        INSERT INTO usage_organization_error (organization_id, date, product_id, status, outcome, requests, key_id)
        SELECT organization_id, {_DATE}, product_id, status, outcome, sum(requests), max(key_id)
        FROM usage_error WHERE {_HOURS_WITHIN} GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  (names of this module)
)
_MONTHS = (
    _counted(
        "usage_month", "month", _MONTHS_WITHIN, "usage_day",
        "organization_id = %(organization)s AND date >= %(first)s AND date < %(last)s + interval '1 month'",
        "date_trunc('month', date)::date", _KEY,
    ),
)  # fmt: skip
_FAR, _FAR_DATE = dt.datetime(9000, 1, 1, tzinfo=dt.UTC), dt.date(9000, 1, 1)


def change_time_zone(
    organization: Organization, time_zone: str, *, by: User | None, counts_now: bool = True
) -> ZoneChange | None:
    """Give an organisation another time zone and count its hours and days anew. None where it has that zone already.

    The zone changes at once; the count follows in the same call, some seconds for a busy customer, or without `counts_now` as
    the worker's next job. Where it is interrupted, that job or `manage.py rebuild_usage` finishes it. Raises ValidationError for what is no time zone.
    """
    check_time_zone(time_zone)
    _finish_all(organization.pk)
    with _alone():
        former = organization.lock().time_zone
        if former == time_zone:
            return None
        organization.time_zone = time_zone
        organization.save(update_fields=["time_zone"])
        AuditEvent.record(
            "organization.time_zone_changed", organization=organization, actor=by, target=organization,
            before={"time_zone": former}, after={"time_zone": time_zone},
        )  # fmt: skip
        change = _plan(organization.pk, ZoneInfo(former), organization.zone)
        change.save()
    if counts_now:
        _finish(change)
    return change


def finish_changes() -> None:
    """Count anew what changes of time zones have left to be counted."""
    waiting = ZoneChange.objects.filter(recounted_at=None).order_by("organization_id").distinct("organization_id")
    for organization_id in list(waiting.values_list("organization_id", flat=True)):
        _finish_all(organization_id)


def rebuild(organization: Organization) -> ZoneChange:
    """Count everything anew that the minutes know, in the zone that the organisation has. Returns from when; not saved."""
    _finish_all(organization.pk)
    plan = _plan(organization.pk, organization.zone, organization.zone)
    _recount(plan)
    return plan


def latest_change(organization: Organization) -> ZoneChange | None:
    """Return the last change of the zone whose earlier days are still those of another zone."""
    change = ZoneChange.objects.filter(organization_id=organization.pk).order_by("-changed_at").first()
    has_earlier = change and OrganizationHour.objects.filter(
        organization_id=organization.pk, hour__lt=change.counted_from - HOUR
    )
    return change if change and (change.recounted_at is None or (has_earlier and has_earlier.exists())) else None


@contextmanager
def _alone() -> Iterator[None]:
    """Run one transaction while nobody adds usage."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def _plan(organization_id: int, former: ZoneInfo, zone: ZoneInfo) -> ZoneChange:
    """Choose from when to count: the first whole date of the former zone of which all minutes are there.

    What was counted for earlier dates then holds exactly what came before, so that no request is counted twice or lost.
    """
    now = timezone.now()
    owned = {"organization_id": organization_id}
    oldest = UsageMinute.objects.filter(**owned).aggregate(at=Min("minute"))["at"] or now
    has_older = OrganizationHour.objects.filter(**owned, hour__lt=oldest - HOUR).exists()
    floor = (
        (oldest + _MARGIN).astimezone(former).date() + DAY if has_older else oldest.astimezone(former).date() - 2 * DAY
    )
    before = ZoneChange.objects.filter(**owned).order_by("-changed_at").first()
    if before and has_older:
        floor = max(floor, before.first_date)
    start = day_start(floor, former)
    first = floor if day_start(floor, zone) == start else floor + DAY
    while day_start(first, zone) < start:
        first += DAY
    return ZoneChange(
        **owned, former_zone=former.key, zone=zone.key, counted_from=start, first_date=first, changed_at=now
    )  # fmt: skip


def _finish_all(organization_id: int) -> None:
    for change in ZoneChange.objects.filter(organization_id=organization_id, recounted_at=None).order_by("changed_at"):
        _finish(change)


def _finish(change: ZoneChange) -> None:
    _recount(change)
    change.recounted_at = timezone.now()
    change.save(update_fields=["recounted_at"])


def _recount(plan: ZoneChange) -> None:
    """Count hours, then days from the hours, then months from the days. The last window of each has no end."""
    zone, now = ZoneInfo(plan.zone), timezone.now()
    floor = plan.counted_from.astimezone(ZoneInfo(plan.former_zone)).date()
    facts: dict[str, Any] = {"organization": plan.organization_id, "zone": plan.zone, "floor": floor}
    start, hours = plan.counted_from, _hours_per_batch(plan, now)
    is_last = False
    while not is_last:
        end = _hours_after(start, zone, hours)
        is_last = end > now
        _count(_HOURS, facts | {"start": start, "end": _FAR if is_last else end})
        start = end
    today, dates = max(now.astimezone(zone).date(), floor), max(1, hours // 24)
    for first in (floor + number * DAY for number in range(0, (today - floor).days + 1, dates)):
        last = first + (dates - 1) * DAY
        start = plan.counted_from if first == floor else max(day_start(first, zone), plan.counted_from)
        if last >= today:
            end, last = _FAR, _FAR_DATE
        else:
            end = max(day_start(last + DAY, zone), plan.counted_from)
        _count(_DAYS, facts | {"start": start, "end": end, "first": first, "last": last})
    month = floor.replace(day=1)
    while month <= today:
        following = (month + 31 * DAY).replace(day=1)
        _count(_MONTHS, facts | {"first": month, "last": _FAR_DATE if following > today else month})
        month = following


def _hours_per_batch(plan: ZoneChange, now: dt.datetime) -> int:
    rows = UsageMinute.objects.filter(organization_id=plan.organization_id, minute__gte=plan.counted_from).count()
    span_hours = max(1, int((now - plan.counted_from) / HOUR))
    return max(1, min(_MOST_HOURS, BATCH_ROWS * span_hours // max(rows, 1)))


def _hours_after(start: dt.datetime, zone: ZoneInfo, hours: int) -> dt.datetime:
    """Return where an hour of the zone begins that is about so many hours later, at least one."""
    return next_hour(hour_start(start + (hours - 1) * HOUR, zone), zone)


def _count(statements: tuple[str, ...], facts: dict[str, Any]) -> None:
    with _alone(), connection.cursor() as cursor:
        for statement in statements:
            for part in statement.split(";"):
                cursor.execute(part, facts)
