"""What is unusual in the usage: busy keys that went silent, and keys of which many requests are refused. Told once each."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db.models import Sum
from django.utils import timezone

from accounts.models import Organization
from analytics import queries
from analytics.models import UsageDay, UsageError, UsageHour
from keys.due import Occasion, tell_once
from keys.models import ApiKey

DAY: Final = dt.timedelta(days=1)
HOUR: Final = dt.timedelta(hours=1)
WEEK_DAYS, BUSY_DAYS = 7, 5
"""A key is busy that had requests on so many of the seven days up to its last one."""

MANY_REFUSED, MANY_SHARE = 100, 0.1
"""So many requests of one hour, and such a share of them, must have been refused to be told of."""

NO_REFUSALS = ("ok", "over_qps")
AT_ONCE = 500


def tell_unusual() -> int:
    """Tell everything unusual that was not told; return how many occasions that were."""
    now = timezone.now()
    return tell_once([*_silent(now), *_refused(now)])


def _working(now: dt.datetime) -> Any:
    """Keys whose silence or refusals nobody has ordered."""
    kept = (
        ApiKey.objects.kept().filter(disabled_at=None, organization__suspended_at=None).select_related("organization")
    )
    return kept.exclude(expires_at__lte=now)


def _silent(now: dt.datetime) -> Iterator[Occasion]:
    """Busy keys without a request for a day. While the usage is not current, silence means nothing."""
    fresh = queries.freshness(now)
    if not fresh.is_live or fresh.age_s > HOUR.total_seconds():
        return
    quiet = {key.pk: key for key in _working(now).filter(last_used_at__gt=now - 3 * DAY, last_used_at__lte=now - DAY)}
    days: dict[int, set[dt.date]] = {}
    used = UsageDay.objects.filter(key_id__in=quiet, date__gt=now.date() - (WEEK_DAYS + 4) * DAY, requests__gt=0)
    for key_id, date in used.values_list("key_id", "date"):
        days.setdefault(key_id, set()).add(date)
    for key_id, dates in days.items():
        key = quiet[key_id]
        last = key.last_used_at.astimezone(key.organization.zone)
        busy = sum(last.date() - WEEK_DAYS * DAY < date <= last.date() for date in dates)
        if busy >= BUSY_DAYS:
            details = {"days": busy, "last_used_at": key.last_used_at.isoformat()}
            yield Occasion("key.silent", key, last.date().isoformat(), details)


def _refused(now: dt.datetime) -> Iterator[Occasion]:
    """Keys of which many requests of the last whole hour were refused; once a day of the organisation."""
    last_hour = {"hour__gt": now - 2 * HOUR, "hour__lte": now - HOUR}
    organizations = list(Organization.objects.filter(suspended_at=None).values_list("pk", flat=True))
    for start in range(0, len(organizations), AT_ONCE):  # the index of the usage tables begins with the organisation
        own = {"organization_id__in": organizations[start : start + AT_ONCE], **last_hour}
        refused = UsageError.objects.filter(**own).exclude(outcome__in=NO_REFUSALS).values("key_id")
        others = dict(refused.annotate(sum=Sum("requests")).values_list("key_id", "sum"))
        counted = UsageHour.objects.filter(**own).values("key_id", "hour")
        sums = counted.annotate(total=Sum("requests"), breaches=Sum("over_qps"))
        rows = {row["key_id"]: row for row in sums}  # an hour's worth of marks: one for each key
        for key in _working(now).filter(pk__in=[pk for pk, row in rows.items() if _is_much(row, others.get(pk, 0))]):
            row, other = rows[key.pk], others.get(key.pk, 0)
            here = now.astimezone(key.organization.zone)
            details = {
                "requests": row["total"], "breaches": row["breaches"], "refused": other,
                "share": round(100 * (row["breaches"] + other) / row["total"]),
                "from_at": row["hour"].isoformat(), "until_at": (row["hour"] + HOUR).isoformat(),
            }  # fmt: skip
            yield Occasion("key.breaching", key, here.date().isoformat(), details)


def _is_much(row: Mapping[str, Any], others: int) -> bool:
    refused: int = row["breaches"] + others
    return refused >= MANY_REFUSED and refused >= MANY_SHARE * row["total"]
