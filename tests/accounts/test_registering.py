"""Register, confirm the address, land on the keys."""

import threading
import time

import pytest
from django.core import mail
from django.db import connections

from accounts.models import AuditEvent, Organization, Plan, Role, User
from keys.models import Product
from tests.accounts.journey import is_signed_in, link_in_mail, register, sign_in, stranger

pytestmark = pytest.mark.django_db


def test_registering_makes_a_freemium_organisation_and_its_first_key_with_every_product():
    page = register(stranger())
    assert (page.status, page["Location"]) == (302, "/accounts/confirm-email/")
    organization = Organization.objects.get()
    assert (organization.name, organization.plan, organization.time_zone) == (
        "Hopper Maps",
        Plan.FREEMIUM,
        "Asia/Kolkata",
    )
    assert [(m.user.email, m.role) for m in organization.memberships.all()] == [("grace@hopper.example", Role.OWNER)]
    key = organization.keys.get()
    assert key.name == "My first API key"
    assert set(key.products.all()) == set(Product.objects.active())
    assert set(AuditEvent.objects.values_list("verb", flat=True)) >= {"organization.created", "key.created"}


def test_the_page_says_what_registering_makes():
    page = stranger().get("/accounts/signup/")
    assert "My first API key" in page
    assert page.one("[name=organization]").get("autocomplete") == "organization"
    assert page.one("[name=email]").get("autocomplete") == "email"
    assert page.one("[name=password1]").get("autocomplete") == "new-password"
    assert "zone.js" in page.source


def test_confirming_in_the_same_browser_lands_signed_in_at_the_first_key():
    browser = stranger()
    register(browser)
    question = browser.get(link_in_mail())
    assert "grace@hopper.example" in question
    assert not User.objects.get().emailaddress_set.get().verified, "opening the link confirms nothing"
    page = browser.submit(link_in_mail())
    key = Organization.objects.get().keys.get()
    assert (page.status, page["Location"]) == (302, f"/keys/{key.public_id}/start/")
    assert User.objects.get().emailaddress_set.get().verified
    assert is_signed_in(browser)


def test_confirming_in_another_browser_leads_to_the_sign_in_with_a_clear_message():
    register(stranger())
    other = stranger()
    page = other.submit(link_in_mail(), follow=True)
    key = Organization.objects.get().keys.get()
    assert page.one("h1").text == "Sign in"
    assert {field.get("value") for field in page.all("[name=next]")} == {f"/keys/{key.public_id}/start/"}
    assert "grace@hopper.example is confirmed" in page
    assert not is_signed_in(other)


def test_a_used_or_wrong_confirmation_link_says_so():
    browser = stranger()
    assert "does not work any more" in browser.get("/accounts/confirm-email/nonsense/")
    assert browser.post("/accounts/confirm-email/nonsense/").status == 404


def test_signing_in_before_confirming_sends_a_link_instead():
    register(stranger())
    browser = stranger()
    page = sign_in(browser, "grace@hopper.example")
    assert page["Location"] == "/accounts/confirm-email/"
    assert not is_signed_in(browser)


def test_a_known_address_is_answered_like_an_unknown_one(cast):
    unknown, known = stranger(), stranger()
    answers = [register(unknown, "new@example.com"), register(known, cast.ada.email)]
    assert answers[0].status == answers[1].status == 302
    assert answers[0]["Location"] == answers[1]["Location"]
    assert set(answers[0].response.cookies) == set(answers[1].response.cookies)
    pages = [unknown.get("/accounts/confirm-email/").text, known.get("/accounts/confirm-email/").text]
    assert pages[0].replace("new@example.com", "X") == pages[1].replace(cast.ada.email, "X")
    assert [(m.to, m.subject) for m in mail.outbox] == [
        (["new@example.com"], "Confirm your address"),
        ([cast.ada.email], "You have an account already"),
    ]
    assert Organization.objects.filter(name="Hopper Maps").count() == 1
    assert cast.ada.check_password("correct horse battery")


def test_the_case_of_an_address_makes_no_second_account(cast):
    register(stranger(), "ADA@Northwind.Example")
    assert User.objects.filter(email__iexact=cast.ada.email).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("email", "no address", "valid email"),
        ("email", "", "required"),
        ("email", "a@" + "b" * 60 + ".example" * 28, "at most 254"),
        ("password1", "short", "at least 10 characters"),
        ("password1", "1234567890", "entirely numeric"),
        ("password1", "grace@hopper.example", "similar"),
        ("organization", "", "required"),
        ("organization", "x" * 81, "at most 80"),
        ("organization", "Maps \u202e spaM", "cannot be shown"),
    ],
)
def test_a_wrong_entry_is_said_at_its_field(field, value, message):
    page = register(stranger(), **{field: value})
    control = page.one(f"[name={field}]")
    assert control.get("aria-invalid") == "true"
    described = " ".join(page.one(f"#{name}").text_content() for name in control.get("aria-describedby").split())
    assert message in described
    assert not User.objects.exists()


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "x" * 500])
def test_a_zone_that_is_none_becomes_utc(zone):
    register(stranger(), time_zone=zone)
    assert Organization.objects.get().time_zone == "UTC"


def test_a_failure_half_way_leaves_nobody_behind(monkeypatch):
    monkeypatch.setattr(Product.objects, "active", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        register(stranger())
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}"])
def test_markup_in_the_name_of_an_organisation_stays_text(name):
    browser = stranger()
    register(browser, organization=name)
    browser.submit(link_in_mail())
    page = browser.get("/accounts/password/change/")
    assert page.one(".org-name").text_content() == name


@pytest.mark.django_db(transaction=True)
def test_of_two_registrations_at_the_same_moment_one_makes_the_account():
    barrier, answers = threading.Barrier(2), []

    def act() -> None:
        browser = stranger()
        fields = browser.get("/accounts/signup/").fields("form.signin-form")
        barrier.wait()
        details = {"email": "twin@example.com", "password1": "correct horse battery", "organization": "Twins"}
        answers.append(browser.post("/accounts/signup/", fields | details))
        connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(page.status, page["Location"]) for page in answers] == [(302, "/accounts/confirm-email/")] * 2
    assert User.objects.filter(email="twin@example.com").count() == 1
    assert Organization.objects.filter(name="Twins").count() == 1


def test_the_time_of_the_answer_does_not_tell_whether_an_address_is_taken(cast, client, settings):
    settings.REGISTRATION_SECONDS = 0.3
    fields = {"password1": "a long enough password", "organization": "x"}
    for email in (cast.ada.email, "nobody@example.com"):
        began_at = time.monotonic()
        assert client.post("/accounts/signup/", fields | {"email": email}).status_code == 302
        assert time.monotonic() - began_at >= 0.3
        client.logout()
