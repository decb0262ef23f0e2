"""Out: JSON and CSV of any view, rows by key, the monthly statement; streamed with flat memory."""

import csv
import datetime as dt
import io
import json
import tracemalloc

import pytest
from django.db import connection
from django.utils import timezone

from analytics.models import UsageDay, UsageGap
from tests.analytics.test_page import figure, number, read_csv, rows
from tests.analytics.test_questions import METRICS, second, some_usage  # noqa: F401  (a fixture)
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory, products

DAY = dt.timedelta(days=1)
FIELDS = {
    "Requests": "requests",
    "QPS breaches": "qps_breaches",
    "4XX errors": "4xx_errors",
    "5XX errors": "5xx_errors",
}


def body(page) -> str:
    return b"".join(page.response.streaming_content).decode()


@pytest.mark.parametrize("view", ["usage", "breaches", "errors", "callers"])
@pytest.mark.parametrize("range_name", ["1h", "24h", "7d", "12m"])
def test_json_csv_and_rows_by_key_say_what_the_page_says(ada, cast, second, view, range_name):  # noqa: F811
    some_usage(cast, second)
    page = ada.get(f"/analytics/{'' if view == 'usage' else view + '/'}", range=range_name)
    totals = dict(zip(FIELDS, (number(figure(page, metric)) for metric in METRICS), strict=True))
    for name in ("json", "json-keys"):
        found = json.loads(body(ada.get(page.one(f"#{name}").get("href"))))
        assert found["organisation"] == cast.northwind.public_id
        assert (found["view"], found["time_zone"]) == (view, "UTC")
        for column, field in FIELDS.items():
            if found["rows"] and field in found["rows"][0]:
                assert sum(row[field] for row in found["rows"]) == totals[column], (name, field)
    sheet = read_csv(ada.get(page.one("#csv-keys").get("href")))
    assert {row["Key ID"] for row in sheet} == {cast.key.public_id, second.public_id}
    for column in FIELDS:
        if column in sheet[0]:
            assert sum(int(row[column]) for row in sheet) == totals[column]


def test_rows_by_key_are_narrowed_and_defused(ada, cast, second):  # noqa: F811
    some_usage(cast, second)
    cast.key.edit(
        by=cast.ada, version=cast.key.version, name="@SUM(A1)", products=products("search"), allowed_domains=[]
    )
    record(cast.other_key, "search", timezone.now(), 987_654)
    query = {"rows": "keys", "key": cast.key.public_id, "product": "search", "range": "30d"}
    page = ada.get("/analytics/usage.csv", **query)
    assert f"latchkey-usage-{cast.key.public_id}-keys-" in page["Content-Disposition"]
    sheet = read_csv(page)
    assert {(row["Key"], row["Product"]) for row in sheet} == {("'@SUM(A1)", "Search API")}
    assert "987654" not in body(ada.get("/analytics/usage.json", rows="keys"))
    assert ada.get("/analytics/usage.csv", rows="secrets").status == 422
    assert ada.get("/analytics/usage.json", range="8d").status == 422
    assert json.loads(body(ada.get("/analytics/usage.json", **query)))["rows"][0]["key"] == "@SUM(A1)"


def test_no_rows_are_a_whole_document(ada):
    assert json.loads(body(ada.get("/analytics/usage.json", rows="keys")))["rows"] == []
    assert read_csv(ada.get("/analytics/usage.csv", rows="keys")) == []


def test_files_say_where_not_all_was_counted(ada, cast):
    now = timezone.now()
    add([delta(cast.key, "search", now - age * DAY, 5) for age in (1, 3)])
    from_at = (now - 3 * DAY).replace(hour=0, minute=30, second=0, microsecond=0)
    UsageGap.objects.create(node="quick", from_at=from_at, until_at=from_at + dt.timedelta(minutes=5), requests=9)
    for form in ({"split": "0"}, {"rows": "keys"}):
        query = {"range": "30d", "show": "day", **form}
        sheet = read_csv(ada.get("/analytics/usage.csv", **query))
        assert {row["Day from (UTC)"][:10] for row in sheet if row["Counted"] == "not all"} == {
            from_at.date().isoformat()
        }
        found = json.loads(body(ada.get("/analytics/usage.json", **query)))
        assert [gap["from"][:16] for gap in found["gaps"]] == [from_at.isoformat()[:16]]
        assert [row["counted"] for row in found["rows"]] == [row["Counted"] for row in sheet]
    assert json.loads(body(ada.get("/analytics/usage.json", range="1h")))["gaps"] == []


