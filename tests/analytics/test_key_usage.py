"""Usage in other rooms' pages: sparklines of key lists, the last day of one key; and the words of reasons."""

import datetime as dt

import pytest
import time_machine
from django.template import Context, Template
from django.utils import timezone
from lxml import html

from analytics import key_pins, key_usage
from analytics.models import RequestRecord
from analytics.reasons import REFUSALS, explain
from gateway import outcomes
from tests.analytics.usage import record
from tests.factories import KeyFactory

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def usage_of(cast, key):
    return key_usage.of_keys([key.pk], cast.northwind)[key.pk]


def test_a_list_of_fifty_keys_needs_two_queries(cast, django_assert_num_queries):
    keys = [KeyFactory(organization=cast.northwind) for _ in range(50)]
    for key in keys:
        record(key, "search", timezone.now() - 30 * HOUR, 3, peak=4)
    with django_assert_num_queries(2):
        usages = key_usage.of_keys([key.pk for key in keys], cast.northwind)
    assert {usage.requests for usage in usages.values()} == {3}
    assert {(usage.peak_qps, usage.peak_product, usage.peak_limit) for usage in usages.values()} == {
        (4, "Search API", 5)
    }


@pytest.fixture
def remembering(settings, monkeypatch):
    monkeypatch.setattr(key_pins, "_remembered", {})  # keys of other tests have the same numbers
    settings.USAGE_REMEMBERED_SECONDS = 60


def test_finished_hours_are_counted_once_a_minute_and_the_last_ones_always(
    cast, remembering, django_assert_num_queries
):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        record(cast.key, "search", now - 3 * DAY, 100, peak=4)
        assert usage_of(cast, cast.key).requests == 100
        record(cast.key, "search", now - 3 * HOUR, 1000)
        record(cast.key, "search", now, 7, s429_over_qps=2, s500_ok=1, peak=9)
        with django_assert_num_queries(1):
            usage = usage_of(cast, cast.key)
        assert (usage.requests, usage.refused, usage.peak_qps, usage.day.requests) == (107, 2, 9, 7)
    with time_machine.travel(now + dt.timedelta(seconds=61), tick=False):
        assert usage_of(cast, cast.key).requests == 1107


def test_a_rotation_counts_what_came_on_the_old_string_at_once(cast, remembering):
    now = timezone.now()
    record(cast.key, "search", now - 30 * HOUR, 50)
    assert not usage_of(cast, cast.key).sketch.old
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY, at=now - 20 * HOUR)
    record(cast.key, "search", now - 15 * HOUR, 7, string=1)
    record(cast.key, "search", now, 3, string=1)
    usage = usage_of(cast, cast.key)
    assert usage.requests == 60
    assert usage.sketch.old.count("M") == 2


def test_a_new_limit_is_held_against_peaks_that_are_remembered(cast, remembering):
    record(cast.key, "search", timezone.now() - 3 * DAY, 10, peak=6)
    assert usage_of(cast, cast.key).peak_limit == 5
    cast.key.key_products.filter(product__code="search").update(qps_limit=50)
    usage = usage_of(cast, cast.key)
    assert (usage.peak_qps, usage.peak_limit) == (6, 50)


def test_requests_of_a_product_that_was_taken_away_count_but_have_no_limit(cast):
    record(cast.key, "search", timezone.now(), 10, peak=6)
    cast.key.key_products.filter(product__code="search").delete()
    usage = usage_of(cast, cast.key)
    assert (usage.requests, usage.day.requests, usage.peak_qps, usage.peak_limit) == (10, 10, 0, None)


def test_only_what_the_gateway_refused_counts_as_refused(cast):
    record(cast.key, "search", timezone.now(), 20, s429_over_qps=3, s403_domain_not_allowed=2, s404_ok=5, s500_ok=1)
    usage = usage_of(cast, cast.key)
    assert (usage.requests, usage.refused) == (20, 5)
    assert usage.sketch.refused
    assert not usage.is_all_refused


