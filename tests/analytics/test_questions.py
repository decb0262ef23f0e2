"""Every question about usage has an answer on a page: selections, details, reasons and where to mend them, callers, quality."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import Plan
from analytics.models import RequestRecord
from keys.models import Product
from tests.analytics.test_page import figure, number, read_csv, rows
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory, products

HOUR, DAY, MINUTE = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(minutes=1)
METRICS = ("Total requests", "QPS breaches", "4XX errors", "5XX errors")


@pytest.fixture
def second(cast):
    return KeyFactory(organization=cast.northwind, name="Second", products=products("routing", "search"))


def some_usage(cast, second) -> None:
    """Usage of two keys in the last hours, days and months, with every kind of failure."""
    now, deltas = timezone.now(), []
    for number_, age in enumerate(
        [MINUTE, 7 * MINUTE, 40 * MINUTE, 3 * HOUR, 20 * HOUR, 30 * HOUR, 5 * DAY, 25 * DAY, 80 * DAY, 300 * DAY]
    ):
        deltas += [
            delta(cast.key, "search", now - age, 50 + number_, peak=4, s429_over_qps=3, s403_product_not_allowed=2, s500_ok=1),
            delta(second, "routing", now - age, 20 + number_, peak=7, s404_ok=number_),
            delta(second, None, now - age, 3, s404_no_such_route=3),
        ]  # fmt: skip
    add(deltas)


@pytest.mark.parametrize("range_name", ["1h", "24h", "7d", "30d", "90d", "12m"])
def test_the_parts_of_every_range_add_up_to_the_whole(ada, cast, second, range_name):
    some_usage(cast, second)
    whole, one, other, both = (
        [number(figure(ada.get("/analytics/", range=range_name, key=keys), metric)) for metric in METRICS]
        for keys in ([], cast.key.public_id, second.public_id, [cast.key.public_id, second.public_id])
    )
    assert whole == both == [a + b for a, b in zip(one, other, strict=True)]
    by_product = [
        number(figure(ada.get("/analytics/", range=range_name, product=code), METRICS[0])) for code in ("search", "routing", "none")
    ]  # fmt: skip
    assert sum(by_product) == whole[0]
    page = ada.get("/analytics/", range=range_name)
    keys, names = rows(page, "keys-name"), rows(page, "product-name")
    for table in (keys, names):
        assert sum(number(line[1]) for line in table[:-1]) == whole[0]
    assert [line[0] for line in keys[:-1]] == ["Fleet tracking", "Second"]


@pytest.mark.parametrize(
    ("query", "heading", "columns"),
    [
        ({"range": "1h"}, "Requests per minute", "60"),
        ({"range": "24h"}, "Requests per hour", "24"),
        ({"range": "24h", "show": "five_minutes"}, "Requests per five minutes", "288"),
        ({"range": "12m"}, "Requests per day", "365"),
        ({"range": "90d", "show": "five_minutes"}, "Requests per day", "90"),
        ({"range": "1h", "show": "day"}, "Requests per five minutes", None),
        ({"range": "1h", "show": "hour", "was": "7d"}, "Requests per minute", "60"),
    ],
)
def test_the_detail_is_what_was_asked_for_or_what_can_be_shown(ada, cast, second, query, heading, columns):
    some_usage(cast, second)
    page = ada.get("/analytics/", **query)
    assert page.one("h2#chart-name").text == heading
    if columns:
        assert page.one("#plot").get("data-columns") == columns
    totals = [number(figure(page, metric)) for metric in METRICS]
    sheet = read_csv(ada.get(page.one("#csv").get("href")))
    assert [
        sum(int(row[name]) for row in sheet) for name in ("Requests", "QPS breaches", "4XX errors", "5XX errors")
    ] == totals
    assert bool(page.all("#show-note")) == (
        "show" in query and query["show"] not in heading.replace(" ", "_") and "was" not in query
    )


def test_a_selection_of_keys_has_an_address_and_another_customers_key_is_not_in_it(ada, cast, second):
    some_usage(cast, second)
    page = ada.get("/analytics/", range="24h", key=[cast.key.public_id, second.public_id], product="search")
    assert page.texts("#key-list label:has([checked])") == ["Fleet tracking", "Second"]
    assert page.one("#keys").text_content() == "2 keys"
    address = page.all("nav.views a")[0].get("href")
    assert address == f"/analytics/?range=24h&key={cast.key.public_id}&key={second.public_id}&product=search"
    assert figure(ada.get(address), METRICS[0]) == figure(page, METRICS[0])
    assert ada.get("/analytics/", key=[cast.key.public_id, cast.other_key.public_id]).status == 404
    too_many = [cast.key.public_id] * 51
    assert "At most 50 keys" in ada.get("/analytics/", key=too_many)


def test_success_and_durations_are_said_with_those_of_the_period_before(ada, cast):
    now = timezone.now()
    add([
        delta(cast.key, "search", now, 200, duration_ms=18_000, durations=150, s500_ok=3),
        delta(cast.key, "search", now - 8 * DAY, 100, duration_ms=5_000, durations=100, s500_ok=10),
    ])  # fmt: skip
    words = ada.get("/analytics/").one("p.quality").text
    assert words == (
        "98.50 % of the requests succeeded, 90.00 % in the period before."
        " They took 120 ms on average, 50 ms before (reported for 150 requests)."
    )
    assert [line[-2:] for line in rows(ada.get("/analytics/"), "keys-name")] == [["98.50 %", "120 ms"]] * 2
    record(cast.other_key, "search", now, 5)
    assert "120 ms" in ada.get("/analytics/")


def test_a_missing_product_is_named_with_the_key_and_the_page_to_assign_it(ada, as_user, cast, second):
    now = timezone.now()
    record(second, "matrix-routing", now, 9, s403_product_not_allowed=9)
    record(cast.key, "search", now, 9, s403_domain_not_allowed=4, s401_expired_key=3)
    page = ada.get("/analytics/errors/")
    words = rows(page, "reason-name")[0][1]
    assert "Matrix Routing v2 API is not assigned to Second. Assign it (for example Second)" in words
    assert page.one("#fix-product_not_allowed").get("href") == f"/keys/{second.public_id}/edit/"
    assert page.one("#fix-domain_not_allowed").get("href") == f"/keys/{cast.key.public_id}/edit/"
    assert page.one("#fix-expired_key").get("href") == f"/keys/{cast.key.public_id}/"
    assert ada.get(page.one("#fix-product_not_allowed").get("href")).status == 200
    narrow = ada.get("/analytics/errors/", key=second.public_id)
    assert "for example" not in rows(narrow, "reason-name")[0][1]
    only_looks = as_user(cast.vera).get("/analytics/errors/")
    assert [link.get("id") for link in only_looks.all("[id^=fix-]")] == ["fix-expired_key"]
    second.mark_deleted(by=cast.ada)
    assert not ada.get("/analytics/errors/").all("#fix-product_not_allowed")


def test_other_plans_are_not_sent_to_qps_management_from_reasons(ada, cast):
    record(cast.key, "search", timezone.now(), 9, s429_over_qps=9)
    assert ada.get("/analytics/errors/").all("#fix-over_qps")
    cast.northwind.plan = Plan.FREEMIUM
    cast.northwind.save(update_fields=["plan"])
    assert not ada.get("/analytics/errors/").all("#fix-over_qps")


def test_reasons_of_every_range_add_up_to_what_failed(ada, cast, second):
    some_usage(cast, second)
    for range_name in ("24h", "7d", "90d", "12m"):
        for key in ("", second.public_id):
            page = ada.get("/analytics/errors/", range=range_name, key=key)
            *lines, foot = rows(page, "reason-name")
            failed = sum(number(figure(page, metric)) for metric in METRICS[1:])
            assert sum(number(line[2]) for line in lines) == number(foot[2]) == failed


def test_the_nearest_limit_is_found_among_limits_of_their_own(ada, cast):
    now = timezone.now()
    keys = [KeyFactory(organization=cast.northwind, name=f"Key {n}") for n in range(9)]
    add([delta(key, "search", now - DAY, 10, peak=n) for n, key in enumerate(keys, 10)])
    small = keys[0].key_products.get(product__code="search")
    assert "nearest to its limit" in ada.get("/analytics/")
    assert "Key 8" in ada.get("/analytics/").one(".plot .title").text_content()
    keys[0].key_products.filter(pk=small.pk).update(qps_limit=1)
    page = ada.get("/analytics/")
    assert "Key 0" in page.one(".plot .title").text_content()
    assert [line[-1] for line in rows(page, "product-name")[:-1]] == ["10 of 1"]


def call(key, *, at=None, product="search", **facts) -> None:
    RequestRecord.objects.create(
        at=at or timezone.now(), tracking_id="t", organization_id=key.organization_id, key_id=key.pk,
        product_id=Product.objects.get(code=product).pk, **{"outcome": "ok", "status": 200} | facts,
    )  # fmt: skip


def test_callers_are_counted_from_the_sample_that_is_kept(ada, cast, second):
    now = timezone.now()
    add([delta(cast.key, "search", now, 5), delta(second, "routing", now, 1), delta(cast.other_key, "search", now, 1)])
    for status in (200, 200, 403):
        call(cast.key, host="app.example", network="192.0.2.0/24", client="Chrome", status=status)
    call(second, product="routing", network="198.51.100.0/24", client="curl")
    call(second, product="routing", at=now - 9 * DAY, client="Wget")
    call(cast.other_key, host="secret.example", client="Postman")
    page = ada.get("/analytics/callers/")
    assert rows(page, "host-name") == [["app.example", "75.0 %", "33.3 %"], ["None sent", "25.0 %", "0 %"]]
    assert rows(page, "client-name") == [["Chrome", "75.0 %", "33.3 %"], ["curl", "25.0 %", "0 %"]]
    assert [line[0] for line in rows(page, "network-name")] == ["192.0.2.0/24", "198.51.100.0/24"]
    assert "A sample: the last 4 requests" in page.one("#sample").text
    narrow = ada.get("/analytics/callers/", key=second.public_id)
    assert rows(narrow, "client-name") == [["curl", "100.0 %", "0 %"]]
    both = ada.get("/analytics/callers/", key=[second.public_id, cast.key.public_id], product="search")
    assert rows(both, "client-name") == [["Chrome", "100.0 %", "33.3 %"]]
    assert "secret.example" not in page
    assert page.one("nav.views [aria-current]").text == "Callers"


def test_where_nothing_is_kept_of_callers_the_page_says_so(ada, cast):
    record(cast.key, "search", timezone.now() - 20 * DAY, 5)
    day = (timezone.now() - 20 * DAY).date().isoformat()
    page = ada.get("/analytics/callers/", **{"from": day, "to": day})
    assert page.one("#sample").text == "Of this time no single request is kept. They are kept for 3 days."


@pytest.mark.parametrize(
    "path", ["/analytics/callers/", "/analytics/usage.json", "/analytics/statement/", "/analytics/statement.csv"]
)
def test_members_look_and_strangers_do_not(as_user, cast, client, path):
    for person in (cast.ada, cast.ben, cast.vera):
        assert as_user(person).get(path).status == 200
    assert as_user(cast.sam).get(path).status == 404
    assert client.get(path).status_code == 302
    assert client.post(path).status_code in (302, 405)
    assert as_user(cast.ada).post(path).status == 405
