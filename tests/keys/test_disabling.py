"""Disable, enable and undelete a key through the pages; keys that are shown only once."""

import datetime as dt
import threading
import uuid
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, KeyPolicy
from keys.models import ApiKey, GatewayChange, KeySecret, Submission
from keys.refusals import Refusal
from tests.factories import KeyFactory, products, string_of
from tests.keys.test_life import gateways_word
from tests.page import Browser

DAY = dt.timedelta(days=1)


def at(key, action):
    return f"/keys/{key.public_id}/{action}/"


def word(key, string):
    return gateways_word(key, string, timezone.now())


def fresh(key):
    return ApiKey.objects.get(pk=key.pk)


def notice(page, key):
    return " ".join(page.one(f"#{key.public_id} .notice").text_content().split())


# Disable and enable ---------------------------------------------------------------------------------------------------
def test_a_developer_disables_and_enables_a_key(cast, as_user):
    ben, string = as_user(cast.ben), string_of(cast.key)
    page = ben.submit(at(cast.key, "disable"), reason="The contractor left")
    assert page["Location"] == f"/keys/{cast.key.public_id}/?receipt=disabled"
    assert word(cast.key, string) == "disabled_key"
    key = fresh(cast.key)
    assert (key.disabled_by, key.disabled_reason, key.disabled_by_staff) == (cast.ben, "The contractor left", False)
    page = ben.get("/keys/")
    assert "Disabled today" in notice(page, key)
    assert "The contractor left. Every request is refused." in notice(page, key)
    assert "support" not in notice(page, key)
    assert page.texts(f"#{key.public_id} .key-menu a") == ["Edit", "Rotate", "Manage QPS", "Enable", "Delete"]
    assert ben.submit(at(key, "enable"))["Location"].endswith("?receipt=enabled")
    assert word(key, string) == "ok"
    assert list(AuditEvent.objects.filter(target_id=key.public_id).values_list("verb", flat=True))[:2] == [
        "key.enabled",
        "key.disabled",
    ]


def test_disabling_needs_no_reason_but_keeps_no_key_in_one(cast, ada):
    assert ada.submit(at(cast.key, "disable"), reason=f"found {string_of(cast.key)}").status == 422
    assert fresh(cast.key).disabled_at is None
    assert ada.submit(at(cast.key, "disable")).status == 302
    assert fresh(cast.key).disabled_at


def test_the_confirmation_says_who_would_be_hit(cast, ada):
    assert "No request has ever come" in ada.get(at(cast.key, "disable"))
    ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=timezone.now())
    assert "This key is in use" in ada.get(at(cast.key, "disable"))


def test_disabling_in_the_list_swaps_the_row_and_adds_the_receipt(cast, ada):
    page = ada.submit(at(cast.key, "disable"), htmx=True)
    assert page["HX-Retarget"] == f"#{cast.key.public_id}"
    assert "Fleet tracking is disabled" in page["HX-Trigger"]
    assert page.one(".key-row").get("data-state") == "disabled"
    assert page.all("[hx-swap-oob='beforeend:#receipts']")


def test_what_staff_disabled_only_staff_enable(cast, ada, as_user):
    string = string_of(cast.key)
    cast.key.disable(by=cast.ada, reason="mine")
    cast.key.disable(by=cast.sam, reason="Abuse report 12", as_staff=True)
    assert (fresh(cast.key).disabled_by_staff, fresh(cast.key).disabled_reason) == (True, "Abuse report 12")
    cast.key.disable(by=cast.ada, reason="mine again")
    assert fresh(cast.key).disabled_reason == "Abuse report 12"
    page = ada.get("/keys/")
    assert f"Contact support, quoting {cast.key.public_id}" in notice(page, cast.key)
    assert "Enable" not in page.texts(f"#{cast.key.public_id} .key-menu a")
    page = ada.get(at(cast.key, "enable"))
    assert "Only the provider enables it" in page
    assert not page.all("main button[type=submit]:not(.copy)")
    fields = {"version": fresh(cast.key).version, "token": str(uuid.uuid4())}
    page = ada.post(at(cast.key, "enable"), fields)
    assert page.status == 422
    assert f"Contact support, quoting {cast.key.public_id}" in page
    assert word(cast.key, string) == "disabled_key"
    as_user(cast.sam).submit(f"/support/keys/{cast.key.public_id}/enable/", reason="Paid")
    assert word(cast.key, string) == "ok"
    assert not fresh(cast.key).disabled_by_staff


def test_being_disabled_by_staff_means_being_disabled(cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=cast.key.pk).update(disabled_by_staff=True)


