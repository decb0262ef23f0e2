"""Cards that were drawn before: nothing of them is out of date, and nothing of them reaches anybody else."""

import datetime as dt

import psycopg
import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import Plan
from analytics import key_cards, key_pins
from keys import traffic
from keys.models import ApiKey, Product
from tests import factories
from tests.analytics.usage import record
from tests.factories import KeyFactory, string_of

DAY = dt.timedelta(days=1)
PLACES = ("/keys/", "/keys/?layout=table")


@pytest.fixture
def remembering(settings, monkeypatch):
    """Remember as production does; keys of other tests have the same numbers."""
    for rows in (key_pins, traffic):
        monkeypatch.setattr(rows, "_remembered", {})
    for memory in ("_remembered", "_texts"):
        monkeypatch.setattr(key_cards, memory, {})
    settings.USAGE_REMEMBERED_SECONDS = 600


def cards(browser, place="/keys/"):
    """What a person's list says, and where it leads; of the forms' token only that it is theirs."""
    page = browser.get(place)
    (token,) = {each.get("value") for each in page.all("#key-list input[name=csrfmiddlewaretoken]")} or {""}
    body = page.source.partition('id="key-list"')[2].partition("</footer>")[0]
    return body.replace(token, "") if token else body


def drawn_anew(browser, place="/keys/"):
    key_cards._forget()
    return cards(browser, place)


def test_a_row_is_drawn_once_for_all_who_see_the_same(cast, ada, as_user, remembering):
    first = cards(ada)
    drawn = dict(key_cards._remembered)
    assert len(drawn) == 1
    assert (cards(ada), cards(as_user(cast.ada))) == (first, first)
    assert key_cards._remembered == drawn
    cards(as_user(cast.vera))
    assert len(key_cards._remembered) == 2


def test_what_traffic_says_is_counted_anew_after_a_minute_and_of_each_customer_apart(
    cast, ada, as_user, remembering, monkeypatch
):
    def counts(browser):
        return browser.get("/keys/").texts("#states a")[1:3]

    ApiKey.objects.update(last_used_at=timezone.now())
    fine, failing = ["Healthy 1", "Needs attention 0"], ["Healthy 0", "Needs attention 1"]
    assert counts(ada) == fine
    for key in (cast.key, cast.other_key):
        record(key, "search", timezone.now(), 200, s500_ok=200)
    assert (counts(ada), counts(as_user(cast.mallory))) == (fine, failing)
    monkeypatch.setattr(traffic, "REMEMBERED_S", 0)
    assert counts(ada) == failing


def test_every_change_shows_at_once(cast, as_user, remembering):
    now, key, ben = timezone.now(), cast.key, cast.ben
    stored, org = ApiKey.objects.filter(pk=key.pk), type(cast.northwind).objects.filter(pk=cast.northwind.pk)

    def rotated():
        key.refresh_from_db()
        key.rotate(by=ben, version=key.version, delay=DAY)

    changes = {
        "its name": lambda: stored.update(name="Renamed & <b>"),
        "its domains": lambda: stored.update(allowed_domains=["a.example.com"]),
        "its billing": lambda: stored.update(billing_type="evaluation"),
        "a request": lambda: record(key, "search", now, 3, peak=4),
        "another one": lambda: record(key, "search", now, 2, s500_ok=2, peak=5),
        "a limit": lambda: key.key_products.filter(product__code="search").update(qps_limit=500),
        "its products": lambda: key.key_products.filter(product__code="search").delete(),
        "a product's name": lambda: Product.objects.filter(code="map-display").update(name="Ways"),
        "its last use": lambda: stored.update(last_used_at=now - dt.timedelta(minutes=3)),
        "an end in sight": lambda: stored.update(expires_at=now + DAY),
        "its end": lambda: stored.update(expires_at=now - DAY),
        "no end": lambda: stored.update(expires_at=None),
        "a rotation": rotated,
        "disabled": lambda: stored.update(disabled_at=now, disabled_reason="Leaked", disabled_by_staff=False),
        "disabled by staff": lambda: stored.update(disabled_by_staff=True),
        "another reason": lambda: stored.update(disabled_reason="Misused"),
        "shown once": lambda: org.update(shows_secrets_once=True),
        "the plan": lambda: org.update(plan=Plan.FREEMIUM),
        "the zone": lambda: org.update(time_zone="Pacific/Auckland"),
        "suspended": lambda: org.update(suspended_at=now, suspended_reason="Unpaid"),
        "why suspended": lambda: org.update(suspended_reason="Unpaid twice"),
        "the organisation's name": lambda: org.update(name="Otherwise named"),
        "the role": lambda: ben.memberships.update(role="viewer"),
        "the language": lambda: type(ben).objects.filter(pk=ben.pk).update(language="de"),
    }
    browser = as_user(ben)
    with time_machine.travel(now, tick=False):
        before = cards(browser)
        for what, change in changes.items():
            change()
            after = cards(browser)
            assert after != before or what == "the organisation's name", what
            assert after == drawn_anew(browser), what
            before = after


