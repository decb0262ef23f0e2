"""Verbs at once on one key: one after the other, never a deadlock, never a half."""

import datetime as dt
import threading
from collections import Counter

import pytest
from django.db import OperationalError, connection, transaction

from keys.models import ApiKey, KeyProduct, Product, QpsRequest
from keys.refusals import Refusal
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 25


def at_once(*acts):
    """Run each act many times in a thread of its own. Return how often each ended how."""
    endings: Counter[str] = Counter()

    def run(act):
        try:
            for _ in range(ROUNDS):
                try:
                    act()
                    endings["done"] += 1
                except Refusal:
                    endings["refused"] += 1
                except OperationalError as error:
                    endings[str(error).split("\n")[0]] += 1
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return endings


def fresh(key):
    return ApiKey.objects.select_related("organization").get(pk=key.pk)


def rotate(key, by):
    mine = fresh(key)
    mine.rotate(by=by, version=mine.version, delay=dt.timedelta(hours=1))


def test_copying_and_rotating(cast, settings):
    settings.REVEALS_PER_HOUR = 10_000
    copy = lambda: fresh(cast.key).reveal(by=cast.ada)  # noqa: E731
    endings = at_once(copy, copy, lambda: rotate(cast.key, cast.ada), lambda: rotate(cast.key, cast.ben))
    assert set(endings) <= {"done", "refused"}
    assert cast.key.secrets.filter(retired_at=None, expires_at=None).count() == 1


def test_editing_asking_for_qps_and_deciding(cast):
    search, both = factories.products("search")[0], factories.products("search", "map-display")

    def edit(products):
        mine = fresh(cast.key)
        mine.edit(by=cast.ada, version=mine.version, name="x", products=products, allowed_domains=[])

    def ask():
        QpsRequest.submit(key=fresh(cast.key), product=search, requested=50, reason="x", by=cast.ben)

    def decide():
        if wish := QpsRequest.objects.pending().select_related("key__organization", "product").first():
            wish.approve(by=cast.sam)

    endings = at_once(lambda: edit(both), lambda: edit(both[:1]), ask, decide)
    assert set(endings) <= {"done", "refused"}


def test_creating_keys_while_the_catalogue_is_edited(cast):
    every = list(Product.objects.active())

    def edit_product():
        with transaction.atomic():
            product = Product.objects.select_for_update(of=("self",), no_key=True).order_by("-pk").first()
            product.default_qps += 1
            product.save(update_fields=["default_qps"])

    def create():
        ApiKey.create(organization=cast.northwind, name="x", by=cast.ada, products=every)

    before = dict(Product.objects.values_list("pk", "default_qps"))
    endings = at_once(create, create, edit_product)
    for pk, qps in before.items():
        Product.objects.filter(pk=pk).update(default_qps=qps)
    assert set(endings) == {"done"}
    assert KeyProduct.objects.filter(key__name="x").count() == 2 * ROUNDS * len(every)
