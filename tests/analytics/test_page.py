"""The tab Analytics: figures, filters, views, freshness, refresh."""

import csv
import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import Plan
from analytics.models import UsageGap
from keys.models import GatewayNode
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory, products

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
VIEWS = ["/analytics/", "/analytics/breaches/", "/analytics/errors/"]


@pytest.fixture
def now():
    """Noon, so that "an hour ago" is on the same date."""
    return timezone.now().replace(hour=12, minute=30, second=0, microsecond=0) - DAY


def figure(page, name: str) -> str:
    return (
        next(metric for metric in page.all(".metric") if metric.cssselect(".name")[0].text == name)
        .cssselect(".value")[0]
        .text
    )


def number(text: str) -> int:
    return int(text.replace(",", ""))


def rows(page, heading: str) -> list[list[str]]:
    """The cells of a table, with its foot, by the heading of its section."""
    frame = page.one(f"section[aria-labelledby={heading}]")
    return [
        [" ".join(cell.text_content().split()) for cell in line.cssselect("th, td")]
        for line in frame.cssselect("tbody tr, tfoot tr")
    ]


def read_csv(page) -> list[dict[str, str]]:
    text = b"".join(page.response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_four_figures_add_up_and_say_what_was_before(ada, cast, now):
    record(cast.key, "search", now, 100, s429_over_qps=10, s404_ok=5, s502_ok=2)
    record(cast.key, "map-display", now - DAY, 50)
    record(cast.key, "search", now - 9 * DAY, 60, s429_over_qps=20)
    page = ada.get("/analytics/")
    assert [figure(page, name) for name in ("Total requests", "QPS breaches", "4XX errors", "5XX errors")] == [
        "150",
        "10",
        "5",
        "2",
    ]
    assert page.texts(".metric .change") == ["up 150.0 % from 60", "down 50.0 % from 20", "new", "new"]
    assert "150 = 133 + 10 + 5 + 2" in page
    assert "The figures may differ from the invoice" in page
    day = f"{now:%A} {now.day} {now:%B}"
    assert page.one("p.lead").text == (
        f"Requests rose by 150.0 %. 1 in 9 requests failed, most of them on {day}, mainly because the QPS limit was reached."
    )


def test_what_was_next_to_nothing_before_is_told_as_it_was(ada, cast, now):
    record(cast.key, "search", now, 14_915)
    record(cast.key, "search", now - 9 * DAY, 100)
    page = ada.get("/analytics/")
    assert page.texts(".metric .change")[0] == "up from 100"
    assert page.one("p.lead").text.startswith("Requests rose from 100 to 14,915.")
    record(cast.key, "search", now - 9 * DAY, 1_400)
    page = ada.get("/analytics/")
    assert page.texts(".metric .change")[0] == "up 894.3 % from 1,500"
    assert page.one("p.lead").text.startswith("Requests rose by 894.3 %.")


def test_the_axis_of_a_year_names_months(ada, cast, now):
    record(cast.key, "search", now)
    named = [" ".join(text.split()) for text in ada.get("/analytics/", range="12m").texts(".plot .tick + text")]
    dates = [timezone.now().date() - ago * DAY for ago in range(400)][::-1]
    wanted = [f"{date:%b %Y}" if date.month == 1 else f"{date:%b}" for date in dates if date.day == 1]
    assert named == wanted[-len(named) :]
    assert len(named) in {12, 13}


def test_a_running_period_is_compared_with_as_much_of_the_one_before(ada, cast):
    minute = timezone.now().replace(second=0, microsecond=0)
    for days, path in ((7, "/analytics/"), (1, "/analytics/?range=24h")):
        record(cast.key, "search", minute - days * DAY - dt.timedelta(minutes=2), 30)
        record(cast.key, "search", minute - days * DAY + dt.timedelta(minutes=3), 1000)
        assert ada.get(path).texts(".metric .change")[0].endswith("from 30")


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"]
)
@pytest.mark.parametrize(
    "date", [dt.date(2026, 4, 5), dt.date(2026, 3, 29), dt.date(2025, 10, 26), dt.date(2025, 10, 5)]
)
def test_hours_and_days_of_any_zone_equal_brute_force_and_each_other(ada, cast, zone, date):
    cast.northwind.time_zone = zone
    cast.northwind.save(update_fields=["time_zone"])
    place = ZoneInfo(zone)
    start = dt.datetime.combine(date - DAY, dt.time(), place).astimezone(dt.UTC)
    hours: dict[dt.datetime, int] = {}  # by the instant that is as long ago as the clock shows minutes
    days: dict[dt.date, int] = {}
    deltas = []
    for step in range(3 * 96 + 8):
        at = start + step * dt.timedelta(minutes=15)
        local = at.astimezone(place)
        if local.date() > date + DAY:
            break
        deltas.append(delta(cast.key, "search", at, step + 1))
        days[local.date()] = days.get(local.date(), 0) + step + 1
        mark = at - local.minute * dt.timedelta(minutes=1)
        hours[mark] = hours.get(mark, 0) + step + 1
    add(deltas)
    query = {"from": (date - DAY).isoformat(), "to": (date + DAY).isoformat(), "range": "own", "split": "0"}
    by_hour = read_csv(ada.get("/analytics/usage.csv", **query, show="hour"))
    by_day = read_csv(ada.get("/analytics/usage.csv", **query, show="day"))
    assert [int(row["Requests"]) for row in by_day] == list(days.values())
    assert [int(row["Requests"]) for row in by_hour] == list(hours.values())
    assert all(dt.datetime.fromisoformat(row[f"Hour from ({zone})"]).tzinfo for row in by_hour)


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize("query", [{}, {"range": "24h"}, {"range": "30d", "show": "hour"}, {"range": "90d", "show": "hour"}, {"range": "24h", "show": "day"}, {"split": "1"}, {"split": "0"}])  # fmt: skip
def test_page_tables_and_csv_agree_to_the_unit(ada, cast, path, query):
    now = timezone.now()
    second = KeyFactory(organization=cast.northwind, name="Second", products=products("routing"))
    deltas = []
    for back in range(1, 40):
        at = now - back * 7 * HOUR
        deltas += [
            delta(cast.key, "search", at, 50 + back, s429_over_qps=back % 5, s404_ok=back % 3, s500_ok=back % 2),
            delta(second, "routing", at, 10 + back, s403_domain_not_allowed=back % 4),
            delta(second, None, at, 2, s404_no_such_route=2),
        ]
    add(deltas)
    page = ada.get(path, **query)
    view = page.one("nav.views [aria-current]").text
    totals = [number(figure(page, name)) for name in ("Total requests", "QPS breaches", "4XX errors", "5XX errors")]
    sheet = read_csv(ada.get(page.one("#csv").get("href")))
    columns = {"Usage": [0, 1, 2, 3], "QPS breaches": [0, 1], "Errors": [0, 2, 3]}[view]
    for column in columns:
        name = ("Requests", "QPS breaches", "4XX errors", "5XX errors")[column]
        assert sum(int(row[name]) for row in sheet) == totals[column]
    if view == "Usage":
        for heading in ("product-name", "keys-name"):
            *lines, foot = rows(page, heading)
            assert sum(number(line[1]) for line in lines) == number(foot[1]) == totals[0]
            assert sum(number(line[3]) for line in lines) == number(foot[3]) == totals[1]
    if view == "QPS breaches":
        *lines, foot = rows(page, "breaches-name")
        assert sum(number(line[4]) for line in lines) == number(foot[4]) == totals[1]
    if view == "Errors":
        *lines, foot = rows(page, "product-name")
        assert sum(number(line[1]) for line in lines) == number(foot[1]) == totals[2] + totals[3]
        *lines, foot = rows(page, "reason-name")
        assert sum(number(line[2]) for line in lines) == number(foot[2]) == sum(totals[1:])
        *lines, foot = rows(page, "keys-name")
        assert sum(number(line[2]) for line in lines) == number(foot[2]) == totals[2] + totals[3]
    assert page.one("#plot").get("data-columns")


