"""Receipts: since when a change holds in every gateway."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from accounts.models import Plan
from keys import receipts
from keys.models import GatewayAck, GatewayNode
from tests.gateway.processes import wait_until

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
    from keys.models import GatewayChange

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


def test_the_page_shows_the_receipt_of_a_real_gateway_after_deleting(cast, ada, gateway):
    page = ada.submit(f"/keys/{cast.key.public_id}/delete/", htmx=True)
    assert page["HX-Reswap"] == "delete"
    assert page.one("[hx-swap-oob]").get("hx-swap-oob") == "beforeend:#receipts"
    url = f"/keys/{cast.key.public_id}/receipt/?what=deleted"
    wait_until(lambda: "everywhere since" in ada.get(url), within_s=2)
    told = ada.get(url)
    assert re.search(
        r"Fleet tracking is deleted\. Refused everywhere since \d\d:\d\d:\d\d\.\d \(0\.\d s after", told.text
    )
    assert not told.all("[hx-get]")


def test_without_htmx_the_next_page_shows_it(cast, ada, gateway):
    page = ada.submit(f"/keys/{cast.key.public_id}/edit/", allowed_domains="example.com")
    assert page["Location"] == f"/keys/{cast.key.public_id}/?receipt=edited"
    wait_until(lambda: "The change of Fleet tracking holds everywhere since" in ada.get(page["Location"]), within_s=2)


def test_a_receipt_is_for_the_customer_alone(cast, as_user):
    assert as_user(cast.mallory).get(f"/keys/{cast.key.public_id}/receipt/").status == 404
    assert cast.northwind.plan == Plan.ENTERPRISE
    assert as_user(cast.vera).get(f"/keys/{cast.key.public_id}/receipt/").status == 200
