"""Right-sizing: what a limit would have refused, held against every way the seconds of a minute can have been."""

import datetime as dt
import random

import pytest
from django.utils import timezone

from analytics import sizing
from analytics.peaks import Peaks
from analytics.ranges import day_start
from keys.models import ApiKey, Product, QpsRequest
from tests.analytics.usage import add, delta, record
from tests.factories import KeyFactory, products

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)


def search() -> Product:
    return products("search")[0]


def page_of(key: ApiKey, code: str = "search") -> str:
    return f"/analytics/limits/{key.public_id}/?product={code}"


def refused_of(seconds: list[int], limit: int) -> int:
    return sum(max(0, count - limit) for count in seconds)


def test_the_truth_lies_between_the_bounds(cast):
    """Minutes of which every second is known: what a limit refuses by the second is within what the minutes tell."""
    chance, now = random.Random(7), timezone.now()
    minutes = [[chance.choice((0, 0, 1, 2, 9, chance.randrange(30))) for _ in range(60)] for _ in range(40)]
    add([
        delta(cast.key, "search", now - number * MINUTE, sum(seconds), peak=max(seconds))
        for number, seconds in enumerate(minutes)
    ])  # fmt: skip
    found = sizing.estimates(cast.key.pk, search().pk, [1, 2, 5, 9, 15, 29, 30, 1000])
    for limit, estimate in found.items():
        truth = sum(refused_of(seconds, limit) for seconds in minutes)
        assert estimate.least <= truth <= estimate.most <= estimate.requests, limit
        assert estimate.minutes == sum(max(seconds) > limit for seconds in minutes)
    assert found[1].least > 0
    assert (found[1000].most, found[1000].words) == (0, "none")


def test_the_bounds_of_one_minute(cast):
    wanted = [
        (100, 10, 10, 0, 0),
        (100, 10, 9, 1, 10),
        (100, 30, 20, 10, 30),
        (700, 12, 10, 100, 116),
        (5, 9, 4, 5, 5),
        (60, 1, 1, 0, 0),
    ]
    for number, (requests, peak, limit, least, most) in enumerate(wanted):
        key = KeyFactory(organization=cast.northwind, name=f"Key {number}")
        record(key, "search", timezone.now(), requests, peak=peak)
        estimate = sizing.estimates(key.pk, search().pk, [limit])[limit]
        assert (estimate.least, estimate.most) == (least, most), (requests, peak, limit)


def test_two_strings_in_one_minute_are_one_minute_and_older_ones_are_none(cast):
    now = timezone.now()
    add([delta(cast.key, "search", now, 10, string=string, peak=6) for string in (1, 2)])
    record(cast.key, "search", now - 31 * DAY, 500, peak=100)
    record(cast.key, "map-display", now, 500, peak=100)
    estimate = sizing.estimates(cast.key.pk, search().pk, [5])[5]
    assert (estimate.requests, estimate.least, estimate.minutes) == (20, 1, 1)


@pytest.mark.parametrize(
    ("highest", "advice"), [(0, None), (1, 2), (6, 8), (10, 13), (19, 25), (31, 45), (262, 350), (2_000, 3_000), (90_000, 100_000)]
)  # fmt: skip
def test_the_recommendation_is_the_highest_peak_with_its_headroom_as_a_round_number(highest, advice):
    assert sizing.recommend(Peaks(highest=highest)) == advice


def test_shares_are_said_as_a_range_and_little_is_not_nothing():
    said = [
        sizing.Estimate(5, 1000, *bounds).words for bounds in ((0, 0), (4, 4), (1, 4), (0, 4), (1, 1000))
    ]  # fmt: skip
    assert said == ["none", "0.4 %", "between 0.1 and 0.4 %", "between 0 and 0.4 %", "between 0.1 and 100.0 %"]
    assert sizing.Estimate(5, 10**6, 1, 1).words == "less than 0.1 %"


def test_the_page_compares_any_limit_and_asks_for_it(cast, ada):
    record(cast.key, "search", timezone.now(), 1000, peak=31, s429_over_qps=40)
    page = ada.get(page_of(cast.key))
    assert "The limit is 5 queries per second. A limit of 45 leaves 30 % room above the highest peak." in page
    assert "At 45 per second none of the 1,000 requests" in page.texts(".estimate")[0]
    tried = ada.get("/analytics/limits/" + cast.key.public_id + "/", **page.fields("form.try-limit") | {"qps": "20"})
    assert "At 20 per second between 1.1 and 35.2 % of the 1,000 requests" in tried.texts(".estimate")[0]
    (ask,) = tried.tree.xpath("//a[starts-with(text(), 'Ask for 20')]/@href")
    form = ada.get(ask).fields("#qps-form")
    assert (form["product"], form["requested"]) == (str(search().pk), "20")


def test_the_slider_is_answered_with_the_estimate_and_the_number(cast, ada):
    record(cast.key, "search", timezone.now(), 1000, peak=31)
    slider = ada.get(page_of(cast.key)).one("input[type=range]")
    answer = ada.get(slider.get("hx-get") + "&slide=20", htmx=True)
    assert len(answer.all("#estimate")) == 1
    assert answer.all("h1") == []
    number = answer.one("#id_qps")
    assert (number.get("value"), number.get("hx-swap-oob")) == ("20", "true")


