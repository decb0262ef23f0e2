"""Copy, rotate, retire and extend through the pages."""

import datetime as dt
import json
import threading
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent
from keys.models import KeySecret
from tests.factories import string_of
from tests.page import Browser

JSON = {"Accept": "application/json"}


def reveal(browser, key, **headers):
    return browser.client.post(f"/keys/{key.public_id}/reveal/", headers=headers)


def test_copying_gives_the_whole_key_as_json_and_is_audited(cast, ada):
    answer = reveal(ada, cast.key, **JSON)
    assert answer.json() == {"key": string_of(cast.key)}
    assert "no-store" in answer["Cache-Control"]
    event = AuditEvent.objects.get(verb="key.copied")
    assert (event.actor, event.target_id, event.after) == (cast.ada, cast.key.public_id, {"string": 1})
    assert string_of(cast.key) not in json.dumps([event.before, event.after, event.target_label])


def test_copying_without_a_script_shows_it_once_after_a_post(cast, ada):
    answer = reveal(ada, cast.key)
    assert string_of(cast.key) in answer.content.decode()
    assert ada.get(f"/keys/{cast.key.public_id}/reveal/").status == 405


def test_viewers_and_others_copy_nothing(cast, as_user):
    assert reveal(as_user(cast.vera), cast.key, **JSON).status_code == 403
    assert reveal(as_user(cast.mallory), cast.key, **JSON).status_code == 404
    assert not AuditEvent.objects.filter(verb="key.copied").exists()