def test_the_table_behind_the_chart_has_the_numbers_of_the_csv(ada, cast, now):
    for back in range(30):
        record(cast.key, "search", now - back * HOUR, 10 + back, peak=back % 7)
        record(cast.key, "map-display", now - back * HOUR, 5)
    page = ada.get("/analytics/", range="7d")
    heads = page.texts("[data-numbers] thead th")
    assert heads == ["Hour", "Search API", "Map Display API", "All", "QPS breaches", "Peak QPS of 5, Search API"]
    shown = [[number(cell.text) for cell in line.cssselect("td")] for line in page.all("[data-numbers] tbody tr")]
    sheet = read_csv(ada.get("/analytics/usage.csv"))
    assert [line[0] for line in shown] == [int(row["Requests"]) for row in sheet if row["Product"] == "Search API"]
    assert [line[1] for line in shown] == [int(row["Requests"]) for row in sheet if row["Product"] == "Map Display API"]
    assert [line[4] for line in shown] == [int(row["Peak QPS"]) for row in sheet if row["Product"] == "Search API"]


def test_more_products_than_colours_are_gathered_but_the_csv_names_each(ada, cast, now):
    codes = ["map-display", "search", "geocoding", "routing", "traffic", "geofencing", "matrix-routing"]
    for weight, code in enumerate(codes, 1):
        record(cast.key, code, now, weight * 10)
    page = ada.get("/analytics/")
    assert page.texts(".legend .item")[-1] == "Hide Other (2)"
    assert len(page.all(".legend .item")) == 6
    assert len({row["Product"] for row in read_csv(ada.get("/analytics/usage.csv"))}) == 7