def test_a_limit_that_there_cannot_be_is_said_at_its_field(cast, ada):
    record(cast.key, "search", timezone.now(), 10, peak=3)
    for wrong in ("0", "-1", "many", "100001"):
        page = ada.get(page_of(cast.key) + f"&qps={wrong}")
        assert page.status == 422
        assert page.one("#id_qps").get("aria-invalid") == "true"


def test_other_customers_and_other_products_are_not_there(cast, ada, as_user):
    assert ada.get(page_of(cast.other_key)).status == 404
    assert ada.get(page_of(cast.key, "routing")).status == 404
    viewer = as_user(cast.vera).get(page_of(cast.key))
    assert viewer.status == 200
    assert "Ask for" not in viewer


def test_the_list_has_what_is_in_use_the_nearest_to_its_limit_first(cast, ada):
    now = timezone.now()
    record(cast.key, "map-display", now, 900, peak=90)
    record(cast.key, "search", now, 40, peak=4)
    record(cast.other_key, "search", now, 40, peak=400)
    page = ada.get("/analytics/limits/")
    rows = page.texts("tbody tr")
    assert [row.partition(" ")[2].split(" API")[0] for row in rows] == ["tracking Search", "tracking Map Display"]
    assert "4 of 5" in rows[0]
    assert "150 is enough." in rows[1]
    assert ada.get("/analytics/limits/?page=2").all("tbody") == []


def test_the_qps_page_of_a_key_says_what_was_measured_and_fills_the_form_in(cast, ada):
    record(cast.key, "search", timezone.now(), 60, peak=6)
    page = ada.get(f"/keys/{cast.key.public_id}/qps/")
    lines = page.texts("#fits li")
    assert lines[0] == "Map Display API No requests in 30 days."
    assert "Highest second 6 of 5" in lines[1]
    (fill,) = page.tree.xpath("//ul[@id='fits']//a[starts-with(text(), 'Fill in')]/@href")
    assert ada.get(fill).fields("#qps-form")["requested"] == "8"


def test_the_deciding_admin_sees_what_limits_would_have_refused(cast, as_user):
    record(cast.key, "search", timezone.now(), 100, peak=31, s429_over_qps=9)
    wish = QpsRequest.submit(key=cast.key, product=search(), requested=20, reason="Trucks.", by=cast.ada)
    page = as_user(cast.sam).get(f"/support/qps/{wish.public_id}/")
    assert page.texts("#estimates tbody tr") == [
        "Limit now 5 between 26.0 and 80.0 % 1",
        "Asked 20 between 11.0 and 33.0 % 1",
        "Recommended 45 none 0",
    ]


def test_thirty_days_are_dates_of_the_zone_on_every_page(cast, ada):
    cast.northwind.time_zone = "Pacific/Kiritimati"
    cast.northwind.save(update_fields=["time_zone"])
    begins = day_start(timezone.now().astimezone(cast.northwind.zone).date() - 29 * DAY, cast.northwind.zone)
    record(cast.key, "search", begins, 300, peak=40, s429_over_qps=7)
    record(cast.key, "search", begins - MINUTE, 900, peak=90, s429_over_qps=9)
    record(cast.key, "search", timezone.now(), 10, peak=2)
    assert "40 of 5 7 A limit of 55" in ada.get("/analytics/limits/").texts("tbody tr")[0]
    page = ada.get(page_of(cast.key))
    facts = dict(zip(*(iter(page.texts("dl :is(dt, dd)")),) * 2, strict=True))
    assert (facts["Highest"], facts["Breaches"]) == ("40", "7 of 310 requests")
    assert "of the 310 requests" in page.texts(".estimate")[0]


def test_the_page_of_a_key_draws_the_daily_peaks_beside_its_limits(cast, ada, as_user):
    for ago, peak in ((0, 4), (1, 7), (40, 60)):
        record(cast.key, "search", timezone.now() - ago * DAY, 100, peak=peak)
    record(cast.other_key, "search", timezone.now(), 100, peak=90)
    cast.key.key_products.filter(product__code="map-display").update(qps_limit=900)
    page = ada.get(f"/keys/{cast.key.public_id}/")
    assert page.texts("#limits tbody tr") == [
        "Map Display API default 1,000 – 900 own 0 No requests in 30 days.",
        "Search API 7 5 0 A limit of 10 leaves 30 % room above the highest peak. Compare",
    ]
    drawing = page.one("#limits svg.peaks")
    said = "Daily peaks of Search API in 30 days, highest 7, limit 5, recommended 10"
    assert drawing.get("aria-label") == said
    assert [mark.get("data-over") is not None for mark in drawing.cssselect(".day")] == [True, False]
    assert ada.get(page.one("#limits tbody a").get("href")).texts("h1") == ["Search API for Fleet tracking"]
    QpsRequest.objects.create(
        key=cast.key, product=search(), current=5, requested=12, reason="A launch.", requested_by=cast.ada
    )
    assert "7 5 0 12 requested, waiting" in ada.get(f"/keys/{cast.key.public_id}/").texts("#limits tbody tr")[1]
    desk = as_user(cast.sam).get(f"/support/keys/{cast.key.public_id}/")
    assert desk.one("svg.peaks").get("aria-label") == said
    assert not desk.all('a[href^="/analytics/limits/"]')
