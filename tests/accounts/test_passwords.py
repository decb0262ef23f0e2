"""Change, reset and confirm a password."""

import pytest
from django.core import mail

from tests.accounts.journey import is_signed_in, link_in_mail, sign_in, stranger

pytestmark = pytest.mark.django_db
NEW = "a wholly different phrase"
CHANGE = "/accounts/password/change/"


def test_changing_needs_the_current_password(cast, ada):
    page = ada.submit(CHANGE, selector="form.account-form", oldpassword="wrong", password1=NEW, password2=NEW)
    assert "This is not your current password." in page.texts("#id_oldpassword_error")
    cast.ada.refresh_from_db()
    assert cast.ada.check_password("correct horse battery")


def test_changing_keeps_this_session_ends_the_others_and_tells_the_person(cast, ada, as_user):
    other = as_user(cast.ada)
    page = ada.submit(
        CHANGE, selector="form.account-form", oldpassword="correct horse battery", password1=NEW, password2=NEW
    )
    assert page.status == 302
    assert is_signed_in(ada)
    assert not is_signed_in(other)
    assert [m.subject for m in mail.outbox] == ["Your password was changed"]
    assert NEW not in mail.outbox[0].body
    assert sign_in(stranger(), cast.ada.email, NEW).status == 302


def test_two_different_new_passwords_are_refused_at_the_field(cast, ada):
    page = ada.submit(
        CHANGE, selector="form.account-form", oldpassword="correct horse battery", password1=NEW, password2=NEW + "x"
    )
    assert page.one("#id_password2").get("aria-invalid") == "true"
    assert page.texts("#id_password2_error")
    assert NEW not in page.source


def test_the_fields_help_password_managers(ada):
    page = ada.get(CHANGE)
    fields = page.all("form.account-form .input")
    assert [field.get("autocomplete") for field in fields] == ["current-password", "new-password", "new-password"]


def test_resetting_works_once_and_ends_all_sessions(cast, ada):
    browser = stranger()
    page = browser.submit("/accounts/password/reset/", email="Ada@Northwind.Example", follow=True)
    assert "A mail is on its way" in page
    link = link_in_mail()
    form = browser.get(browser.get(link)["Location"])
    assert link.split("-")[-1].strip("/") not in form.source, "the secret of the link is in the page"
    done = browser.post(
        form.one("main form").get("action"), form.fields() | {"password1": NEW, "password2": NEW}, follow=True
    )
    assert done.one("h1").text == "Password changed"
    assert sign_in(stranger(), cast.ada.email, NEW).status == 302
    assert not is_signed_in(ada)
    assert "does not work any more" in stranger().get(link)


@pytest.mark.parametrize("email", ["ada@northwind.example", "nobody@example.com"])
def test_the_mail_leads_to_the_dashboards_own_address_whatever_name_it_was_called_by(cast, settings, email):
    settings.ALLOWED_HOSTS = [".latchkey.example"]
    thief = stranger()
    thief.client.defaults["HTTP_HOST"] = "thief.latchkey.example"
    assert thief.submit("/accounts/password/reset/", email=email).status == 302
    assert "thief" not in mail.outbox[0].body
    assert link_in_mail().startswith("/accounts/")


def test_a_reset_link_that_is_none_says_so():
    assert "does not work any more" in stranger().get("/accounts/password/reset/key/1-nonsense/")


def test_asking_for_an_unknown_address_is_answered_like_a_known_one(cast):
    browsers = stranger(), stranger()
    pages = [
        browser.submit("/accounts/password/reset/", email=email)
        for browser, email in zip(browsers, (cast.ada.email, "nobody@example.com"), strict=True)
    ]
    known, unknown = [(page.status, page["Location"], set(page.response.cookies)) for page in pages]
    assert known == unknown
    assert browsers[0].get(pages[0]["Location"]).text == browsers[1].get(pages[1]["Location"]).text
    assert [m.subject for m in mail.outbox] == ["Set a new password", "No account with this address"]


def test_opening_another_persons_reset_link_signs_nobody_out(cast, ada):
    stranger().submit("/accounts/password/reset/", email=cast.mallory.email)
    ada.get(ada.get(link_in_mail())["Location"])
    assert is_signed_in(ada)
    assert ada.get(CHANGE).text.count(cast.ada.email) >= 1


def test_confirming_the_password_once_more_goes_on(cast, ada):
    page = ada.submit("/accounts/reauthenticate/?next=/accounts/email/", password="wrong")
    assert page.texts("#id_password_error") == ["This is not your password."]
    form = ada.get("/accounts/reauthenticate/?next=/accounts/email/").fields()
    page = ada.post("/accounts/reauthenticate/", form | {"password": "correct horse battery"})
    assert page["Location"] == "/accounts/email/"


def test_a_person_without_a_password_sets_none_with_an_open_session_alone(cast, as_user):
    cast.ben.set_unusable_password()
    cast.ben.save(update_fields=["password"])
    ben = as_user(cast.ben)
    assert ben.get(CHANGE)["Location"] == "/accounts/password/set/"
    for page in (
        ben.get("/accounts/password/set/"),
        ben.post("/accounts/password/set/", {"password1": NEW, "password2": NEW}),
    ):
        assert page["Location"].startswith("/accounts/password/reset/"), "Ben has nothing else to confirm with"
    cast.ben.refresh_from_db()
    assert not cast.ben.has_usable_password()