def test_a_member_who_is_staff_elsewhere_disables_as_a_member(cast, ada, as_user):
    """Who acted as what is in the row, not guessed from who they are."""
    cast.ada.is_staff = True
    cast.ada.save()
    ada.submit(at(cast.key, "disable"))
    assert not fresh(cast.key).disabled_by_staff


@pytest.mark.parametrize("action", ["disable", "enable"])
def test_a_form_made_before_somebody_elses_change_is_refused_once(cast, ada, action):
    if action == "enable":
        cast.key.disable(by=cast.ada)
    fields = ada.get(at(cast.key, action)).fields()
    was = fresh(cast.key).disabled_at
    key = fresh(cast.key)
    key.edit(by=cast.ben, version=key.version, name="Renamed", products=key.products.all(), allowed_domains=[])
    page = ada.post(at(cast.key, action), fields)
    assert page.status == 422
    assert "Someone else changed this key a moment ago" in page
    assert fresh(cast.key).disabled_at == was
    assert ada.post(at(cast.key, action), page.fields()).status == 302
    assert fresh(cast.key).disabled_at != was


def test_a_double_click_disables_once(cast, ada):
    fields = ada.get(at(cast.key, "disable")).fields()
    for _ in range(2):
        assert ada.post(at(cast.key, "disable"), fields).status == 302
    assert AuditEvent.objects.filter(verb="key.disabled").count() == 1
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_gateways_are_told_of_each_change(cast):
    def told():
        return GatewayChange.objects.filter(key_id=cast.key.pk).count()

    acts = [
        lambda key: key.disable(by=cast.ada),
        lambda key: key.enable(by=cast.ada),
        lambda key: key.edit(
            by=cast.ada, version=key.version, name="x", products=key.products.all(), allowed_domains=[],
            expires_at=timezone.now() + DAY,
        ),
        lambda key: key.mark_deleted(by=cast.ada),
        lambda key: key.undelete(by=cast.ada, version=key.version),
        lambda key: key.mark_deleted(by=cast.ada),
        lambda key: key.undelete(by=cast.ada, version=key.version, with_old_string=True),
    ]  # fmt: skip
    for act in acts:
        before = told()
        act(fresh(cast.key))
        assert told() > before, act


# Undelete -------------------------------------------------------------------------------------------------------------
def delete(key, by, days_ago=0):
    key.mark_deleted(by=by, at=timezone.now() - days_ago * DAY)
    return key


def test_deleting_erases_the_copy_and_ends_the_old_string(cast):
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY)
    delete(cast.key, cast.ada)
    old, current = cast.key.secrets.order_by("number")
    assert old.retired_at is not None
    assert (current.retired_at, current.sealed, old.sealed) == (None, None, None)


def test_deleted_keys_are_listed_for_thirty_days(cast, ada, as_user):
    for days in (0, 29, 31):
        delete(KeyFactory(organization=cast.northwind, name=f"{days} days ago"), cast.ada, days)
    delete(cast.other_key, cast.mallory)
    assert ada.get("/keys/").one("a[href='/keys/deleted/']").text_content() == "Deleted keys"
    page = ada.get("/keys/deleted/")
    assert [text.split(" key_")[0] for text in page.texts("tbody th")] == ["0 days ago", "29 days ago"]
    assert "by Ada Nowak" in page.texts("tbody tr")[0]
    assert page.texts("tbody a") == ["Bring back"] * 2
    assert as_user(cast.vera).get("/keys/deleted/").texts("tbody a") == []
    assert "No key was deleted" not in as_user(cast.mallory).get("/keys/deleted/")


def test_a_key_comes_back_with_a_new_string_unless_asked_otherwise(cast, ada):
    old = string_of(cast.key)
    cast.key.key_products.filter(product__code="search").update(qps_limit=50)
    delete(cast.key, cast.ada, 29)
    page = ada.get(at(cast.key, "undelete"))
    assert [box.get("value") for box in page.all("[name=string]")] == ["new", "old"]
    assert page.fields()["string"] == "new"
    page = ada.post(at(cast.key, "undelete"), page.fields())
    assert page["Location"] == f"/keys/{cast.key.public_id}/?receipt=undeleted"
    key = fresh(cast.key)
    new = string_of(key)
    assert (word(key, old), word(key, new)) == ("expired_key", "ok")
    assert key.rotated_at is not None
    assert key.key_products.get(product__code="search").qps_limit == 50
    assert new not in ada.get(page["Location"]).source
    assert "brought the key back" in ada.get(f"/keys/{key.public_id}/")
    assert AuditEvent.objects.get(verb="key.undeleted").after == {"string": 2, "is_new": True}


