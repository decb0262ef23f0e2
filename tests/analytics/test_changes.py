"""What changed, and what was not counted, beside the figures."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from analytics import marks
from analytics.models import UsageGap
from analytics.ranges import Bucket
from keys.models import Product, QpsRequest
from tests.analytics.usage import record
from tests.factories import KeyFactory

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
START = dt.datetime(2026, 11, 17, tzinfo=dt.UTC)
HOURS = [Bucket(START + hour * HOUR, START + (hour + 1) * HOUR) for hour in range(24)]


@pytest.fixture
def now():
    """Noon of yesterday."""
    return timezone.now().replace(hour=12, minute=30, second=0, microsecond=0) - DAY


def said(page) -> list[str]:
    return [item.cssselect("a")[0].text for item in page.all(".changes li")]


def grant(key, cast, requested: int, at: dt.datetime) -> None:
    product = Product.objects.get(code="search")
    request = QpsRequest.submit(key=key, product=product, requested=requested, reason="more", by=cast.ada, at=at)
    request.approve(by=cast.sam, at=at)


def test_what_changed_is_marked_and_each_mark_leads_to_its_entry_of_the_log(ada, cast, now):
    record(cast.key, "search", now, 10)
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY, at=now - 80 * HOUR)
    # Far enough from the key's creation, whatever the hour is now: each flag has room for its word.
    grant(cast.key, cast, 20, now - 40 * HOUR)
    page = ada.get("/analytics/")
    rotated, approved = said(page)[:2]
    assert "rotated" in rotated
    assert approved.startswith("Support approved 20 QPS for Search API")
    assert page.texts(".flags .flag text")[:2] == ["Rotated", "Limit 5 → 20"]
    links = [link.get("href") for link in page.all(".changes a")]
    assert page.all(".flags a")[0].get("href") == links[0]
    assert all(link.get("tabindex") == "-1" for link in page.all(".flags a"))
    for link, verb in zip(links[:2], ("key.rotated", "qps.approved"), strict=True):
        address, _, anchor = link.partition("#")
        assert ada.get(address).all(".history > li")[0].get("id") == anchor
        assert anchor.endswith(f"{cast.key.public_id}-{verb}")


def test_marks_are_of_what_is_chosen_and_of_the_period(ada, cast, now):
    other = KeyFactory(organization=cast.northwind, name="Other key")
    for key in (cast.key, other):
        record(key, "search", now, 10)
        record(key, "map-display", now, 10)
        key.disable(by=cast.ada, reason="", at=now - HOUR)
    grant(other, cast, 20, now - 2 * HOUR)
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY, at=now - 20 * DAY)
    assert sum("disabled" in text for text in said(ada.get("/analytics/"))) == 2
    page = ada.get("/analytics/", key=other.public_id)
    assert all("Other key" in text for text in said(page))
    assert any("QPS" in text for text in said(page))
    assert not any("QPS" in text for text in said(ada.get("/analytics/", key=other.public_id, product="map-display")))
    assert not any("rotated" in text for text in said(ada.get("/analytics/")))
    assert any("rotated" in text for text in said(ada.get("/analytics/?range=30d")))


def test_another_customers_changes_and_private_events_are_not_marked(ada, as_user, cast, now):
    record(cast.other_key, "search", now, 10)
    record(cast.key, "search", now, 10)
    cast.key.disable(by=cast.ada, reason="", at=now)
    cast.key.reveal(by=cast.ada)
    assert not any("copied" in text for text in said(ada.get("/analytics/")))
    assert not any(cast.key.name in text for text in said(as_user(cast.mallory).get("/analytics/")))


def test_of_many_changes_the_newest_are_marked_and_the_page_says_so(ada, cast, now):
    record(cast.key, "search", now, 10)
    for number in range(45):
        AuditEvent.record(
            "key.edited", organization=cast.northwind, actor=cast.ada, target=cast.key, at=now + number * dt.timedelta(seconds=1),
            before={"name": "a"}, after={"name": "b"},
        )  # fmt: skip
    page = ada.get("/analytics/", range="own", **{"from": f"{now:%Y-%m-%d}", "to": f"{now:%Y-%m-%d}"})
    assert len(said(page)) == 40
    assert "The newest 40." in page
    assert len(page.all(".flags .flag")) == 1


def test_what_was_not_counted_is_a_gap_with_words_and_no_zero(ada, cast, now):
    hour = now.replace(minute=0)
    for before in (3, 1):
        record(cast.key, "search", hour - before * HOUR, 10, peak=3)
    for node in ("one", "two"):
        UsageGap.objects.create(
            node=node,
            requests=99,
            from_at=hour - 2 * HOUR + dt.timedelta(minutes=5),
            until_at=hour - HOUR - dt.timedelta(minutes=5),
        )
    page = ada.get("/analytics/", range="own", show="hour", **{"from": f"{now:%Y-%m-%d}", "to": f"{now:%Y-%m-%d}"})
    start = hour - 2 * HOUR
    assert f"{start:%a} {start.day} {start:%b}, {start:%H}:05–{start:%H}:55" in page.one("#gaps").text
    assert "99" not in page.one("#gaps").text
    assert len(page.all(".plot .gap")) == 1
    lost = [row for row in page.all("[data-numbers] tbody tr") if "not all counted" in row.text_content()]
    assert [cell.text for cell in lost[0].cssselect("td")] == ["?", "?", "?"]
    assert len(lost) == 1
    assert page.one(".plot .line").get("d").count("M") == 2


def test_flags_that_would_cover_each_other_are_one_and_words_have_room():
    def mark(hours: float) -> marks.Mark:
        return marks.Mark(START + hours * HOUR, f"at {hours}", f"sentence {hours}", "/there/")

    placed = marks.flags([mark(12), mark(0), mark(0.2), mark(13)], HOURS)
    assert [(flag.x, flag.word) for flag in placed] == [("0.000%", "2 changes"), ("50.000%", ""), ("54.167%", "at 13")]
    assert placed[0].title == "sentence 0; sentence 0.2"
    assert marks.flags([], HOURS) == ()
    near_the_end = [mark(23.5), mark(12)]
    (_, last) = marks.flags(near_the_end, HOURS)
    assert (last.word, last.is_turned) == ("at 23.5", True)
    assert marks.flags([*near_the_end, mark(21.5)], HOURS)[-1].word == ""


def test_gaps_of_several_gateways_are_joined_and_every_one_can_be_seen():
    def span(first: float, last: float) -> marks.Span:
        return START + first * HOUR, START + last * HOUR

    assert marks.merged([span(3, 4), span(1, 2), span(2, 3), span(6, 7)]) == (span(1, 4), span(6, 7))
    placed = marks.bands([span(0, 6), span(23.99, 24)], HOURS)
    assert [(band.x, band.width, band.is_named) for band in placed] == [
        ("0.000%", "25.000%", True),
        ("99.600%", "0.400%", False),
    ]
