"""The sentence about the day on which a figure turned most."""

import datetime as dt

from django.utils import timezone

from analytics.models import UsageGap
from analytics.queries import Counts
from analytics.turns import LARGELY, LEAST, MOSTLY, turn
from tests.analytics.usage import record

DAY = dt.timedelta(days=1)
MONDAY = dt.date(2026, 11, 9)
SEARCH, MAPS = 1, 2


def days(*searches: int, maps: int = 0) -> dict[dt.date, dict[int, Counts]]:
    return {MONDAY + number * DAY: {SEARCH: Counts(count), MAPS: Counts(maps)} for number, count in enumerate(searches)}


def test_the_sentence_names_the_day_the_change_and_what_it_is_made_of(ada, cast):
    noon = timezone.now().replace(hour=12, minute=0) - 2 * DAY
    record(cast.key, "search", noon - DAY, 1000, s429_over_qps=300)
    record(cast.key, "map-display", noon - DAY, 500)
    record(cast.key, "search", noon, 730, s429_over_qps=30)
    record(cast.key, "map-display", noon, 500)
    record(cast.key, "search", noon + DAY, 730, s429_over_qps=30)
    record(cast.key, "map-display", noon + DAY, 500)
    page = ada.get("/analytics/", range="own", **{"from": f"{noon - DAY:%Y-%m-%d}", "to": f"{noon + DAY:%Y-%m-%d}"})
    day = f"{noon:%A} {noon.day} {noon:%B}"
    assert page.one("p.turn").text == (
        f"Requests fell by 18.0 % on {day} against the day before, mostly QPS breaches of Search API."
    )
    UsageGap.objects.create(node="one", requests=9, from_at=noon, until_at=noon)
    assert not ada.get("/analytics/", range="own", **{"from": f"{noon - DAY:%Y-%m-%d}", "to": f"{noon:%Y-%m-%d}"}).all(
        "p.turn"
    )
    UsageGap.objects.all().delete()
    breaches = ada.get(
        "/analytics/breaches/", range="own", **{"from": f"{noon - DAY:%Y-%m-%d}", "to": f"{noon:%Y-%m-%d}"}
    )
    assert breaches.one("p.turn").text.startswith(f"QPS breaches fell by 90.0 % on {day}")


def test_a_running_day_and_a_stretch_of_hours_do_not_turn(ada, cast):
    now = timezone.now()
    record(cast.key, "search", now - DAY, 1000)
    record(cast.key, "search", now, 10)
    for asked in ("24h", "1h"):
        assert not ada.get("/analytics/", range=asked).all("p.turn")
    today, yesterday = f"{now:%Y-%m-%d}", f"{now - DAY:%Y-%m-%d}"
    assert not ada.get("/analytics/", range="own", **{"from": yesterday, "to": today}).all("p.turn")


def test_small_changes_are_not_said():
    assert turn(days(1000, 1099), "usage") is None
    assert turn(days(1000, 1100), "usage").now == 1100
    assert turn(days(100, 100 - LEAST + 1), "usage") is None
    assert turn(days(100, 100 - LEAST), "usage").now == 100 - LEAST
    assert turn(days(0, 1000), "usage") is None
    assert turn(days(), "usage") is None


def test_from_eight_days_on_a_day_is_compared_with_that_of_the_week_before():
    week = [1000, 1000, 1000, 1000, 1000, 400, 400]
    assert turn(days(*week), "usage").earlier == MONDAY + 4 * DAY
    assert turn(days(*week, *week), "usage") is None
    found = turn(days(*week, 1000, 500, *week[2:]), "usage")
    assert (found.date, found.earlier) == (MONDAY + 8 * DAY, MONDAY + DAY)


def test_the_part_that_makes_up_most_of_the_change_is_named():
    before = {SEARCH: Counts(1000, over_qps=200), MAPS: Counts(1000)}
    after = {SEARCH: Counts(900, over_qps=150), MAPS: Counts(900)}
    found = turn({MONDAY: before, MONDAY + DAY: after}, "usage")
    assert (found.product_id, found.part, found.share) == (MAPS, "successful", 0.5)
    assert LARGELY < MOSTLY == found.share
    found = turn({MONDAY: before, MONDAY + DAY: after}, "breaches")
    assert (found.product_id, found.part, found.share) == (SEARCH, "breaches", 1)
