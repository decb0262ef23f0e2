"""A key through its verbs, on a real PostgreSQL."""

import datetime as dt

import pytest
from django.db import connection

from keys.refusals import StaleVersion
from tests.factories import string_of

HOUR = dt.timedelta(hours=1)


def test_rotating_keeps_the_old_string_until_the_delay_ends(cast):
    old = string_of(cast.key)
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=HOUR)
    assert string_of(cast.key) != old
    assert cast.key.secret_in_grace.number == 1


def test_rotating_from_an_old_form_is_refused(cast):
    version = cast.key.version
    cast.key.rotate(by=cast.ada, version=version)
    with pytest.raises(StaleVersion):
        cast.key.rotate(by=cast.ben, version=version)


@pytest.mark.django_db(transaction=True)
def test_committing_a_change_numbers_it_for_the_gateways(cast):
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM gateway_change")
        before = cursor.fetchone()[0]
        cast.key.disable(by=cast.ada, reason="incident")
        cursor.execute("SELECT number, key_id FROM gateway_change WHERE number > %s", [before])
        assert cursor.fetchall() == [(before + 1, cast.key.pk)]
