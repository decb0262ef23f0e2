"""QPS management."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent
from keys.models import KeyProduct, QpsRequest
from keys.refusals import Refusal
from tests.factories import products


def ask(browser, key, qps=50, code="search", **changes):
    fields = {"product": str(products(code)[0].pk), "requested": str(qps), "reason": "A launch."}
    return browser.submit(f"/keys/{key.public_id}/qps/", selector="#qps-form", **fields | changes)


def test_the_page_shows_default_and_current_for_each_product(cast, ada):
    cast.key.key_products.filter(product__code="search").update(qps_limit=20)
    page = ada.get(f"/keys/{cast.key.public_id}/qps/")
    assert page.texts("tbody tr") == ["Map Display API 1,000 1,000 None", "Search API 5 20 None"]


def test_asking_waits_for_the_provider(cast, ada):
    assert ask(ada, cast.key).status == 302
    wish = QpsRequest.objects.get()
    assert (wish.current, wish.requested, wish.state, wish.requested_by) == (5, 50, "pending", cast.ada)
    page = ada.get(f"/keys/{cast.key.public_id}/qps/")
    assert "50 waiting" in page
    assert AuditEvent.objects.filter(verb="qps.requested", target_id=cast.key.public_id).count() == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qps": 0}, "greater than or equal to 1"),
        ({"qps": -3}, "greater than or equal to 1"),
        ({"qps": 10**9}, "less than or equal to 100000"),
        ({"qps": 5}, "5 is the limit already."),
        ({"reason": ""}, "This field is required."),
        ({"code": "routing"}, "This cannot be chosen here."),
    ],
)
def test_a_wrong_wish_is_refused_with_a_message(cast, ada, changes, message):
    page = ask(ada, cast.key, **changes)
    assert page.status == 422
    assert message in page
    assert not QpsRequest.objects.exists()


def test_one_request_waits_per_product(cast, ada):
    ask(ada, cast.key)
    page = ask(ada, cast.key, qps=60)
    assert page.status == 422
    assert "is waiting already" in page
    wish = QpsRequest.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        QpsRequest.objects.create(key=wish.key, product=wish.product, current=5, requested=7, reason="x")


def test_withdrawing_takes_it_back_and_lists_it(cast, ada):
    ask(ada, cast.key)
    wish = QpsRequest.objects.get()
    url = f"/keys/{cast.key.public_id}/qps/{wish.public_id}/withdraw/"
    assert ada.post(url).status == 302
    page = ada.get(f"/keys/{cast.key.public_id}/qps/")
    assert "Withdrawn: 50 instead of 5 for Search API" in page
    assert ask(ada, cast.key).status == 302


def test_approving_sets_the_limit_once(cast, ada):
    ask(ada, cast.key)
    wish = QpsRequest.objects.get()
    wish.approve(by=cast.sam, note="Fine.")
    assert KeyProduct.objects.get(key=cast.key, product=wish.product).limit == 50
    with pytest.raises(Refusal):
        wish.reject(by=cast.sam)
    assert "Approved: 50 instead of 5 for Search API" in ada.get(f"/keys/{cast.key.public_id}/qps/")


def test_taking_the_product_away_withdraws_the_request(cast, ada):
    ask(ada, cast.key)
    ada.submit(f"/keys/{cast.key.public_id}/edit/", products=[str(products("map-display")[0].pk)])
    assert QpsRequest.objects.get().state == "withdrawn"


def test_htmx_shows_the_dialog_again_with_what_is_true(cast, ada):
    page = ada.submit(f"/keys/{cast.key.public_id}/qps/", htmx=True, selector="#qps-form", requested="50", reason="A launch.",
                      product=str(products("search")[0].pk))  # fmt: skip
    assert page.status == 200
    assert "50 waiting" in page
    assert "requested" in page["HX-Trigger"]


def test_others_cannot_withdraw(cast, as_user, ada):
    ask(ada, cast.key)
    url = f"/keys/{cast.key.public_id}/qps/{QpsRequest.objects.get().public_id}/withdraw/"
    assert as_user(cast.mallory).post(url).status == 404
    assert as_user(cast.vera).post(url).status == 403
    other = f"/keys/{cast.other_key.public_id}/qps/{QpsRequest.objects.get().public_id}/withdraw/"
    assert as_user(cast.mallory).post(other).status == 404
    assert QpsRequest.objects.get().state == "pending"


def test_a_repeated_submit_asks_once(cast, ada):
    token = str(uuid.uuid4())
    assert ask(ada, cast.key, token=token).status == ask(ada, cast.key, token=token).status == 302
    assert QpsRequest.objects.count() == 1