def test_requests_on_an_old_string_are_drawn_apart_from_the_rotation_on(cast):
    now = timezone.now()
    record(cast.key, "search", now - 30 * HOUR, 50)
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY, at=now - 20 * HOUR)
    assert not usage_of(cast, cast.key).sketch.old
    record(cast.key, "search", now - 10 * HOUR, 7, string=1)
    record(cast.key, "search", now - 10 * HOUR, 9, string=2)
    usage = usage_of(cast, cast.key)
    assert usage.sketch.old.count("M") == 1
    assert usage.requests == 66


def test_the_peak_is_that_of_the_product_nearest_to_its_limit(cast):
    record(cast.key, "map-display", timezone.now(), 500, peak=200)
    record(cast.key, "search", timezone.now(), 10, peak=6)
    usage = usage_of(cast, cast.key)
    assert (usage.peak_qps, usage.peak_product, usage.peak_limit) == (6, "Search API", 5)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"])
def test_pins_are_quarters_of_the_organisations_days(cast, zone):
    cast.northwind.time_zone = zone
    starts = key_usage.pin_starts(timezone.now(), cast.northwind)
    assert len(starts) == 28
    assert {start.astimezone(cast.northwind.zone).strftime("%H:%M") for start in starts} == {
        "00:00",
        "06:00",
        "12:00",
        "18:00",
    }
    assert starts == sorted(starts)
    assert starts[-1] <= timezone.now() < starts[-1] + 8 * HOUR


def test_an_unused_key_says_so(cast):
    usage = usage_of(cast, cast.key)
    assert (usage.requests, usage.sentence) == (0, "No requests in 7 days")
    assert key_usage.of_keys([], cast.northwind) == {}


def test_the_last_day_of_a_key_is_told_in_three_queries(cast, django_assert_num_queries):
    now = timezone.now()
    record(cast.key, "search", now, 5, s429_over_qps=1)
    record(cast.key, "search", now - 5 * HOUR, 2)
    record(cast.key, "search", now - 26 * HOUR, 100)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "192.0.2.0/24"):
        RequestRecord.objects.create(
            at=now, tracking_id="t", key_id=cast.key.pk, outcome="ok", status=200, network=network
        )
    with django_assert_num_queries(3):
        day = key_usage.of_last_day(cast.key.pk, cast.northwind)
    assert (day.requests, day.refused, day.networks) == (7, 1, 2)


def render(source: str, **context) -> html.HtmlElement:
    return html.fromstring(f"<div>{Template('{% load usage %}' + source).render(Context(context))}</div>")


def test_templates_load_the_usage_of_many_keys_or_of_one(cast):
    record(cast.key, "search", timezone.now(), 1234)
    for keys in ([cast.key], cast.key):
        source = "{% usage_of keys as usages %}{% usage_for usages key as usage %}{% spark usage %}{{ usage.requests }}"
        found = render(source, keys=keys, key=cast.key, organization=cast.northwind)
        assert found.cssselect("svg.spark")[0].get("aria-label") == "1,234 requests in 7 days, 0 refused"
        assert not found.cssselect("[style]")


def test_a_confirmation_tells_the_traffic_of_the_last_day(cast):
    source = '{% include "analytics/_traffic.html" %}'
    context = {"key": cast.key, "organization": cast.northwind}
    assert render(source, **context).text_content().strip() == "No request came with it in the last 24 hours."
    record(cast.key, "search", timezone.now(), 5, s429_over_qps=1)
    assert (
        render(source, **context).text_content().strip()
        == "5 requests came with it in the last 24 hours; 1 of them was refused."
    )


def test_every_outcome_of_the_gateway_has_words_and_advice():
    words = {outcome.word for outcome in outcomes.ALL} - {"ok"}
    assert words == set(REFUSALS)
    assert all(words and advice for words, _, advice in REFUSALS.values())
    assert explain(404, "ok").words == "Answered by the API: nothing found"
    assert explain(599, "ok").words == "Answered by the API: an error"
    assert explain(418, "made_up").words == "Made up"


def test_another_customers_usage_is_not_in_a_keys_figures(cast):
    record(cast.other_key, "search", timezone.now(), 5)
    assert usage_of(cast, cast.key).requests == 0
