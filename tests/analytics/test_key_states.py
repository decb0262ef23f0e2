"""What a key is like, in one word with the reason."""

import datetime as dt

import pytest
from django.utils import timezone

from analytics.key_states import BREACHING_LEAST, FAILING_LEAST, DayTraffic, of_traffic, states
from keys.models import ApiKey
from tests.analytics.usage import record
from tests.factories import KeyFactory

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (DayTraffic(), "healthy"),
        (DayTraffic(200, errors=19), "healthy"),
        (DayTraffic(200, errors=20), "failing"),
        (DayTraffic(201, errors=20), "healthy"),
        (DayTraffic(FAILING_LEAST - 1, errors=FAILING_LEAST - 1), "healthy"),
        (DayTraffic(FAILING_LEAST, errors=FAILING_LEAST), "failing"),
        (DayTraffic(10_000, over_qps=10), "breaching"),
        (DayTraffic(10_001, over_qps=10), "healthy"),
        (DayTraffic(BREACHING_LEAST, over_qps=BREACHING_LEAST - 1), "healthy"),
        (DayTraffic(100, over_qps=50, errors=50), "failing"),
        (DayTraffic(100, peak_qps=79, peak_limit=100), "healthy"),
        (DayTraffic(100, peak_qps=80, peak_limit=100), "limit"),
        (DayTraffic(100, over_qps=BREACHING_LEAST, peak_qps=101, peak_limit=100), "breaching"),
        (DayTraffic(100, peak_qps=80), "healthy"),
    ],
)
def test_thresholds_of_traffic(day, name):
    assert of_traffic(day).name == name


@pytest.mark.parametrize(
    ("recorded", "day", "names"),
    [
        ("healthy", DayTraffic(10), ["healthy"]),
        ("healthy", DayTraffic(), ["healthy"]),
        ("unused", DayTraffic(), ["unused"]),
        ("unused", DayTraffic(10), ["healthy"]),
        ("grace", DayTraffic(10), ["grace"]),
        ("grace", DayTraffic(100, errors=100), ["grace", "failing"]),
        ("expiring", DayTraffic(100, over_qps=100), ["expiring", "breaching"]),
        ("expired", DayTraffic(100, errors=100), ["expired"]),
        ("disabled", DayTraffic(100, errors=100), ["disabled"]),
        ("suspended", DayTraffic(), ["suspended"]),
    ],
)
def test_a_record_comes_before_traffic_and_what_refuses_everything_is_all(recorded, day, names):
    assert [state.name for state in states(recorded, day)] == names


def test_a_disabled_key_says_that_requests_still_come():
    (state,) = states("disabled", DayTraffic(1, errors=1))
    assert state.reason == "It is disabled: every request is refused; 1 request came in the last 24 hours."


def test_cards_and_pages_of_keys_say_their_state_and_why(ada, cast):
    now = timezone.now()
    ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=now)
    record(cast.key, "search", now - 22 * HOUR, 7588)
    record(cast.key, "map-display", now, 412, s429_over_qps=412, peak=7)
    record(cast.key, "search", now - 26 * HOUR, 9000, s500_ok=9000)
    record(cast.other_key, "search", now, 9000, s500_ok=9000)
    for page in (ada.get("/keys/"), ada.get(f"/keys/{cast.key.public_id}/")):
        badge = page.one(".key-row .state" if page.all(".key-row") else "h1 .state")
        reason = "412 of 8,000 requests were over the QPS limit in the last 24 hours."
        assert (badge.get("data-state"), badge.get("title")) == ("breaching", reason)
        assert badge.text_content().strip() == "Breaching"
        assert badge.getnext().get("class") == "visually-hidden"
        assert badge.getnext().text_content() == reason


def test_a_key_without_requests_for_seven_days_is_unused_and_listed_so(ada, cast):
    now = timezone.now()
    for used_at, counted in ((now - 8 * DAY, "Unused 1"), (now - 6 * DAY, "Healthy 1"), (None, "Unused 1")):
        ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=used_at)
        page = ada.get("/keys/")
        assert counted in page.texts(".segments a")
        assert ("No request in the last 7 days." in page.text) == counted.startswith("Unused")
        assert ("No request has come with this key yet." in page.text) == (used_at is None)


def keys_of_all_kinds(cast):
    """Keys by name, each just at or just below what its traffic is judged by; the names say what they are."""
    now = timezone.now()
    counted = {
        "Failing": {"requests": 200, "s500_ok": 20},
        "Healthy, few fail": {"requests": 201, "s500_ok": 20},
        "Breaching": {"requests": 10_000, "s429_over_qps": 10},
        "Healthy, few over": {"requests": 10_001, "s429_over_qps": 10},
        "Near its limit": {"requests": 9, "peak": 4},
        "Healthy, low peak": {"requests": 9, "peak": 3},
        "Healthy, failed before": {},
        "Disabled": {"requests": 200, "s500_ok": 20},
    }
    keys = {name: KeyFactory(organization=cast.northwind, name=name) for name in counted}
    ApiKey.objects.filter(organization=cast.northwind).update(last_used_at=now)
    ApiKey.objects.filter(name="Disabled").update(disabled_at=now, disabled_reason="abuse")
    ApiKey.objects.filter(pk=cast.key.pk).update(deleted_at=now)
    record(keys["Healthy, failed before"], "search", now - 24 * HOUR, 200, s500_ok=20)
    for name, traffic in counted.items():
        if traffic:
            record(keys[name], "search", now, **traffic)
    return keys


def words_in(page, rows, name):
    return {" ".join(row.cssselect(name)[0].text_content().split()):
            row.cssselect(".state")[0].text_content().strip() for row in page.all(rows)}  # fmt: skip


def test_every_place_that_shows_a_key_says_the_same_state(cast, ada, as_user):
    keys = keys_of_all_kinds(cast)
    said = {name: name.partition(",")[0] for name in keys}
    page = ada.get("/keys/")
    assert words_in(page, ".key-row", "h2") == said
    assert page.texts("#states a") == ["All 8", "Healthy 4", "Needs attention 3", "Disabled 1", "Unused 0"]
    narrowed = words_in(ada.get("/keys/", state="attention", q="i"), ".key-row", "h2")
    assert set(narrowed) == {"Breaching", "Failing", "Near its limit"}
    assert set(words_in(ada.get("/keys/", state="healthy"), ".key-row", "h2").values()) == {"Healthy"}
    sam = as_user(cast.sam)
    customer = sam.get(f"/support/organizations/{cast.northwind.public_id}/")
    listed = {row.cssselect("th a")[0].text: row.cssselect(".state")[0].text_content().strip()
              for row in customer.all("tr") if row.cssselect("th a") and row.cssselect(".state")}  # fmt: skip
    assert said.items() <= listed.items()
    for name, key in keys.items():
        assert ada.get("/find/", q=key.public_id).one("a .state").text_content().strip() == said[name]
        assert ada.get(f"/keys/{key.public_id}/").one("h1 .state").text_content().strip() == said[name]
        assert sam.get(f"/support/keys/{key.public_id}/").one("h1 .state").text_content().strip() == said[name]
    assert sam.get("/admin/keys/apikey/", state="limit").texts(".field-name") == ["Near its limit"]
