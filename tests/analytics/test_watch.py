"""A busy key that goes silent, and a key of which many requests are refused, are told of; others are not."""

import datetime as dt

import pytest
from django.utils import timezone

from analytics.watch import tell_unusual
from keys.models import ApiKey, GatewayNode
from notices.models import Notice
from tests.analytics.usage import record

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _counted_until_now(db):
    now = timezone.now()
    GatewayNode.objects.create(name="a", started_at=now - 9 * DAY, seen_at=now, applied_at=now, shipped_until=now)


def used(key: ApiKey, last: dt.timedelta, days: int) -> None:
    """Requests on so many days, the last one so long ago."""
    now = timezone.now()
    for number in range(days):
        record(key, "search", now - last - number * DAY, 5)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=now - last)


def told(cast) -> list[str]:
    return list(Notice.objects.filter(person=cast.ada, about=cast.key.public_id).values_list("kind", flat=True))


def test_a_busy_key_without_a_request_for_a_day_is_told_of_once(cast):
    used(cast.key, 25 * HOUR, 6)
    tell_unusual()
    tell_unusual()
    assert told(cast) == ["key.silent"]
    assert not Notice.objects.filter(person=cast.vera).exists()


@pytest.mark.parametrize(("last", "days"), [(23 * HOUR, 6), (25 * HOUR, 4), (5 * DAY, 7)])
def test_what_was_used_today_or_seldom_or_long_ago_is_not(cast, last, days):
    used(cast.key, last, days)
    tell_unusual()
    assert told(cast) == []


def test_a_disabled_key_is_silent_on_purpose(cast):
    used(cast.key, 25 * HOUR, 6)
    cast.key.disable(by=cast.ada, reason="test")
    tell_unusual()
    assert told(cast) == []


def test_while_the_usage_is_not_counted_silence_means_nothing(cast):
    used(cast.key, 25 * HOUR, 6)
    GatewayNode.objects.update(shipped_until=timezone.now() - 20 * HOUR)
    tell_unusual()
    assert told(cast) == []


def an_hour_ago() -> dt.datetime:
    return timezone.now().replace(minute=30) - HOUR


def test_many_breaches_and_refusals_are_told_of_with_their_numbers(cast):
    record(cast.key, "search", an_hour_ago(), 1000, s429_over_qps=90, s403_domain_not_allowed=60)
    tell_unusual()
    tell_unusual()
    assert told(cast) == ["key.breaching"]
    context = Notice.objects.filter(person=cast.ada).get().context
    assert [context[name] for name in ("requests", "breaches", "refused", "share")] == [1000, 90, 60, 15]


@pytest.mark.parametrize(
    ("requests", "failed"), [(50, {"s429_over_qps": 50}), (5000, {"s429_over_qps": 200}), (1000, {"s404_ok": 900})]
)
def test_few_or_a_small_share_or_the_apis_own_errors_are_not(cast, requests, failed):
    record(cast.key, "search", an_hour_ago(), requests, **failed)
    tell_unusual()
    assert told(cast) == []
