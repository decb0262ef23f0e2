"""Hours and days of any zone, against brute force over minutes."""

import datetime as dt
from bisect import bisect_right
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.ranges import (
    DAY,
    HOUR,
    MINUTE,
    Period,
    day_start,
    hour_mark,
    hour_start,
    is_repeated,
    next_hour,
)
from analytics.times import bucket_words, period_words

settings.register_profile("zones", suppress_health_check=[HealthCheck.too_slow])  # the first look at a zone takes long
settings.load_profile("zones")
ZONES = [
    "UTC", "Europe/Amsterdam", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Chatham", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Antarctica/Troll", "Pacific/Apia",
]  # fmt: skip
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

FIRST, LAST = dt.datetime(2023, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 12, 31, tzinfo=dt.UTC)


@cache
def changes(zone: ZoneInfo) -> list[dt.datetime]:
    """The hours in which the clocks of a zone change."""
    hours = [FIRST + n * HOUR for n in range(int((LAST - FIRST) / HOUR))]
    return [
        one for one, other in pairwise(hours) if one.astimezone(zone).utcoffset() != other.astimezone(zone).utcoffset()
    ]


@st.composite
def places(draw):
    """A zone and an instant, half of them around a change of its clocks."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    if draw(st.booleans()) and changes(zone):
        return zone, draw(st.sampled_from(changes(zone))) + draw(st.integers(-300, 300)) * MINUTE
    return zone, draw(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(dt.UTC)))


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


@given(places())
def test_an_hour_is_the_stretch_of_time_with_one_mark(place):
    zone, at = place
    start = hour_start(at, zone)
    following = next_hour(start, zone)
    assert start <= at < following <= start + HOUR
    minutes = [start + n * MINUTE for n in range(int((following - start) / MINUTE))]
    assert {minute - minute.astimezone(zone).minute * MINUTE for minute in minutes} == {hour_mark(at, zone)}
    assert hour_start(following, zone) == following
    assert hour_mark(start - MINUTE, zone) != hour_mark(start, zone) != hour_mark(following, zone)


@given(places())
def test_a_day_holds_exactly_the_minutes_that_the_calendar_calls_by_its_date(place):
    zone, at = place
    date = at.astimezone(zone).date()
    start, end = day_start(date, zone), day_start(date + DAY, zone)
    assert start <= at < end
    for minute in (start, start + (end - start) / 2, end - dt.timedelta(seconds=1)):
        assert minute.astimezone(zone).date() == date
    assert (start - dt.timedelta(seconds=1)).astimezone(zone).date() < date


@given(places(), st.sampled_from([1, 2, 7, 30, 31]), st.sampled_from(["five_minutes", "hour", "day"]))
@settings(max_examples=60)
def test_buckets_cover_a_period_without_gap_or_overlap(place, days, step):
    zone, now = place
    for period in (Period.of_days(days, now=now, zone=zone), Period.of_last_day(now=now, zone=zone)):
        buckets = period.buckets(step)
        assert buckets[0].start == period.start
        assert buckets[-1].end == period.end
        assert all(one.end == other.start for one, other in pairwise(buckets))
        assert all(bucket.start < bucket.end for bucket in buckets)
        running = [bucket for bucket in buckets if bucket.is_running(now)]
        assert len(running) == 1
        starts = [bucket.start for bucket in buckets]
        assert buckets[bisect_right(starts, now) - 1] == running[0]


@given(places(), st.sampled_from([1, 7, 30, 90]))
def test_the_period_before_ends_where_this_one_begins_and_is_seen_at_the_same_time_of_day(place, days):
    zone, now = place
    period = Period.of_days(days, now=now, zone=zone)
    before = period.before()
    assert before.end == period.start
    assert before.days == days
    assert before.start <= before.elapsed_end <= before.end
    last = Period.of_last_day(now=now, zone=zone)
    assert last.before().end == last.start
    assert last.before().elapsed_end == now - (last.end - last.start)


@given(places())
def test_the_last_hour_is_sixty_minutes_that_end_with_the_running_one(place):
    zone, now = place
    period = Period.of_last_hour(now=now, zone=zone)
    assert period.includes_now
    assert period.before().end == period.start
    assert (period.steps, period.default_step) == (["minute", "five_minutes"], "minute")
    assert len(period.buckets("minute")) == 60
    fives = period.buckets("five_minutes")
    assert 12 <= len(fives) <= 13
    assert (fives[0].start, fives[-1].end) == (period.start, period.end)
    assert all(one.end == other.start for one, other in pairwise(fives))
    assert {bucket.start.astimezone(zone).minute % 5 for bucket in fives[1:]} == {0}


@pytest.mark.parametrize(
    ("days", "default", "steps"),
    [(1, "hour", ["five_minutes", "hour", "day"]), (2, "hour", ["five_minutes", "hour", "day"]), (7, "hour", ["hour", "day"]),
     (31, "day", ["hour", "day"]), (90, "day", ["day"]), (365, "day", ["day"])],
)  # fmt: skip
def test_the_detail_fits_the_length_and_what_is_kept(days, default, steps):
    now = utc(2026, 7, 1, 12)
    period = Period.of_days(days, now=now, zone=AMSTERDAM)
    assert (period.default_step, period.steps) == (default, steps)
    old = Period.of_dates(dt.date(2026, 1, 1), dt.date(2026, 1, 1), now=now, zone=AMSTERDAM)
    assert old.steps == ["hour", "day"]


@given(places())
def test_the_last_24_hours_end_with_the_running_one(place):
    zone, now = place
    period = Period.of_last_day(now=now, zone=zone)
    assert period.includes_now
    assert 23 * HOUR <= period.end - period.start <= 25 * HOUR


@pytest.mark.parametrize(
    ("date", "hours"), [(dt.date(2026, 3, 29), 23), (dt.date(2026, 10, 25), 25), (dt.date(2026, 7, 1), 24)]
)
def test_days_on_which_the_clocks_change_have_23_and_25_hours(date, hours):
    period = Period.of_dates(date, date, now=utc(2026, 12, 1), zone=AMSTERDAM)
    assert len(period.buckets("hour")) == hours


def test_the_hour_that_comes_twice_says_its_offset():
    period = Period.of_dates(dt.date(2026, 10, 25), dt.date(2026, 10, 25), now=utc(2026, 12, 1), zone=AMSTERDAM)
    words = [bucket_words(bucket, "hour", AMSTERDAM) for bucket in period.buckets("hour")]
    assert words[2:4] == ["Sun 25 Oct, 02:00–03:00 (UTC+0200)", "Sun 25 Oct, 02:00–03:00 (UTC+0100)"]
    assert len(set(words)) == 25
    assert not is_repeated(utc(2026, 10, 25, 5), AMSTERDAM)


def test_lord_howe_has_an_hour_of_30_minutes_when_its_clocks_change():
    zone = ZoneInfo("Australia/Lord_Howe")
    spring = Period.of_dates(dt.date(2026, 10, 4), dt.date(2026, 10, 4), now=utc(2026, 12, 1), zone=zone).buckets(
        "hour"
    )
    autumn = Period.of_dates(dt.date(2026, 4, 5), dt.date(2026, 4, 5), now=utc(2026, 12, 1), zone=zone).buckets("hour")
    for buckets, count in ((spring, 24), (autumn, 25)):
        assert len(buckets) == count
        assert [bucket.end - bucket.start for bucket in buckets].count(HOUR / 2) == 1


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ((2026, 11, 11), (2026, 11, 17), "11 to 17 November 2026"),
        ((2026, 10, 28), (2026, 11, 3), "28 October to 3 November 2026"),
        ((2025, 12, 30), (2026, 1, 2), "30 December 2025 to 2 January 2026"),
        ((2026, 11, 17), (2026, 11, 17), "17 November 2026"),
    ],
)
def test_a_period_is_said_as_people_write_it(first, last, words):
    assert period_words(Period.of_dates(dt.date(*first), dt.date(*last), now=utc(2026, 12, 1), zone=AMSTERDAM)) == words
