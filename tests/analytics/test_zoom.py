"""A stretch of time chosen on the chart, and series left out of it: what the address says, page and file show."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from analytics.ranges import HOUR, MINUTE, Period, read_clock
from tests.analytics.test_page import figure, read_csv
from tests.analytics.usage import record

DAY = dt.timedelta(days=1)
UTC = ZoneInfo("UTC")


@pytest.fixture
def noon():
    """Noon of yesterday."""
    return timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) - DAY


def times(start: dt.datetime, end: dt.datetime) -> dict[str, str]:
    return {"range": "own", "from": f"{start:%Y-%m-%dT%H:%M}", "to": f"{end:%Y-%m-%dT%H:%M}"}


@pytest.mark.parametrize(
    ("before", "after", "count", "columns"), [(0, 20, 7, "20"), (60, 60, 10, "120"), (180, 60, 10, "48")]
)
def test_times_narrow_page_table_and_file_to_what_lies_between_them(ada, cast, noon, before, after, count, columns):
    record(cast.key, "search", noon + 5 * MINUTE, 7, s429_over_qps=2)
    record(cast.key, "search", noon + 20 * MINUTE, 3)
    record(cast.key, "search", noon - 200 * MINUTE, 50)
    asked = times(noon - before * MINUTE, noon + after * MINUTE)
    page = ada.get("/analytics/", **asked)
    assert figure(page, "Total requests") == str(count)
    assert page.one("#plot").get("data-columns") == columns
    assert (page.one("#from").get("type"), page.one("#from").get("value")) == ("datetime-local", asked["from"])
    assert page.one("#to").get("value") == asked["to"]
    rows = read_csv(ada.get(page.one("#csv").get("href")))
    assert sum(int(row["Requests"]) for row in rows) == count


def test_every_row_says_where_it_begins_so_that_a_script_can_make_the_address(ada, cast, noon):
    record(cast.key, "search", noon, 7)
    page = ada.get("/analytics/", range="own", show="hour", **{"from": f"{noon:%Y-%m-%d}", "to": f"{noon:%Y-%m-%d}"})
    starts = [row.get("data-from") for row in page.all("[data-numbers] tbody tr")]
    assert starts == [f"{noon:%Y-%m-%d}T{hour:02}:00" for hour in range(24)]
    assert page.one("#plot").get("data-until") == f"{noon + DAY:%Y-%m-%d}T00:00"
    assert parse_qs(urlsplit(page.one("#plot").get("data-zoom")).query) == {"range": ["own"]}
    last = ada.get("/analytics/", range="own", **{"from": starts[-1], "to": page.one("#plot").get("data-until")})
    assert last.status == 200
    by_day = ada.get("/analytics/?range=30d")
    assert by_day.all("[data-numbers] tbody tr")[-1].get("data-from") == f"{timezone.now():%Y-%m-%d}"


def test_a_running_hour_can_be_chosen_though_it_ends_tomorrow(ada, cast):
    now = timezone.now()
    record(cast.key, "search", now, 7)
    start = now.replace(minute=0, second=0, microsecond=0)
    assert figure(ada.get("/analytics/", **times(start - HOUR, start + HOUR)), "Total requests") == "7"


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-01-05T10:00", "2026-01-05T10:00", "This is not before the end."),
        ("2026-01-05T10:00", "2026-01-05T09:00", "This is not before the end."),
        ("2026-01-05T25:00", "2026-01-06T09:00", "Write the date as 2026-11-17."),
        ("T", "", "Write the date as 2026-11-17."),
        ("2999-01-05T10:00", "2999-01-05T11:00", ""),
    ],
)
def test_wrong_times_are_said_at_their_field(ada, first, last, message):
    page = ada.get("/analytics/", range="own", **{"from": first, "to": last})
    assert page.status == 422
    assert message in page.text


def test_long_stretches_are_whole_hours_and_midnights_are_dates():
    now = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    start = dt.datetime(2026, 11, 17, 8, 20, tzinfo=dt.UTC)

    def period(length: dt.timedelta, begin: dt.datetime = start) -> tuple[dt.datetime, dt.datetime, bool, str]:
        found = Period.of_times(begin, begin + length, now=now, zone=UTC)
        return found.start, found.end, found.is_dates, found.default_step

    assert period(20 * MINUTE) == (start, start + 20 * MINUTE, False, "minute")
    assert period(HOUR) == (start, start + HOUR, False, "minute")
    assert period(61 * MINUTE) == (start.replace(minute=0), start.replace(hour=10, minute=0), False, "minute")
    assert period(5 * HOUR) == (start.replace(minute=0), start.replace(hour=14, minute=0), False, "five_minutes")
    assert period(13 * HOUR)[3] == "hour"
    midnight = start.replace(hour=0, minute=0)
    assert period(2 * DAY, midnight) == (midnight, midnight + 2 * DAY, True, "hour")
    old = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC)
    assert period(HOUR, old) == (old, old + 2 * HOUR, False, "hour")


def test_an_hour_that_comes_twice_is_within_what_names_it():
    zone = ZoneInfo("Europe/Amsterdam")
    local = dt.datetime(2026, 10, 25, 2, 30)
    assert read_clock(local, zone, is_end=True) - read_clock(local, zone) == HOUR


def test_a_series_can_be_left_out_of_the_drawing_and_nothing_else_changes(ada, cast, noon):
    record(cast.key, "search", noon, 7)
    record(cast.key, "map-display", noon, 30)
    page = ada.get("/analytics/")
    link = page.one("#series-map-display").get("href")
    hidden = ada.get(link)
    assert len(hidden.all(".plot path[data-series]")) == len(page.all(".plot path[data-series]")) - 1
    assert hidden.one("#series-map-display").text_content() == "Show Map Display API"
    assert figure(hidden, "Total requests") == "37"
    assert hidden.texts("[data-numbers] td") == page.texts("[data-numbers] td")
    assert hidden.texts("[data-numbers] th[data-off]") == ["Map Display API"]
    assert [field.get("value") for field in hidden.all("#filters [name=hide]")] == ["map-display"]
    assert urlsplit(hidden.one("#series-map-display").get("href")).query == ""
    nothing = ada.get("/analytics/?hide=map-display&hide=search&hide=%3Cb%3E")
    assert nothing.all(".plot path[data-series]") == []
    assert "<b>" not in nothing.one("#filters").text_content()