def test_choosing_a_key_and_products_narrows_everything(ada, cast, now):
    second = KeyFactory(organization=cast.northwind, name="Second")
    record(cast.key, "search", now, 7)
    record(cast.key, "map-display", now, 11)
    record(second, "search", now, 100)
    assert figure(ada.get("/analytics/", key=cast.key.public_id), "Total requests") == "18"
    assert figure(ada.get("/analytics/", key=cast.key.public_id, product="search"), "Total requests") == "7"
    assert figure(ada.get("/analytics/", product=["search", "map-display"]), "Total requests") == "118"
    page = ada.get("/analytics/", key=cast.key.public_id.lower().replace("key_", ""))
    assert page.texts("#key-list label:has([checked])") == ["Fleet tracking"]
    assert page.texts("#product-list [checked]") == []


def test_a_table_row_leads_to_the_narrower_page(ada, cast, now):
    record(cast.key, "search", now, 7)
    page = ada.get("/analytics/", range="30d")
    assert page.one("#product-search").get("href") == "/analytics/?range=30d&product=search"
    assert page.one(f"#in-{cast.key.public_id}").get("href") == f"/analytics/?range=30d&key={cast.key.public_id}"


def test_a_deleted_key_that_had_usage_can_be_chosen_and_is_marked(ada, cast, now):
    unused = KeyFactory(organization=cast.northwind, name="Never used")
    record(cast.key, "search", now, 7)
    for key in (cast.key, unused):
        key.mark_deleted(by=cast.ada)
    page = ada.get("/analytics/", key=cast.key.public_id)
    assert figure(page, "Total requests") == "7"
    assert page.texts("#key-list label") == ["Fleet tracking deleted"]


@pytest.mark.parametrize("path", [*VIEWS, "/analytics/usage.csv"])
def test_another_customers_key_does_not_exist(ada, cast, path, now):
    record(cast.other_key, "search", now, 987_654)
    for key in (cast.other_key.public_id, "key_0000000000000000", "nonsense", "x\x00y"):
        page = ada.get(path, key=key)
        assert page.status in (400, 404, 422)
        assert "Their key" not in page.source
        assert "987,654" not in page.source
    assert ada.get(path, key=cast.other_key.public_id).status == 404
    assert "987,654" not in ada.get("/analytics/").source


def test_a_viewer_may_look_and_a_stranger_may_not(as_user, cast, client):
    assert as_user(cast.vera).get("/analytics/").status == 200
    assert as_user(cast.sam).get("/analytics/").status == 404
    assert client.get("/analytics/").status_code == 302


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ({"from": "2026-02-30", "range": "own"}, "from", "Write the date as 2026-11-17."),
        ({"to": "0001-01-01T00:00", "range": "own"}, "to", "Write the date as 2026-11-17."),
        ({"from": "<script>", "to": "2026-01-01"}, "from", "Write the date as 2026-11-17."),
        ({"from": "2026-01-02", "to": "2026-01-01", "range": "own"}, "from", "This is after the last date."),
        ({"to": "9999-12-31", "range": "own"}, "to", "This is in the future"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "from", "Usage is kept for five years"),
        ({"from": "2024-01-01", "to": "2025-06-01"}, "from", "At most 366 days"),
        ({"range": "8d"}, "range", "“8d” is no range of dates."),
        ({"product": "teleport"}, "product", "“teleport” is no product."),
        ({"show": "second"}, "show", "“second” is no minute, five_minutes, hour or day."),
    ],
)
@pytest.mark.parametrize("path", ["/analytics/", "/analytics/usage.csv"])
def test_a_wrong_filter_is_said_at_its_field(ada, path, query, field, message):
    page = ada.get(path, **query)
    assert page.status == 422
    assert message in page.one(f"#{field}-error").text
    assert not page.all(".metrics")


def test_a_wrong_view_has_no_csv(ada):
    assert ada.get("/analytics/usage.csv", view="secrets").status == 422