def test_the_old_string_works_again_only_when_asked_for_and_is_never_copied_again(cast, ada):
    old = string_of(cast.key)
    delete(cast.key, cast.ada)
    assert ada.submit(at(cast.key, "undelete"), string="old").status == 302
    key = fresh(cast.key)
    assert word(key, old) == "ok"
    assert key.secrets.get().sealed is None
    answer = ada.client.post(at(key, "reveal"), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "No copy of this key is kept. Rotate it for a new one."},
    )
    page = ada.get(f"/keys/{key.public_id}/")
    assert "No copy of it is kept" in page
    assert not page.all("[data-copy-key], [data-copy-snippet]")


def test_strings_that_ended_before_never_come_back(cast, ada):
    first = string_of(cast.key)
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=DAY)  # in grace when the key is deleted
    second = string_of(cast.key)
    delete(cast.key, cast.ada)
    ada.submit(at(cast.key, "undelete"), string="old")
    assert (word(cast.key, first), word(cast.key, second)) == ("expired_key", "ok")


def test_the_string_of_a_key_whose_end_date_passed_never_comes_back(cast, ada):
    old = string_of(cast.key)
    delete(cast.key, cast.ada)
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=timezone.now() - DAY)
    page = ada.get(at(cast.key, "undelete"))
    assert [box.get("value") for box in page.all("[name=string]")] == ["new"]
    assert ada.post(at(cast.key, "undelete"), page.fields() | {"string": "old"}).status == 422
    assert ada.post(at(cast.key, "undelete"), page.fields()).status == 302
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=None)
    assert word(cast.key, old) == "expired_key"
    assert word(cast.key, string_of(fresh(cast.key))) == "ok"


def test_what_staff_disabled_stays_disabled_through_delete_and_undelete(cast, ada):
    cast.key.disable(by=cast.sam, reason="Abuse", as_staff=True)
    delete(cast.key, cast.ada)
    assert "It was disabled by the provider and stays so." in ada.get(at(cast.key, "undelete"))
    ada.submit(at(cast.key, "undelete"))
    assert fresh(cast.key).disabled_by_staff
    assert word(cast.key, string_of(fresh(cast.key))) == "disabled_key"


def test_after_thirty_days_it_is_gone_and_housekeeping_ends_its_string(cast, ada):
    delete(cast.key, cast.ada, 31)
    kept = delete(KeyFactory(organization=cast.northwind), cast.ada, 29)
    assert ada.get(at(cast.key, "undelete")).status == 404
    with pytest.raises(Refusal):
        cast.key.undelete(by=cast.ada, version=cast.key.version)
    said = StringIO()
    call_command("housekeeping", stdout=said)
    assert "1 strings of keys that were deleted 30 days ago never come back" in said.getvalue()
    assert cast.key.secrets.get().retired_at is not None
    assert kept.secrets.get().retired_at is None
    ApiKey.objects.filter(pk=cast.key.pk).update(deleted_at=None)  # not even by hand in the database
    assert not KeySecret.objects.filter(key=cast.key, retired_at=None).exists()


def test_a_stale_or_repeated_undelete_acts_once(cast, ada):
    delete(cast.key, cast.ada)
    fields = ada.get(at(cast.key, "undelete")).fields()
    assert ada.post(at(cast.key, "undelete"), fields | {"version": "1"}).status == 422
    for _ in range(2):
        assert ada.post(at(cast.key, "undelete"), fields | {"token": str(uuid.uuid4())}).status == 302
    assert fresh(cast.key).secrets.count() == 2
    assert AuditEvent.objects.filter(verb="key.undeleted").count() == 1


def test_a_full_organisation_brings_nothing_back(cast, ada, settings):
    delete(cast.key, cast.ada)
    settings.KEYS_PER_ORGANIZATION = 0
    page = ada.submit(at(cast.key, "undelete"))
    assert page.status == 422
    assert "Delete one first" in page


def test_an_organisation_makes_so_many_keys_in_a_month_deleted_ones_included(cast, ada, settings):
    settings.KEYS_PER_ORGANIZATION = 2
    second = KeyFactory(organization=cast.northwind)
    delete(second, cast.ada)
    refused = ada.submit("/keys/create/", name="Third", products=[product.pk for product in products("search")])
    assert (refused.status, "made 2 keys in the last 30 days" in refused) == (422, True)
    assert ada.submit(at(second, "undelete")).status == 302
    delete(second, cast.ada)
    ApiKey.objects.filter(pk=cast.key.pk).update(created_at=timezone.now() - dt.timedelta(days=31))
    assert ada.submit(
        "/keys/create/", name="Third", products=[product.pk for product in products("search")]
    ).status in {200, 302}
    assert cast.northwind.keys.kept().filter(name="Third").exists()


