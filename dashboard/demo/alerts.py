"""Alerts of the demo's customers, set and fired by the verbs that people and the worker use, at moments in the past."""

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from accounts.models import Organization, User
from alerts.models import Alert, Reading, Wish
from analytics.models import OrganizationDay, UsageMinute
from dashboard.demo.cast import CUSTOMERS, AlertSpec, CustomerSpec
from keys.models import KeyProduct

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
Moment = tuple[dt.datetime, Reading]


def set_alerts(customers: tuple[CustomerSpec, ...] = CUSTOMERS) -> None:
    """Set each customer's alerts, and let happen what the usage since then has made of them. All or nothing."""
    now = timezone.now()
    with transaction.atomic():
        for customer in customers:
            organization = Organization.objects.get(name=customer.name)
            people = [User.objects.get(email=email) for email, *_ in customer.people]
            for spec in customer.alerts:
                alert = _set(organization, spec, people[spec.person], now)
                moments = MEASURES[spec.condition](alert) if spec.condition in MEASURES else ()
                # What was met within a day would be mailed as the demo starts, before anybody has seen a page.
                _relive(alert, ((at, reading) for at, reading in moments if at < now - DAY))


def _set(organization: Organization, spec: AlertSpec, by: User, now: dt.datetime) -> Alert:
    wish = Wish(
        name=spec.name,
        condition=spec.condition,
        key=organization.keys.get(name=spec.key) if spec.key else None,
        threshold=spec.threshold,
        minutes=spec.minutes,
        least_requests=spec.least_requests,
        sends_mail=True,
        webhook_url=spec.webhook_url,
    )
    return Alert.create(organization=organization, by=by, wish=wish, at=now - spec.age_days * DAY)


def _relive(alert: Alert, moments: Iterable[Moment]) -> None:
    """Take what was measured at each moment, as the worker does every minute."""
    is_firing = False
    for moment, reading in moments:
        is_met = reading.value >= alert.threshold
        if is_met != is_firing:
            alert.note(reading, is_met=is_met, version=alert.version, now=moment)
            is_firing = is_met


def _errors(alert: Alert) -> Iterator[Moment]:
    for hour, rows in _hours(alert):
        requests = sum(row["sum"] for row in rows)
        if requests >= alert.least_requests:
            share = 100 * sum(row["failed"] for row in rows) / requests
            figures = {"share": [share, 1], "requests": requests, "minutes": alert.minutes}
            yield hour, Reading(round(share, 3), "errors", figures)


def _peaks(alert: Alert) -> Iterator[Moment]:
    assigned = KeyProduct.objects.filter(key=alert.key).select_related("product", "key")
    limits = {each.product_id: each for each in assigned}
    for hour, rows in _hours(alert):
        top = max(rows, key=lambda row: row["peak"] / limits[row["product_id"]].limit)
        of = limits[top["product_id"]]
        share = 100 * top["peak"] / of.limit
        figures = {"peak": top["peak"], "share": [share, 0], "limit": of.limit, "product": of.product.name}
        yield hour, Reading(round(share, 3), "peak", {**figures, "key": of.key.name})


def _hours(alert: Alert) -> Iterator[tuple[dt.datetime, list[Any]]]:
    """Go through the hours that have ended since an alert was set: the end of each, and its sums by product."""
    since: Any = UsageMinute.objects.filter(key_id=alert.key.pk if alert.key else 0, minute__gte=alert.created_at)
    sums = since.annotate(hour=TruncHour("minute")).values("hour", "product_id")
    failed = F("errors_4xx") + F("errors_5xx")
    rows = sums.annotate(sum=Sum("requests"), failed=Sum(failed), peak=Max("peak_qps")).order_by("hour")
    for hour, of_hour in groupby(rows, key=lambda row: row["hour"]):
        if hour + HOUR <= timezone.now():
            yield hour + HOUR, list(of_hour)


def _volumes(alert: Alert) -> Iterator[Moment]:
    """Add up the days of each month; a day counts at its end."""
    days = OrganizationDay.objects.filter(organization_id=alert.organization_id, date__gte=alert.created_at.date())
    month, total = 0, 0
    for row in days.values("date").annotate(requests=Sum("requests")).order_by("date"):
        total = row["requests"] + (total if row["date"].month == month else 0)
        month = row["date"].month
        ended = dt.datetime.combine(row["date"] + DAY, dt.time(), alert.organization.zone)
        yield min(ended, timezone.now()), Reading(total, "volume", {"requests": total})


MEASURES = {"errors": _errors, "peak": _peaks, "volume": _volumes}
"""What is measured in the past, by the condition. Of silence there is none: the demo's keys that have an alert are busy."""
