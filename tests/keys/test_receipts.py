"""Receipts, from the rows that gateways write."""

import datetime as dt

import pytest
from django.utils import timezone

from keys import receipts
from keys.models import GatewayAck, GatewayChange, GatewayNode

pytestmark = pytest.mark.django_db(transaction=True)


def node(name, *, seen_seconds_ago=0, started_seconds_ago=3600):
    now = timezone.now()
    return GatewayNode.objects.create(
        name=name,
        started_at=now - dt.timedelta(seconds=started_seconds_ago),
        seen_at=now - dt.timedelta(seconds=seen_seconds_ago),
        applied_at=now,
    )


def acknowledge(name, number, at):
    GatewayAck.objects.create(node=name, number=number, at=at)


def number_of(key):
    return GatewayChange.objects.filter(key_id=key.pk).order_by("-number").first()


def test_a_receipt_waits_for_the_last_gateway_and_names_who_is_behind(cast):
    for name, ago in (("one", 0), ("two", 0), ("gone", 120)):
        node(name, seen_seconds_ago=ago)
    cast.key.disable(by=cast.ada, reason="incident")
    change = number_of(cast.key)
    acknowledge("one", change.number + 5, change.at + dt.timedelta(milliseconds=200))
    assert receipts.latest(cast.key).behind == ("two",)
    assert receipts.latest(cast.key).everywhere_at is None
    acknowledge("two", change.number, change.at + dt.timedelta(milliseconds=400))
    receipt = receipts.latest(cast.key)
    assert (receipt.behind, receipt.gateways) == ((), 2)
    assert receipt.took_seconds == pytest.approx(0.4)


def test_what_an_edit_took_away_is_refused_what_it_gave_holds(cast, ada):
    node("one")
    edit = f"/keys/{cast.key.public_id}/edit/"
    for changes, words in (
        ({"allowed_domains": "example.com"}, "What Fleet tracking may do no longer is refused everywhere since"),
        ({"allowed_domains": "example.com\nexample.org"}, "The change of Fleet tracking holds everywhere since"),
        ({"allowed_domains": "example.org"}, "What Fleet tracking may do no longer is refused everywhere since"),
        ({"allowed_domains": ""}, "What Fleet tracking may do no longer"),
    ):
        page = ada.submit(edit, **changes)
        change = number_of(cast.key)
        acknowledge("one", change.number, change.at)
        assert (words in ada.get(page["Location"])) == bool(changes["allowed_domains"])


def test_later_changes_and_later_gateways_do_not_move_the_moment(cast):
    node("one")
    cast.key.disable(by=cast.ada, reason="incident")
    change = number_of(cast.key)
    acknowledge("one", change.number, change.at + dt.timedelta(milliseconds=100))
    acknowledge("one", change.number + 3, change.at + dt.timedelta(seconds=9))
    node("new", started_seconds_ago=-1)
    receipt = receipts.latest(cast.key)
    assert receipt.took_seconds == pytest.approx(0.1)
    assert receipt.gateways == 2