@pytest.mark.parametrize("action", ["disable", "enable", "undelete"])
def test_others_and_viewers_do_nothing(cast, as_user, action):
    if action == "enable":
        cast.key.disable(by=cast.ada)
    if action == "undelete":
        delete(cast.key, cast.ada)
    before = ApiKey.objects.values().get(pk=cast.key.pk)
    fields = {"version": before["version"], "token": str(uuid.uuid4()), "string": "new"}
    for who, status in (("vera", 403), ("mallory", 404)):
        browser = as_user(getattr(cast, who))
        for page in (browser.get(at(cast.key, action)), browser.post(at(cast.key, action), fields)):
            assert page.status == status
            assert who == "vera" or "Fleet" not in page.source
    assert ApiKey.objects.values().get(pk=cast.key.pk) == before


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_brings_it_back(cast):
    delete(cast.key, cast.ada)
    version, statuses = cast.key.version, []

    def attempt():
        client = Client()
        client.force_login(cast.ada)
        try:
            for _ in range(5):
                fields = {"version": version, "token": str(uuid.uuid4()), "string": "new"}
                statuses.append(Browser(client).post(at(cast.key, "undelete"), fields).status)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {302, 422}
    assert fresh(cast.key).secrets.count() == 2
    assert fresh(cast.key).secrets.filter(retired_at=None).count() == 1


# Shown only once ------------------------------------------------------------------------------------------------------
@pytest.fixture
def once(cast):
    cast.northwind.change_key_policy(
        by=cast.ada, seen=cast.northwind.key_policy, wanted=KeyPolicy(shows_secrets_once=True)
    )


def shown(page):
    return page.one(".revealed code").text_content()


def test_a_new_key_is_shown_in_the_answer_to_create_and_never_again(cast, ada, once):
    fields = ada.get("/keys/create/").fields() | {
        "name": "Once",
        "products": [str(cast.key.products.get(code="search").pk)],
    }
    page = ada.post("/keys/create/", fields)
    key = ApiKey.objects.get(name="Once")
    assert page.status == 200
    assert "no-store" in page["Cache-Control"]
    assert word(key, shown(page)) == "ok"
    assert page.source.count(shown(page)) == 1
    assert key.secrets.get().sealed is None
    again = ada.post("/keys/create/", fields)
    assert again.status == 302
    assert "was shown already, once" in ada.get(again["Location"])
    assert shown(page) not in ada.get(f"/keys/{key.public_id}/").source


@pytest.mark.parametrize("htmx", [False, True])
def test_rotating_shows_the_new_key_in_its_answer_alone(cast, ada, once, htmx):
    fields = ada.get(at(cast.key, "rotate"), step="2").fields() | {"delay": "1"}
    page = ada.post(at(cast.key, "rotate"), fields, htmx=htmx)
    assert word(cast.key, shown(page)) == "ok"
    assert fresh(cast.key).current_secret.sealed is None
    again = ada.post(at(cast.key, "rotate"), fields, htmx=htmx)
    assert not again.all(".revealed")
    assert "It was shown already, once." in again


def test_undeleting_shows_the_new_key_in_its_answer(cast, ada, once):
    delete(cast.key, cast.ada)
    assert word(cast.key, shown(ada.submit(at(cast.key, "undelete")))) == "ok"


def test_nothing_is_copied_while_keys_are_shown_once_and_the_page_says_why(cast, ada, once):
    answer = ada.client.post(at(cast.key, "reveal"), headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert "only once" in answer.json()["detail"]
    assert string_of(cast.key) not in ada.post(at(cast.key, "reveal")).source
    assert not AuditEvent.objects.filter(verb="key.copied").exists()
    page = ada.get(f"/keys/{cast.key.public_id}/")
    assert "Your organisation shows a key only once" in page
    for source in (page, ada.get("/keys/")):
        assert not source.all("[data-copy-key], [data-copy-snippet]")
    cast.northwind.change_key_policy(by=cast.ada, seen=cast.northwind.key_policy, wanted=KeyPolicy())
    answer = ada.client.post(at(cast.key, "reveal"), headers={"Accept": "application/json"})
    assert answer.json() == {"key": string_of(cast.key)}  # made before: its copy was kept


def test_time_alone_takes_a_deleted_key_away(cast, ada):
    delete(cast.key, cast.ada)
    with time_machine.travel(timezone.now() + 30 * DAY + dt.timedelta(seconds=1), tick=False):
        with pytest.raises(Refusal):
            cast.key.undelete(by=cast.ada, version=cast.key.version, with_old_string=True)
        assert not cast.northwind.keys.undeletable().exists()
