"""The end date of a key, and how long an organisation lets its keys work."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, KeyPolicy, Organization
from keys.models import ApiKey
from keys.refusals import OutsidePolicy
from tests.factories import KeyFactory, products
from tests.keys.test_life import gateways_word

DAY = dt.timedelta(days=1)


@pytest.fixture
def kolkata(cast):
    """The organisation in a zone whose days begin at half past the hour of UTC."""
    cast.northwind.time_zone = "Asia/Kolkata"
    cast.northwind.save()
    return cast.northwind.zone


def today(zone=dt.UTC):
    return timezone.now().astimezone(zone).date()


def edit(browser, key, **changes):
    return browser.submit(f"/keys/{key.public_id}/edit/", **changes)


def under_policy(cast, days):
    Organization.objects.filter(pk=cast.northwind.pk).update(key_life_days=days)
    cast.northwind.refresh_from_db()


def of_age(cast, days, **fields):
    return KeyFactory(organization=cast.northwind, at=timezone.now() - days * DAY, **fields)


def test_a_key_works_to_the_end_of_its_last_day_in_the_organisations_zone(cast, ada, kolkata):
    last = today(kolkata) + 3 * DAY
    assert edit(ada, cast.key, ends_on=last.isoformat()).status == 302
    cast.key.refresh_from_db()
    assert cast.key.expires_at == dt.datetime.combine(last + DAY, dt.time(), kolkata)
    string = cast.key.current_string()
    assert gateways_word(cast.key, string, cast.key.expires_at - dt.timedelta(milliseconds=1)) == "ok"
    assert gateways_word(cast.key, string, cast.key.expires_at) == "expired_key"
    page = ada.get(f"/keys/{cast.key.public_id}/")
    assert f"{last.day} {last:%B %Y}" in page.texts("aside .facts time")
    assert page.one("h1 .state").text_content().strip() == "Expires soon"
    assert "Change end date" in page
    assert ada.get(f"/keys/{cast.key.public_id}/edit/").one("[name=ends_on]").get("value") == last.isoformat()


def test_creating_takes_an_end_date(cast, ada):
    last = today() + 30 * DAY
    code = [str(product.pk) for product in products("search")]
    ada.submit("/keys/create/", name="Short", products=code, ends_on=last.isoformat())
    key = ApiKey.objects.get(name="Short")
    assert key.expires_at == dt.datetime.combine(last + DAY, dt.time(), dt.UTC)
    assert (
        AuditEvent.objects.get(verb="key.created", target_id=key.public_id).after["expiry"]
        == key.expires_at.isoformat()
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2020-01-01", "This day is over."),
        ("2200-01-01", "This is too far away."),
        ("9999-12-31", "This is too far away."),
        ("soon", "Enter a valid date."),
    ],
)
def test_a_day_that_cannot_be_is_refused_at_the_field(cast, ada, text, message):
    page = edit(ada, cast.key, ends_on=text)
    assert page.status == 422
    assert message in page.texts(".error")[0]
    cast.key.refresh_from_db()
    assert cast.key.expires_at is None


def test_an_end_that_stays_is_kept_to_the_microsecond_also_when_it_is_over(cast, ada):
    odd = timezone.now() - dt.timedelta(days=2, seconds=12.345678)
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=odd)
    assert edit(ada, cast.key, name="Renamed").status == 302
    cast.key.refresh_from_db()
    assert (cast.key.name, cast.key.expires_at) == ("Renamed", odd)


def test_an_expired_key_says_what_to_do_and_works_again_with_a_later_end_date(cast, ada, as_user):
    ApiKey.objects.filter(pk=cast.key.pk).update(expires_at=timezone.now() - DAY)
    notice = ada.get("/keys/").one(f"#{cast.key.public_id} .notice")
    assert "Expired" in notice.text_content()
    assert [link.text_content() for link in notice.cssselect("a")] == ["Change end date"]
    assert not as_user(cast.vera).get("/keys/").all(f"#{cast.key.public_id} .notice a")
    string = cast.key.current_string()
    assert gateways_word(cast.key, string, timezone.now()) == "expired_key"
    assert edit(ada, cast.key, ends_on="").status == 302
    assert gateways_word(cast.key, string, timezone.now()) == "ok"
    event = AuditEvent.objects.get(verb="key.edited")
    assert event.after == {"expiry": None}
    assert event.before["expiry"]


def test_the_policy_bounds_the_end_of_new_keys(cast, ada):
    under_policy(cast, 90)
    page = ada.get("/keys/create/")
    latest = today() + 90 * DAY
    assert page.one("[name=ends_on]").get("value") == latest.isoformat()
    code = [str(product.pk) for product in products("search")]
    for wrong in ("", (latest + DAY).isoformat()):
        page = ada.submit("/keys/create/", name="Long", products=code, ends_on=wrong)
        assert page.status == 422
        assert page.all("#id_ends_on_error")
    assert not ApiKey.objects.filter(name="Long").exists()
    assert ada.submit("/keys/create/", name="Long", products=code).status == 302
    assert ApiKey.objects.get(name="Long").expires_at == dt.datetime.combine(latest + DAY, dt.time(), dt.UTC)


def test_the_policy_counts_from_the_last_rotation_and_judges_only_a_changed_end(cast, ada):
    old = of_age(cast, 100)
    under_policy(cast, 90)
    assert edit(ada, old, name="Renamed").status == 302
    page = edit(ada, old, ends_on=(today() + DAY).isoformat())
    assert page.status == 422
    assert "rotate it first" in page
    old.refresh_from_db()
    old.rotate(by=cast.ada, version=old.version)
    assert edit(ada, old, ends_on=(today() + 91 * DAY).isoformat()).status == 422
    assert edit(ada, old, ends_on=(today() + 90 * DAY).isoformat()).status == 302
    assert edit(ada, old, ends_on="").status == 422


def test_the_verbs_hold_to_the_policy_too(cast):
    under_policy(cast, 10)
    with pytest.raises(OutsidePolicy):
        KeyFactory(organization=cast.northwind)
    with pytest.raises(OutsidePolicy):
        cast.key.edit(
            by=cast.ada, version=cast.key.version, name="x", products=products("search"), allowed_domains=[],
            expires_at=timezone.now() + 12 * DAY,
        )  # fmt: skip
    cast.key.refresh_from_db()
    assert cast.key.name == "Fleet tracking"


def policy_page(cast):
    return f"/organizations/{cast.northwind.public_id}/keys-policy/"


def test_keys_outside_the_policy_are_listed_and_go_on_working(cast, ada, kolkata):
    noon = timezone.now()
    of_age(cast, 80, name="No end")
    of_age(
        cast, 80, name="Ends too late", expires_at=dt.datetime.combine(today(kolkata) + 12 * DAY, dt.time(), kolkata)
    )
    of_age(cast, 80, name="Ends in time", expires_at=dt.datetime.combine(today(kolkata) + 11 * DAY, dt.time(), kolkata))
    of_age(cast, 100, name="Too old")
    of_age(cast, 100, name="Deleted").mark_deleted(by=cast.ada)
    page = ada.submit(policy_page(cast), selector="form.policy", key_life_days="90", follow=True)
    assert "4 keys outside the policy" in page
    rows = {row.cssselect("th a")[0].text_content(): row for row in page.all(".table tbody tr")}
    assert set(rows) == {"No end", "Ends too late", "Too old", "Fleet tracking"}
    assert "Over" in rows["Too old"].text_content()
    assert rows["Too old"].cssselect("a.button")[0].text_content() == "Rotate"
    assert rows["No end"].cssselect("a.button")[0].text_content() == "Set end date"
    key = ApiKey.objects.get(name="Too old")
    assert gateways_word(key, key.current_string(), noon) == "ok"
    assert "Longer than the 90 days" in ada.get(f"/keys/{key.public_id}/")


def test_the_policy_is_changed_once_audited_and_told(cast, ada):
    ada.submit(policy_page(cast), selector="form.policy", key_life_days="30", shows_secrets_once="on")
    ada.submit(policy_page(cast), selector="form.policy", key_life_days="30", shows_secrets_once="on")
    cast.northwind.refresh_from_db()
    assert cast.northwind.key_policy == KeyPolicy(30, shows_secrets_once=True)
    event = AuditEvent.objects.get(verb="organization.key_policy_changed")
    assert (event.before, event.after) == (
        {"key_life_days": None, "shows_secrets_once": False},
        {"key_life_days": 30, "shows_secrets_once": True},
    )
    assert "longest life in days: none → 30, keys shown only once: no → yes" in ada.get("/activity/")


def test_a_policy_form_made_before_somebody_elses_change_is_refused_once(cast, ada):
    stale = ada.get(policy_page(cast)).fields("form.policy")
    ada.submit(policy_page(cast), selector="form.policy", key_life_days="30")
    page = ada.post(policy_page(cast), stale | {"key_life_days": "60"})
    assert page.status == 422
    assert "Someone else changed the policy" in page
    cast.northwind.refresh_from_db()
    assert cast.northwind.key_life_days == 30
    assert page.one("[name=key_life_days]").get("value") == "60"
    assert ada.post(policy_page(cast), page.fields("form.policy")).status == 302
    cast.northwind.refresh_from_db()
    assert cast.northwind.key_life_days == 60


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x"])
def test_a_wrong_number_of_days_is_refused(cast, ada, days):
    assert ada.submit(policy_page(cast), selector="form.policy", key_life_days=days).status == 422
    cast.northwind.refresh_from_db()
    assert cast.northwind.key_life_days is None


@pytest.mark.parametrize(("who", "status"), [("ben", 403), ("vera", 403), ("mallory", 404), ("sam", 404)])
def test_only_owners_and_admins_see_and_change_the_policy(cast, as_user, who, status):
    browser = as_user(getattr(cast, who))
    fields = {"key_life_days": "1", "token": str(uuid.uuid4())}
    for page in (browser.get(policy_page(cast)), browser.post(policy_page(cast), fields)):
        assert page.status == status
    if who != "mallory":  # she decides for her own
        assert "keys-policy" not in browser.get(f"/organizations/{cast.northwind.public_id}/")
    cast.northwind.refresh_from_db()
    assert cast.northwind.key_policy == KeyPolicy()
