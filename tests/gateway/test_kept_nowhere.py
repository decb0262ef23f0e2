"""A key that comes in the wrong place is kept nowhere."""

import pytest

from analytics.models import RequestRecord
from gateway import clients
from gateway.requests import tracking_id
from keys import tokens
from tests.factories import string_of
from tests.gateway.processes import wait_until

BODY = "lk" + "0aB9" * 8
STRING = BODY + tokens.checksum(BODY)


@pytest.mark.parametrize("given", [STRING, f"a-{STRING}", f"{STRING}-1", f"lk{STRING}", f"x{STRING}y"])
def test_a_tracking_id_with_a_key_in_it_is_replaced(given):
    assert STRING not in tracking_id(given.encode(), "lk")


@pytest.mark.parametrize("given", [b"a", b"0" * 100, b"f" * 64, b"3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
def test_any_other_tracking_id_is_kept(given):
    assert tracking_id(given, "lk") == given.decode()


@pytest.mark.parametrize("agent", [STRING, f"{STRING}/1.0", f"app {STRING}"])
def test_no_client_family_is_a_key(agent):
    assert STRING not in clients.family(agent)


@pytest.mark.django_db(transaction=True)
def test_no_key_in_any_header_reaches_the_tables(cast, gateway):
    string = string_of(cast.key)
    wait_until(lambda: gateway.http().ask("/map/1/x", **{"X-Api-Key": string}).status != 401, what="the key is known")
    names = ("Tracking-ID", "User-Agent", "Origin", "Referer", "X-Forwarded-For", "X-Original-URI", "Cookie", "Accept")
    for name in names:
        gateway.http().ask("/search/2/search/x.json", **{"X-Api-Key": string, name: string})
    wait_until(lambda: RequestRecord.objects.filter(key_id=cast.key.pk).count() >= 5, within_s=5)
    for row in RequestRecord.objects.values():
        assert string not in str(row)
