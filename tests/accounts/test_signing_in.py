"""Sign in and out."""

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.journey import is_signed_in, sign_in, stranger
from tests.page import Browser

pytestmark = pytest.mark.django_db


def test_the_page_has_labels_and_says_what_browsers_may_fill_in():
    page = stranger().get("/accounts/login/")
    assert [label.text for label in page.all("form label")] == ["E-mail", "Password"]
    assert [field.get("autocomplete") for field in page.all("form .input")] == ["username", "current-password"]
    assert page.all("form [placeholder]") == []
    assert page.one(".field > a").get("href") == "/accounts/password/reset/"


def test_signing_in_opens_the_keys(cast):
    browser = stranger()
    page = sign_in(browser, cast.ada.email)
    assert (page.status, page["Location"]) == (302, "/keys/")
    assert is_signed_in(browser)


def test_the_case_of_the_address_does_not_matter(cast):
    assert sign_in(stranger(), "ADA@Northwind.EXAMPLE").status == 302


def test_an_account_made_in_the_shell_with_capitals_can_sign_in():
    user = User.objects.create_user("Grace@Hopper.Example", "correct horse battery")
    assert user.email == "grace@hopper.example"
    assert sign_in(stranger(), "Grace@Hopper.Example").status == 302


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(cast):
    pages = [sign_in(stranger(), email, "wrong") for email in (cast.ada.email, "nobody@example.com")]
    assert [page.status for page in pages] == [200, 200]
    assert pages[0].texts("[role=alert]") == pages[1].texts("[role=alert]") == ["Address and password do not match."]
    assert "wrong" not in pages[0].source
    assert pages[0].text.replace(cast.ada.email, "") == pages[1].text.replace("nobody@example.com", "")


def test_a_closed_account_cannot_sign_in(cast):
    User.objects.filter(pk=cast.ada.pk).update(is_active=False)
    browser = stranger()
    page = sign_in(browser, cast.ada.email)
    assert page["Location"] == "/accounts/inactive/"
    assert "This account is closed" in browser.get("/accounts/inactive/")
    assert not is_signed_in(browser)


def test_signing_in_returns_to_where_the_person_was_going(cast):
    browser = stranger()
    wanted = f"/keys/{cast.key.public_id}/edit/?from=list"
    page = browser.get(wanted)
    assert page.status == 302
    form = browser.get(page["Location"]).fields("form.signin-form")
    page = browser.post("/accounts/login/", form | {"login": cast.ada.email, "password": "correct horse battery"})
    assert page["Location"] == wanted


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_to_another_site(cast, target):
    assert sign_in(stranger(), cast.ada.email, next=target)["Location"] == "/keys/"


def test_the_admin_and_its_sign_in_go_through_the_same_page(cast):
    browser = stranger()
    for path in ("/admin/", "/admin/login/"):
        page = browser.get(path)
        assert page.status == 302
    page = browser.get("/admin/login/?next=/admin/")
    assert page["Location"].startswith("/accounts/login/?next=")
    assert (
        browser.post("/admin/login/", {"username": cast.sam.email, "password": "correct horse battery"}).status == 302
    )
    assert not is_signed_in(browser)


def test_the_admin_is_closed_to_customers(ada):
    assert ada.get("/admin/login/").status == 404


def test_following_a_link_signs_nobody_in_or_out(cast, ada):
    assert "Sign out" in ada.get("/accounts/logout/")
    assert is_signed_in(ada)
    browser = stranger()
    browser.get("/accounts/login/", login=cast.ada.email, password="correct horse battery")
    assert not is_signed_in(browser)


def test_signing_out_ends_the_session(ada):
    page = ada.submit("/accounts/logout/", follow=True)
    assert "You are signed out" in page
    assert not is_signed_in(ada)


def test_signing_in_gives_a_new_session(cast):
    client = Client()
    browser = Browser(client)
    sign_in(browser, cast.ada.email, "wrong")
    before = client.session.session_key
    sign_in(browser, cast.ada.email)
    assert client.session.session_key not in (None, before)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/", "/accounts/signup/", "/accounts/logout/", "/accounts/password/reset/",
        "/accounts/password/change/", "/accounts/email/", "/accounts/reauthenticate/", "/accounts/confirm-email/x/",
        "/accounts/password/reset/key/1-set-password/", "/organizations/org_0000000000000000/switch/", "/admin/login/",
    ],
)  # fmt: skip
def test_every_form_refuses_a_missing_token(cast, path):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ada)
    page = Browser(client).post(path, {"login": cast.ada.email, "password": "correct horse battery"})
    assert page.status == 403
    assert "This form was not accepted" in page
    assert is_signed_in(Browser(client))


def test_the_providers_people_land_at_the_support_desk(cast):
    assert sign_in(stranger(), cast.sam.email)["Location"] == "/support/"