def test_hours_of_more_than_a_month_become_days_and_the_page_says_so(ada, cast, now):
    record(cast.key, "search", now, 7)
    page = ada.get("/analytics/", range="90d", show="hour")
    assert "Hours can be shown for up to 31 days" in page
    assert page.one("h2#chart-name").text == "Requests per day"
    assert page.one("#plot").get("data-columns") == "90"


def test_reasons_say_what_to_do(ada, cast, now):
    record(
        cast.key,
        "search",
        now,
        100,
        s429_over_qps=9,
        s403_domain_not_allowed=5,
        s401_expired_key=3,
        s404_ok=2,
        s502_ok=1,
    )
    page = ada.get("/analytics/errors/", key=cast.key.public_id)
    found = [(line[0], line[2]) for line in rows(page, "reason-name")[:-1]]
    assert found == [("429", "9"), ("403", "5"), ("401", "3"), ("404", "2"), ("502", "1")]
    words = rows(page, "reason-name")
    assert words[0][1].startswith("Over the QPS limit over_qps · Search API · Send fewer requests at once")
    assert (
        words[1][1]
        == "Domain not on the list domain_not_allowed · Search API · Edit the key and add the domain, if it is yours."
        " Edit its domains"
    )
    assert words[3][1].startswith("Answered by the API: nothing found")
    assert page.one("#fix-over_qps").get("href").endswith(f"{cast.key.public_id}/qps/")
    assert page.one("#fix-domain_not_allowed").get("href").endswith(f"{cast.key.public_id}/edit/")


def test_breaches_name_key_product_limit_and_peak(ada, cast, now):
    cast.key.key_products.filter(product__code="search").update(qps_limit=8)
    record(cast.key, "search", now, 100, peak=13, s429_over_qps=25)
    page = ada.get("/analytics/breaches/")
    assert rows(page, "breaches-name")[0] == [
        "Fleet tracking",
        "Search API",
        "8",
        "13",
        "25",
        "25.0 %",
        "",
        "Manage QPS",
    ]
    assert page.one(".level[data-over]") is not None


def test_other_plans_are_not_sent_to_qps_management(ada, as_user, cast, now):
    cast.northwind.plan = Plan.FREEMIUM
    cast.northwind.save(update_fields=["plan"])
    record(cast.key, "search", now, 100, s429_over_qps=25)
    assert "Manage QPS" not in ada.get("/analytics/breaches/")
    cast.northwind.plan = Plan.ENTERPRISE
    cast.northwind.save(update_fields=["plan"])
    assert "Manage QPS" not in as_user(cast.vera).get("/analytics/breaches/")


def test_peaks_are_drawn_for_the_product_nearest_to_its_limit(ada, cast, now):
    record(cast.key, "map-display", now, 100, peak=60)
    record(cast.key, "search", now, 10, peak=4)
    page = ada.get("/analytics/")
    assert "Peak QPS of Search API, Fleet tracking, nearest to its limit" in page
    assert page.texts(".plot .limit-name") == ["Limit 5"]
    assert [line[-1] for line in rows(page, "product-name")[:-1]] == ["60 of 1,000", "4 of 5"]


def test_nothing_is_drawn_where_nothing_came(ada):
    page = ada.get("/analytics/")
    assert page.texts(".metric .value") == ["0", "0", "0", "0"]
    assert page.texts(".metric .change") == ["none before"] * 4
    assert (
        page.one(".empty p").text
        == "No request came in this time. A request is shown here a few seconds after it was answered."
    )
    assert not page.all(".chart")
    for path in VIEWS:
        assert ada.get(path, range="90d").status == 200


def report_gateway(name: str, *, seen: dt.datetime, shipped: dt.datetime | None) -> None:
    GatewayNode.objects.create(name=name, started_at=seen - HOUR, seen_at=seen, applied_at=seen, shipped_until=shipped)


def test_the_page_says_how_old_its_data_are(ada):
    now = timezone.now()
    assert ada.get("/analytics/").one("#freshness").text_content() == "No gateway has reported yet"
    report_gateway("gone", seen=now - HOUR, shipped=now - HOUR)
    page = ada.get("/analytics/")
    assert "No gateway reports. As of" in page
    assert page.one("#freshness").get("data-tone") == "attention"
    report_gateway("quick", seen=now, shipped=now - dt.timedelta(seconds=2))
    report_gateway("slow", seen=now, shipped=now - dt.timedelta(seconds=20))
    text = ada.get("/analytics/").one("#freshness").text_content()
    assert text.startswith("As of ")
    assert text.endswith(("20 s old", "21 s old", "22 s old"))


