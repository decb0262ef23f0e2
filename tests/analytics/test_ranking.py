"""Which keys make the figures up, held against a ledger: any range, months and days put together, a gateway whose clock is ahead."""

import collections
import datetime as dt
import random

import pytest
from django.utils import timezone

from analytics.ranges import DAY
from tests.analytics.test_page import number, rows
from tests.analytics.usage import add, delta
from tests.factories import KeyFactory, products

CODES = ("search", "routing")
WHOLE = ("Requests", "Breaches", "4XX", "5XX")


@pytest.fixture
def ledger(cast):
    """Usage of three keys on 60 dates of 13 months and on some that are yet to come: (date, key, code, four counts)."""
    dice, now = random.Random(5), timezone.now()
    keys = [
        KeyFactory(organization=cast.northwind, name=f"Key {number}", products=products(*CODES)) for number in range(3)
    ]
    entries, deltas = [], []
    for age in [-40, -2, -1, 0, *dice.sample(range(395), 60)]:
        key, code, at = dice.choice(keys), dice.choice(CODES), now - age * DAY
        failed = {name: dice.choice((0, dice.randrange(50))) for name in ("s429_over_qps", "s404_ok", "s502_ok")}
        requests = sum(failed.values()) + dice.randrange(1, 1_000)
        deltas.append(delta(key, code, at, requests, peak=dice.randrange(1, 9), **failed))
        entries.append((at.astimezone(cast.northwind.zone).date(), key.name, code, (requests, *failed.values())))
    add(deltas)
    return entries


def summed(ledger, first: dt.date, last: dt.date, *, by) -> dict:
    found = collections.defaultdict(lambda: [0] * len(WHOLE))
    for date, *place, counts in ledger:
        if first <= date <= last:
            here = by(*place)
            found[here] = [one + other for one, other in zip(found[here], counts, strict=True)]
    return dict(found)


@pytest.mark.parametrize(("days", "ended"), [(7, 0), (30, 0), (90, 0), (365, 0), (200, 45)])
def test_the_keys_of_any_range_have_what_the_ledger_says(ada, cast, ledger, days, ended):
    last = timezone.now().astimezone(cast.northwind.zone).date() - ended * DAY
    first = last - (days - 1) * DAY
    query = {"range": "own", "from": first.isoformat(), "to": last.isoformat()}
    by_key = summed(ledger, first, last, by=lambda key, _: key)
    found = rows(ada.get("/analytics/", **query), "keys-name")[:-1]
    assert {row[0]: [number(cell) for cell in (row[1], *row[3:6])] for row in found} == by_key
    assert [row[0] for row in found] == sorted(by_key, key=lambda key: -by_key[key][0])
    failing = rows(ada.get("/analytics/errors/", **query), "keys-name")
    failing = [row for row in failing if row[0].startswith("Key")]
    errors = {key: counts[2] + counts[3] for key, counts in by_key.items() if counts[2] + counts[3]}
    assert [(row[0], number(row[2])) for row in failing] == sorted(errors.items(), key=lambda one: -one[1])
    by_pair = summed(ledger, first, last, by=lambda key, code: (key, code))
    breaching = rows(ada.get("/analytics/breaches/", **query), "breaches-name")[:-1]
    assert sorted((row[0], number(row[4])) for row in breaching) == sorted(
        (key, counts[1]) for (key, _), counts in by_pair.items() if counts[1]
    )
