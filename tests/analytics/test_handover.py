"""While both strings of a key work, its page shows what still comes with the old one, and from where."""

import datetime as dt

import time_machine
from django.utils import timezone

from analytics.handover import of_key
from tests.analytics.usage import record
from tests.support.staff import log_request

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)


def rotated(cast, *, ago=3 * HOUR):
    key = cast.key
    key.rotate(by=cast.ada, version=key.version, delay=24 * HOUR, at=timezone.now() - ago)
    return key


def handover_on(page):
    return " ".join(page.one(".handover").text_content().split())


def test_a_key_page_counts_what_still_comes_with_the_old_string(ada, cast):
    key, now = rotated(cast), timezone.now()
    record(key, "search", now - 5 * MINUTE, 30, string=1)
    record(key, "map-display", now - 50 * MINUTE, 12, string=1)
    record(key, "search", now - 70 * MINUTE, 1617, string=1)
    record(key, "search", now - 5 * MINUTE, 900, string=2)
    log_request(key, tracking_id="a", network="203.0.113.0/24", client="okhttp")
    log_request(key, tracking_id="b", network="203.0.113.0/24", client="okhttp")
    log_request(key, tracking_id="c", network="198.51.100.0/24", client="node", secret_number=2)
    log_request(key, tracking_id="d", network="192.0.2.0/24", client="old", at=now - 2 * HOUR)
    log_request(cast.other_key, tracking_id="e", network="192.0.2.0/24", client="theirs")
    page = ada.get(f"/keys/{key.public_id}/")
    said = handover_on(page)
    assert "42 requests of the last hour still came with this string. 1,617 in the hour before." in said
    assert "203.0.113.0/24okhttp2" in said
    assert "node" not in said
    assert "192.0.2.0/24" not in said
    drawn = page.one(".handover svg")
    assert "1,659 requests with the old string, 900 requests with the new one" in drawn.get("aria-label")
    retire = ada.get(f"/keys/{key.public_id}/retire/")
    assert "42 requests came with it in the last hour." in retire.text


def test_an_old_string_that_is_quiet_may_go(ada, cast):
    key, now = rotated(cast, ago=20 * HOUR), timezone.now()
    record(key, "search", now - 7 * HOUR, 5, string=1)
    assert "No request has come with this string for six hours." in handover_on(ada.get(f"/keys/{key.public_id}/"))
    record(key, "search", now - 2 * HOUR, 5, string=1)
    assert "No request came with this string in the last hour." in handover_on(ada.get(f"/keys/{key.public_id}/"))


def test_steps_hold_every_request_of_six_hours_once(cast):
    key = rotated(cast, ago=8 * HOUR)
    now = timezone.now()
    for minutes in (0, 9, 10, 59, 60, 61, 119, 120, 359, 360, 400):
        record(key, "search", now - minutes * MINUTE, 1, string=1)
    with time_machine.travel(now, tick=False):
        found = of_key(key)
    assert (found.last_hour, found.hour_before, sum(found.old)) == (4, 3, 9)


def test_without_an_old_string_that_works_there_is_nothing_to_hand_over(ada, cast, django_assert_num_queries):
    assert ada.get(f"/keys/{cast.key.public_id}/").all(".handover") == []
    with django_assert_num_queries(1):
        assert of_key(cast.key) is None