def test_the_page_says_when_a_gateway_could_not_count(ada):
    now = timezone.now()
    report_gateway("quick", seen=now, shipped=now)
    UsageGap.objects.create(node="quick", from_at=now - 3 * HOUR, until_at=now - 2 * HOUR, requests=12_345)
    page = ada.get("/analytics/", range="24h")
    assert "were answered and not counted" in page.one("#freshness").text_content()
    assert page.one("#freshness").get("data-tone") == "attention"
    assert "12,345" not in page  # of all customers together
    assert "quick" not in page.one("#freshness").text_content()
    UsageGap.objects.update(from_at=now - 60 * HOUR, until_at=now - 50 * HOUR)
    assert "not counted" not in ada.get("/analytics/", range="24h").one("#freshness").text_content()


def test_a_running_page_asks_again_and_gets_only_what_changed(ada, cast):
    record(cast.key, "search", timezone.now(), 7)
    page = ada.get("/analytics/", range="24h")
    panel = page.one("#figures")
    assert panel.get("hx-trigger") == "every 5s"
    same = ada.get(panel.get("hx-get"), htmx="/analytics/")
    assert same["HX-Reswap"] == "none"
    assert not same.all("#figures")
    assert same.one("#freshness").get("hx-swap-oob") == "true"
    record(cast.key, "search", timezone.now(), 5)
    fresh = ada.get(panel.get("hx-get"), htmx="/analytics/")
    assert "HX-Reswap" not in fresh.response
    assert figure(fresh, "Total requests") == "12"
    assert not fresh.all("form")
    assert fresh.one("#figures").get("hx-get") != panel.get("hx-get")


def test_a_page_of_the_past_does_not_ask_again(ada, cast):
    record(cast.key, "search", timezone.now() - 3 * DAY, 7)
    day = (timezone.now() - 3 * DAY).date().isoformat()
    page = ada.get("/analytics/", **{"from": day, "to": day})
    assert figure(page, "Total requests") == "7"
    assert page.one("#figures").get("hx-get") is None


def test_changing_a_filter_swaps_the_page_and_its_address(ada):
    page = ada.get(
        "/analytics/errors/", range="30d", show="day", split="0", **{"from": "x", "to": ""}, htmx="/analytics/"
    )
    assert page.status == 422
    page = ada.get("/analytics/errors/", range="30d", show="day", split="0", key="", htmx="/analytics/")
    assert page["HX-Push-Url"] == "/analytics/errors/?range=30d"
    assert page.one("#analytics") is not None
    assert not page.all("body header")


def test_keys_with_markup_and_formulas_in_their_names_stay_text(ada, cast, now):
    cast.key.edit(
        by=cast.ada, version=cast.key.version, name="=<b>SUM</b>", products=products("search"), allowed_domains=[]
    )
    product = products("search")[0]
    product.name = "=cmd()|'x'!A1"
    product.save(update_fields=["name"])
    record(cast.key, "search", now, 7, s429_over_qps=2)
    for path in VIEWS:
        assert "<b>SUM" not in ada.get(path).source
    lines = read_csv(ada.get("/analytics/usage.csv"))
    assert {row["Product"] for row in lines} == {"'=cmd()|'x'!A1"}


def test_the_csv_names_its_range_and_streams(ada, cast, now):
    record(cast.key, "search", now, 7)
    page = ada.get(
        "/analytics/usage.csv", key=cast.key.public_id, view="errors", **{"from": "2026-01-01", "to": "2026-01-31"}
    )
    assert page.response.streaming
    assert (
        page["Content-Disposition"]
        == f'attachment; filename="latchkey-errors-{cast.key.public_id}-2026-01-01-to-2026-01-31-by-day.csv"'
    )
    assert page["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("path", VIEWS)
def test_a_page_needs_at_most_sixteen_queries_however_many_keys(ada, cast, now, path, django_assert_max_num_queries):
    for n in range(12):
        key = KeyFactory(organization=cast.northwind, name=f"Key {n}")
        record(key, "search", now, 7, peak=n, s429_over_qps=1, s404_ok=1)
        record(key, "map-display", now, 7, peak=n)
    with django_assert_max_num_queries(16):
        assert ada.get(path).status == 200
    with django_assert_max_num_queries(16):
        assert ada.get(path, key=cast.key.public_id, product="search").status == 200


def test_no_answer_has_inline_style_or_script(ada, cast, now):
    record(cast.key, "search", now, 7, s429_over_qps=2)
    for path in VIEWS:
        page = ada.get(path)
        assert not page.all("[style]")
        assert not page.all("style")
        assert all(script.get("src") for script in page.all("script"))