def many_rows(cast, keys: int, dates: int) -> int:
    """Usage of so many keys on so many dates, as the tables hold it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO usage_day (organization_id, key_id, date, product_id, requests, over_qps, errors_4xx, errors_5xx, peak_qps,
                   duration_ms_sum, duration_count)
               SELECT %s, 1000000 + key, current_date - day, 1, 1, 0, 0, 0, 0, 0, 0
               FROM generate_series(1, %s) key, generate_series(0, %s) day""",
            [cast.northwind.pk, keys, dates - 1],
        )  # fmt: skip
    return keys * dates


def peak_of(ada, expected: int, **query) -> float:
    """Read a file piece by piece and return the most memory that this took, in MB."""
    tracemalloc.start()
    lines = 0
    for piece in ada.get("/analytics/usage.csv", rows="keys", **query).response.streaming_content:
        lines += piece.count(b"\n")
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert lines == expected + 1
    return peak


def test_a_file_of_many_rows_takes_no_more_memory_than_one_of_few(ada, cast):
    few = peak_of(ada, many_rows(cast, 100, 60), range="90d")
    UsageDay.objects.all().delete()
    many = peak_of(ada, many_rows(cast, 500, 80), range="90d")
    print(f"6,000 rows: {few:.1f} MB, 40,000 rows: {many:.1f} MB")
    assert many < few + 4


@pytest.mark.chaos
def test_a_file_of_a_million_rows_takes_no_more_memory(ada, cast):
    peak = peak_of(ada, many_rows(cast, 12_000, 85), range="90d")
    print(f"1,020,000 rows: {peak:.1f} MB")
    assert peak < 16


# The monthly statement ------------------------------------------------------------------------------------------------
def months(cast) -> tuple[dt.date, dt.date]:
    """The running month and the one before, by their first dates."""
    today = timezone.now().date().replace(day=1)
    return today, (today - DAY).replace(day=1)


def noon(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(12), dt.UTC)


def test_a_statement_lists_a_month_by_key_and_product_and_adds_up(ada, cast):
    now, before = months(cast)
    other = KeyFactory(organization=cast.northwind, name="Another")
    add([
        delta(cast.key, "search", noon(before), 100, s429_over_qps=10, s404_ok=5, s502_ok=2),
        delta(cast.key, "map-display", noon(before + 5 * DAY), 40),
        delta(other, "search", noon(before + 9 * DAY), 7),
        delta(cast.key, "search", noon(now), 1000),
        delta(cast.other_key, "search", noon(before), 987_654),
    ])  # fmt: skip
    page = ada.get("/analytics/statement/")
    assert page.one("h1").text == f"Statement of {before:%B %Y}"
    assert rows(page, "by-key-name") == [
        [f"Another {other.public_id}", "Search API", "7", "7", "0", "0", "0"],
        [f"Fleet tracking {cast.key.public_id}", "Map Display API", "40", "40", "0", "0", "0"],
        ["Fleet tracking", "Search API", "100", "83", "10", "5", "2"],
        ["All", "", "147", "130", "10", "5", "2"],
    ]
    assert [line[:2] for line in rows(page, "by-product-name")] == [
        ["Map Display API", "40"], ["Search API", "107"], ["All", "147"],
    ]  # fmt: skip
    text = body(ada.get(page.one("#statement-csv").get("href")))
    sheet = list(csv.DictReader(io.StringIO(text)))
    assert [(row["Key"], row["Product"], row["Requests"]) for row in sheet] == [
        ("Another", "Search API", "7"), ("Fleet tracking", "Map Display API", "40"), ("Fleet tracking", "Search API", "100"),
    ]  # fmt: skip
    running = ada.get(f"/analytics/statement/{page.one('#later').get('href')}")
    assert "the month is not over" in running
    assert rows(running, "by-key-name")[-1][2] == "1,000"
    assert not running.all("#later")
    assert "987,654" not in page


def test_a_statement_without_usage_says_so_and_wrong_months_are_refused(ada):
    assert "No request came in" in ada.get("/analytics/statement/")
    for month in ("2026-13", "x", "9999-01"):
        for path in ("/analytics/statement/", "/analytics/statement.csv"):
            assert ada.get(path, month=month).status == 422


def test_a_long_statement_says_what_only_the_file_has(ada, cast, monkeypatch):
    from analytics import statement

    monkeypatch.setattr(statement, "PAGE_LINES", 2)
    now, _ = months(cast)
    add([delta(cast.key, code, noon(now), 5) for code in ("search", "map-display", "routing")])
    page = ada.get("/analytics/statement/", month=f"{now:%Y-%m}")
    assert "The first 2 lines; the CSV has all 3." in page
    assert rows(page, "by-key-name")[-1][2] == "15"
