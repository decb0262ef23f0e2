"""Who manages keys is told of ends: before them, after them, once."""

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from keys.due import tell_due
from keys.models import ApiKey
from notices.models import Notice
from tests.factories import KeyFactory
from tests.jobs import run_jobs

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def ending(cast, after: dt.timedelta, *, made: dt.timedelta = 100 * DAY, **changes) -> ApiKey:
    now = timezone.now()
    key = KeyFactory(organization=cast.northwind, name="Kiosk", expires_at=now + after, at=now - made)
    ApiKey.objects.filter(pk=key.pk).update(**changes)
    return key


def told(key: ApiKey) -> list[str]:
    """The kinds of which Ada was told about a key."""
    return list(Notice.objects.filter(person__first_name="Ada", about=key.public_id).values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("after", "kinds"),
    [
        (15 * DAY, []),
        (13 * DAY, ["key.expires_soon"]),
        (2 * DAY, ["key.expires_soon"]),
        (HOUR, ["key.expires_soon"]),
        (-HOUR, ["key.expired"]),
        (-4 * DAY, []),
    ],
)
def test_a_key_is_told_of_before_and_after_its_end(cast, after, kinds):
    key = ending(cast, after)
    tell_due()
    assert told(key) == kinds


def test_each_step_is_told_once_to_all_who_manage_keys(cast, time_machine):
    now = timezone.now()
    key = ending(cast, 20 * DAY)
    for hours in range(0, 24 * 24, 12):
        time_machine.move_to(now + hours * HOUR)
        tell_due()
        tell_due()
    notices = Notice.objects.filter(about=key.public_id)
    for person in (cast.ada, cast.ben):
        kinds = sorted(notices.filter(person=person).values_list("kind", flat=True))
        assert kinds == ["key.expired"] + 3 * ["key.expires_soon"]
    assert not notices.filter(person__in=[cast.vera, cast.mallory, cast.sam]).exists()


def test_a_later_end_is_another_occasion(cast):
    key = ending(cast, 2 * DAY)
    tell_due()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + 3 * DAY)
    tell_due()
    assert told(key) == 2 * ["key.expires_soon"]


def test_a_key_for_a_few_days_is_not_announced_at_once(cast):
    key = ending(cast, 5 * DAY, made=HOUR)
    tell_due()
    assert told(key) == []


def test_a_deleted_key_is_no_news(cast):
    key = ending(cast, HOUR, deleted_at=timezone.now())
    tell_due()
    assert told(key) == []


def test_grace_is_told_of_the_day_before_and_afterwards(cast, time_machine):
    now = timezone.now()
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=48 * HOUR)
    tell_due()
    assert told(cast.key) == []
    time_machine.move_to(now + 30 * HOUR)
    tell_due()
    assert told(cast.key) == ["grace.ends_tomorrow"]
    run_jobs()
    assert sorted(message.to[0] for message in mail.outbox) == [cast.ada.email, cast.ben.email]
    assert "The old string of Fleet tracking stops" in mail.outbox[0].subject
    time_machine.move_to(now + 49 * HOUR)
    tell_due()
    tell_due()
    assert sorted(told(cast.key)) == ["grace.ended", "grace.ends_tomorrow"]


def test_a_grace_of_a_day_or_less_and_a_string_that_was_retired_are_not_announced(cast):
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=5 * HOUR)
    tell_due()
    cast.key.retire_old_string(by=cast.ada, version=cast.key.version)
    tell_due()
    assert told(cast.key) == []
