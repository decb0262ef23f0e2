"""Receipts: since when a change holds in every gateway."""

import re

import pytest

from accounts.models import Plan
from keys.models import GatewayNode
from tests.gateway.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


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
    wait_until(
        lambda: "What Fleet tracking may do no longer is refused everywhere since" in ada.get(page["Location"]),
        within_s=2,
    )


def test_a_receipt_is_for_the_customer_alone(cast, as_user):
    assert as_user(cast.mallory).get(f"/keys/{cast.key.public_id}/receipt/").status == 404
    assert cast.northwind.plan == Plan.ENTERPRISE
    assert as_user(cast.vera).get(f"/keys/{cast.key.public_id}/receipt/").status == 200


def test_nobody_waits_for_the_word_of_a_gateway_that_was_stopped(cast, ada, gateway, own_gateway):
    other = own_gateway("other").start()
    wait_until(lambda: GatewayNode.objects.filter(name="other").exists(), within_s=3)
    other.stop()
    assert GatewayNode.objects.get(name="other").ended_at
    ada.submit(f"/keys/{cast.key.public_id}/disable/", htmx=True)
    url = f"/keys/{cast.key.public_id}/receipt/?what=disabled"
    wait_until(lambda: "everywhere since" in ada.get(url), within_s=2)
    again = other.start()
    wait_until(lambda: GatewayNode.objects.get(name="other").ended_at is None, within_s=3)
    again.stop()
