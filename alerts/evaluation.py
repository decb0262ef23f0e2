"""Hold all alerts against the usage tables: one statement for each kind of measure, however many alerts there are.

Each statement looks up what an alert needs by the beginning of an index: `usage_minute` by key, the sums by organisation, so
that an alert of a customer with thousands of keys costs what one of a single key does. Only the peak needs the minutes of every key.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from alerts.models import Alert, Reading
from analytics import queries

MINUTE: Final = dt.timedelta(minutes=1)
KEPT: Final = dt.timedelta(days=35)
"""So long there are minutes."""
FRESH_S: Final = 300
"""Older figures say nothing about silence."""

Measured = dict[int, Reading]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement reads: the table and column of time for one key, and those for a whole organisation."""

    sql: str
    of_key: tuple[str, str]
    of_organization: tuple[str, str]


_MINUTES: Final = ("usage_minute", "minute"), ("usage_organization_minute", "minute")
_SUMS = """
SELECT wanted.alert, sums.requests, sums.over_qps, sums.errors
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS wanted (alert, owner, since)
CROSS JOIN LATERAL (
    SELECT sum(requests)::bigint AS requests, sum(over_qps)::bigint AS over_qps, sum(errors_4xx + errors_5xx)::bigint AS errors
    FROM {table} WHERE {owner} = wanted.owner AND {column} >= wanted.since
) AS sums
WHERE sums.requests > 0
"""
_PEAKS = """
SELECT wanted.alert, top.peak, top.allowed, top.product, top.key
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS wanted (alert, owner, since)
CROSS JOIN LATERAL (
    SELECT u.peak_qps AS peak, coalesce(assigned.qps_limit, product.default_qps) AS allowed, product.name AS product, key.name AS key
    FROM {table} u
    JOIN keys_keyproduct assigned ON assigned.key_id = u.key_id AND assigned.product_id = u.product_id
    JOIN keys_product product ON product.id = u.product_id
    JOIN keys_apikey key ON key.id = u.key_id
    WHERE u.{owner} = wanted.owner AND u.{column} >= wanted.since
    ORDER BY u.peak_qps::float8 / coalesce(assigned.qps_limit, product.default_qps) DESC LIMIT 1
) AS top
"""
_LAST = """
SELECT wanted.alert, last.minute
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS wanted (alert, owner, since)
CROSS JOIN LATERAL (
    SELECT {column} AS minute FROM {table}
    WHERE {owner} = wanted.owner AND {column} >= wanted.since AND requests > 0 ORDER BY {column} DESC LIMIT 1
) AS last
"""
_MONTHS = """
SELECT wanted.alert, sums.requests
FROM unnest(%s::bigint[], %s::bigint[], %s::date[]) AS wanted (alert, owner, since)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(requests), 0)::bigint AS requests FROM {table} WHERE {owner} = wanted.owner AND {column} >= wanted.since
) AS sums
"""

_SHARE: Final = Source(_SUMS, *_MINUTES)
_PEAK: Final = Source(_PEAKS, ("usage_minute", "minute"), ("usage_minute", "minute"))
_SILENCE: Final = Source(_LAST, *_MINUTES)
_VOLUME: Final = Source(_MONTHS, ("usage_month", "month"), ("usage_organization_day", "date"))


def evaluate() -> int:
    """Measure every alert that is watched, and fire or end those for which that changes; return how many did."""
    now = timezone.now()
    alerts = {alert.pk: alert for alert in Alert.objects.watched()}
    changed = 0
    for pk, reading in measure(alerts.values(), now).items():
        alert = alerts[pk]
        is_met = reading.value >= alert.threshold
        if is_met != bool(alert.fired_at):
            changed += alert.note(reading, is_met=is_met, version=alert.version, now=now)
    return changed


def measure(alerts: Iterable[Alert], now: dt.datetime) -> Measured:
    """Return what is measured by the alerts' primary keys; one of which nothing can be said is missing and stays as it is.

    That is so for a share of too few requests, for silence of what never had a request, is disabled, or while the usage is not
    current. At most nine statements.
    """
    by_kind: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_kind.setdefault("share" if alert.terms.has_least else alert.condition, []).append(alert)
    found: Measured = {}
    for kind, read in (("share", _shares), ("peak", _peaks), ("silence", _silences), ("volume", _volumes)):
        if kind in by_kind:
            found |= read(by_kind[kind], now)
    return found


def _shares(alerts: Sequence[Alert], now: dt.datetime) -> Iterator[tuple[int, Reading]]:
    by_pk = {alert.pk: alert for alert in alerts}
    for pk, requests, over_qps, errors in _ask(_SHARE, alerts, lambda alert: _window(alert, now)):
        alert = by_pk[pk]
        if requests >= alert.least_requests:
            share = 100 * (errors if alert.condition == "errors" else over_qps) / requests
            figures = {"share": [share, 1], "requests": requests, "minutes": alert.minutes}
            yield pk, Reading(round(share, 3), alert.condition, figures)


def _peaks(alerts: Sequence[Alert], now: dt.datetime) -> Iterator[tuple[int, Reading]]:
    found = {alert.pk: Reading(0, "no_peak", {}) for alert in alerts}
    for pk, peak, allowed, product, key in _ask(_PEAK, alerts, lambda alert: _window(alert, now)):
        share = 100 * peak / allowed
        figures = {"peak": peak, "share": [share, 0], "limit": allowed, "product": product, "key": key}
        found[pk] = Reading(round(share, 3), "peak", figures)
    yield from found.items()


def _silences(alerts: Sequence[Alert], now: dt.datetime) -> Iterator[tuple[int, Reading]]:
    fresh = queries.freshness(now)
    if not fresh.is_live or fresh.age_s > FRESH_S:
        return
    working = [alert for alert in alerts if not _is_stopped(alert, now)]
    for pk, minute in _ask(_SILENCE, working, lambda alert: now - KEPT):
        hours = max(0.0, (now - minute).total_seconds() / 3600)
        yield pk, Reading(round(hours, 3), "silence", {"hours": hours})


def _is_stopped(alert: Alert, now: dt.datetime) -> bool:
    """Whether somebody has ordered the silence."""
    key = alert.key
    return key is not None and bool(key.disabled_at or (key.expires_at and key.expires_at <= now))


def _volumes(alerts: Sequence[Alert], now: dt.datetime) -> Iterator[tuple[int, Reading]]:
    for pk, requests in _ask(_VOLUME, alerts, lambda alert: _month(alert, now)):
        yield pk, Reading(requests, "volume", {"requests": requests})


def _window(alert: Alert, now: dt.datetime) -> dt.datetime:
    """The first minute of an alert's window, which ends with the running one."""
    return now.replace(second=0, microsecond=0) - (alert.minutes - 1) * MINUTE


def _month(alert: Alert, now: dt.datetime) -> dt.date:
    return now.astimezone(alert.organization.zone).date().replace(day=1)


def _ask(source: Source, alerts: Sequence[Alert], since: Callable[[Alert], dt.date]) -> Iterator[tuple[Any, ...]]:
    """Run a statement for the alerts of keys and once more for those of whole organisations, where there are any."""
    for owner, (table, column) in (("key_id", source.of_key), ("organization_id", source.of_organization)):
        own = [alert for alert in alerts if (alert.key_id is None) == (owner == "organization_id")]
        if own:
            sql = source.sql.format(table=table, owner=owner, column=column)
            lists = (
                [alert.pk for alert in own],
                [getattr(alert, owner) for alert in own],
                [since(alert) for alert in own],
            )
            with connection.cursor() as cursor:
                cursor.execute(sql, lists)
                yield from cursor.fetchall()