def test_no_audit_event_no_key(cast, ada, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no room")

    monkeypatch.setattr(AuditEvent, "record", broken)
    ada.client.raise_request_exception = False
    answer = reveal(ada, cast.key, **JSON)
    assert answer.status_code == 500
    assert string_of(cast.key) not in answer.content.decode()


def test_copying_is_limited_per_person_and_hour(cast, ada, as_user, settings):
    settings.REVEALS_PER_HOUR = 3
    assert [reveal(ada, cast.key, **JSON).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert reveal(as_user(cast.ben), cast.key, **JSON).status_code == 200


def rotate(browser, key, **changes):
    return browser.submit(f"/keys/{key.public_id}/rotate/?step=2", **{"delay": "1"} | changes)


def test_step_one_warns_and_step_two_asks_when(cast, ada):
    first = ada.get(f"/keys/{cast.key.public_id}/rotate/")
    assert "This cannot be undone" in first
    second = ada.get(first.one(".dialog-foot [data-kind=primary]").get("href"))
    assert [box.get("value") for box in second.all("[name=delay]")] == ["0", "1", "3", "24", "48", "72", "until"]
    assert "Immediately" in second


@pytest.mark.parametrize("hours", [1, 3, 24, 48, 72])
def test_rotating_with_a_delay_keeps_the_old_string_until_then(cast, ada, hours):
    before = timezone.now()
    page = rotate(ada, cast.key, delay=str(hours))
    assert page.status == 200
    old, new = KeySecret.objects.filter(key=cast.key).order_by("number")
    assert old.expires_at - before - dt.timedelta(hours=hours) < dt.timedelta(seconds=5)
    assert old.retired_at is None
    assert new.is_current
    assert new.hint in page
    assert old.hint in page
    assert page.all("time[data-countdown]")
    assert string_of(cast.key) not in page.source


def test_rotating_immediately_ends_the_old_string_and_erases_its_copy(cast, ada):
    page = rotate(ada, cast.key, delay="0")
    old, new = KeySecret.objects.filter(key=cast.key).order_by("number")
    assert old.retired_at is not None
    assert old.sealed is None
    assert new.is_current
    assert "refused within a second" in page
    cast.key.refresh_from_db()
    assert cast.key.rotated_at is not None


def test_another_time_is_in_the_organisations_zone_and_at_most_thirty_days_away(cast, ada):
    cast.northwind.time_zone = "Asia/Kolkata"
    cast.northwind.save()
    local = (timezone.now() + dt.timedelta(days=2)).astimezone(cast.northwind.zone).replace(second=0, microsecond=0)
    assert rotate(ada, cast.key, delay="until", until=local.strftime("%Y-%m-%dT%H:%M")).status == 200
    assert abs(cast.key.secrets.get(number=1).expires_at - local) < dt.timedelta(seconds=1)
    cast.key.refresh_from_db()
    for days in (-1, 31):
        wrong = (timezone.now() + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")
        assert rotate(ada, cast.key, delay="until", until=wrong).status == 422
    assert rotate(ada, cast.key, delay="until", until="").status == 422
    assert rotate(ada, cast.key, delay="5").status == 422
    assert cast.key.secrets.count() == 2


def test_a_repeated_submit_rotates_once(cast, ada):
    page = ada.get(f"/keys/{cast.key.public_id}/rotate/?step=2")
    fields = {
        "delay": "1",
        "version": page.one("[name=version]").get("value"),
        "token": page.one("[name=token]").get("value"),
    }
    url = f"/keys/{cast.key.public_id}/rotate/"
    assert ada.post(url, fields).status == ada.post(url, fields).status == 200
    assert cast.key.secrets.count() == 2
    assert ada.post(url, fields | {"token": str(uuid.uuid4())}).status == 422
    assert cast.key.secrets.count() == 2


def test_rotating_in_the_list_shows_the_outcome_and_swaps_the_row(cast, ada):
    page = ada.submit(f"/keys/{cast.key.public_id}/rotate/?step=2", htmx=True, delay="3")
    assert "Fleet tracking has a new key" in page
    assert page.one(".key-row").get("hx-swap-oob") == "true"


def test_the_key_page_shows_the_old_string_with_its_end(cast, ada):
    rotate(ada, cast.key, delay="24")
    page = ada.get(f"/keys/{cast.key.public_id}/")
    assert page.texts(".secret .state") == ["Current", "In grace"]
    assert len(page.all(".key-notices time[data-countdown]")) == 1
    assert "Retire now" in page


def test_retiring_the_old_string_ends_it_now(cast, ada):
    rotate(ada, cast.key, delay="24")
    assert ada.submit(f"/keys/{cast.key.public_id}/retire/").status == 302
    old = cast.key.secrets.get(number=1)
    assert old.ended_at <= timezone.now()
    page = ada.post(f"/keys/{cast.key.public_id}/retire/", {"token": str(uuid.uuid4()), "version": "3"})
    assert page.status == 422
    assert "stopped already" in page


def test_extending_moves_the_end_and_never_revives(cast, ada):
    rotate(ada, cast.key, delay="1")
    assert ada.submit(f"/keys/{cast.key.public_id}/extend/", delay="72").status == 302
    left = cast.key.secrets.get(number=1).expires_at - timezone.now()
    assert dt.timedelta(hours=71) < left <= dt.timedelta(hours=72)
    cast.key.secrets.filter(number=1).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    page = ada.post(f"/keys/{cast.key.public_id}/extend/", {"delay": "24", "token": str(uuid.uuid4()), "version": "3"})
    assert page.status == 422
    assert "never comes back" in page


def check_rotations(cast, *, connections: int, each: int) -> None:
    """Rotate from one version all at once: one 200, the others 422 with a sentence, one current string."""
    version, statuses, start = cast.key.version, [], threading.Barrier(connections)

    def attempt():
        client = Client()
        client.force_login(cast.ada)
        try:
            start.wait(60)
            for _ in range(each):
                fields = {"delay": "1", "version": version, "token": str(uuid.uuid4())}
                page = Browser(client).post(f"/keys/{cast.key.public_id}/rotate/", fields)
                statuses.append((page.status, "a moment ago" in page))
                connection.close()  # as at the end of every request
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(statuses)) == [(200, False), (422, True)]
    assert [status for status, _ in statuses].count(200) == 1
    assert len(statuses) == connections * each
    assert cast.key.secrets.current().count() == 1
    assert cast.key.secrets.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_rotations_at_once_one_wins(cast):
    check_rotations(cast, connections=16, each=3)