@pytest.mark.parametrize("passed", [dt.timedelta(seconds=61), dt.timedelta(hours=2), 3 * DAY])
def test_time_alone_changes_what_is_shown(cast, ada, remembering, passed):
    now = timezone.now()
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=5 * DAY)
    ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=now - dt.timedelta(seconds=30))
    with time_machine.travel(now, tick=False):
        before = cards(ada)
    with time_machine.travel(now + passed, tick=False):
        after = cards(ada)
        assert after != before
        assert after == drawn_anew(ada)


def test_nobody_gets_the_card_of_another_role_customer_or_language(cast, as_user, remembering):
    people = [cast.ada, cast.ben, cast.vera, cast.mallory]
    asked = [(as_user(person), place) for place in PLACES for person in people]
    anew = [drawn_anew(*each) for each in asked]
    key_cards._forget()
    for _ in range(2):
        assert [cards(*each) for each in asked] == anew
    type(cast.ben).objects.filter(pk=cast.ben.pk).update(language="de")
    german = cards(as_user(cast.ben))
    assert german == drawn_anew(as_user(cast.ben)) != anew[1]
    viewer, stranger = anew[2], anew[3]
    assert "popovertarget" not in viewer
    assert "/reveal/" not in viewer
    assert cast.key.public_id not in stranger
    assert cast.other_key.public_id in stranger


def test_what_is_remembered_holds_no_key_and_no_token(cast, ada, remembering):
    page = ada.get("/keys/")
    tokens = {each.get("value") for each in page.all("input[name=csrfmiddlewaretoken]")}
    kept = repr((key_cards._remembered, key_cards._texts))
    assert len(tokens) == 1
    assert cast.key.public_id in kept
    for secret in (*tokens, string_of(cast.key), cast.ada.email):
        assert secret not in kept


def test_so_many_rows_are_remembered_and_no_more(cast, ada, remembering, monkeypatch):
    for _ in range(4):
        KeyFactory(organization=cast.northwind, products=factories.products("search"))
    monkeypatch.setattr(key_cards, "REMEMBERED_MAX", 3)
    first = cards(ada)
    assert len(key_cards._remembered) <= 3
    assert cards(ada) == first


@pytest.mark.django_db(transaction=True)
def test_a_migration_beside_what_is_prepared_fails_no_page(cast, ada, settings):
    def prepared():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            return cursor.fetchone()[0]

    def migrate(length):
        with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
            other.execute(f"ALTER TABLE accounts_user ALTER COLUMN first_name TYPE varchar({length})")

    length = type(cast.ada)._meta.get_field("first_name").max_length
    assert ada.get("/keys/").status == 200
    assert prepared() > 5
    try:
        migrate(length + 1)
        assert ada.get("/keys/").status == 200
    finally:
        migrate(length)
    assert ada.get("/keys/").status == 200
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    settings.DATABASE_PREPARES = False
    assert ada.get("/keys/").status == 200
    assert prepared() == 0
