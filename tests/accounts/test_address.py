"""Change the e-mail address: the name of the account."""

import pytest
from django.conf import settings
from django.core import mail
from lxml import html

from accounts.models import User
from tests.accounts.journey import link_in_mail, sign_in, stranger
from tests.factories import PASSWORD
from tests.page import Browser, Page

pytestmark = pytest.mark.django_db
PAGE = "/accounts/email/"


@pytest.fixture
def fresh(cast) -> Browser:
    """Ada's browser, a moment after she gave her password."""
    browser = stranger()
    sign_in(browser, cast.ada.email)
    browser.submit("/accounts/reauthenticate/", password=PASSWORD)
    return browser


def ask(browser: Browser, email: str) -> Page:
    return browser.post(PAGE, {"email": email, "action_add": ""})


def test_the_old_address_stays_until_the_new_one_is_confirmed(cast, fresh):
    assert ask(fresh, "ada@new.example").status == 302
    assert mail.outbox[-1].to == ["ada@new.example"]
    link = link_in_mail()
    page = fresh.get(PAGE)
    assert "ada@new.example" in page
    assert cast.ada.email in page
    assert page.all("[style]") == []
    assert sign_in(stranger(), cast.ada.email).status == 302
    fresh.submit(link)
    assert User.objects.get(pk=cast.ada.pk).email == "ada@new.example"
    assert sign_in(stranger(), "ada@northwind.example").status == 200
    assert sign_in(stranger(), "ada@new.example").status == 302
    told = [m for m in mail.outbox if m.subject == "Your address was changed"]
    assert [m.to for m in told] == [["ada@northwind.example"]], "the old address learns of it"


def test_a_change_can_be_sent_again_or_taken_back(cast, fresh):
    ask(fresh, "ada@new.example")
    sent = len(mail.outbox)
    fresh.post(PAGE, {"email": "ada@new.example", "action_send": ""})
    assert len(mail.outbox) == sent, "not twice within three minutes"
    fresh.post(PAGE, {"email": "ada@new.example", "action_remove": ""})
    assert "ada@new.example" not in fresh.get(PAGE).texts("dd")
    assert list(cast.ada.emailaddress_set.values_list("email", flat=True)) == [cast.ada.email]


def test_an_open_session_alone_moves_no_account(cast, ada):
    page = ask(ada, "thief@example.com")
    assert page["Location"].startswith("/accounts/reauthenticate/")
    assert not mail.outbox
    assert list(cast.ada.emailaddress_set.values_list("email", flat=True)) == [cast.ada.email]
    assert ada.submit(page["Location"], password=PASSWORD)["Location"] == PAGE
    assert mail.outbox[-1].to == ["thief@example.com"], "with the password it goes on where it stopped"


def test_another_persons_address_is_not_told_apart_nor_taken(cast, fresh):
    page = ask(fresh, cast.mallory.email)
    assert page.status == ask(fresh, "free@example.com").status == 302
    assert User.objects.get(pk=cast.mallory.pk).email == cast.mallory.email


def test_a_change_that_was_begun_ends_with_the_password(cast, fresh):
    ask(fresh, "thief@example.com")
    link = link_in_mail()
    owner = stranger()
    owner.submit("/accounts/password/reset/", email=cast.ada.email)
    form = owner.get(owner.get(link_in_mail())["Location"])
    new = {"password1": "a wholly different phrase", "password2": "a wholly different phrase"}
    owner.post(form.one("main form").get("action"), form.fields() | new)
    stranger().post(link)
    assert User.objects.get(pk=cast.ada.pk).email == cast.ada.email
    assert "does not work any more" in stranger().get(link)
    assert list(cast.ada.emailaddress_set.values_list("email", flat=True)) == [cast.ada.email]


@pytest.mark.parametrize("value", ["", "none", "ada@northwind.example"])
def test_a_wrong_address_is_refused_at_the_field(fresh, value):
    page = ask(fresh, value)
    assert page.one("#id_email").get("aria-invalid") == "true"


def test_opening_another_persons_link_signs_nobody_out(cast, fresh, ada):
    ask(fresh, "ada@new.example")
    link = link_in_mail()
    other = stranger()
    sign_in(other, cast.mallory.email)
    page = other.get(link)
    assert "Confirming signs you out" in page
    assert other.get("/accounts/password/change/").status == 200


def dressed(number: int) -> html.HtmlElement:
    """The HTML of a mail that was sent, which loads nothing."""
    page = html.fromstring(mail.outbox[number].alternatives[0][0])
    assert page.xpath("//@src | //link | //script | //@style") == []
    return page


def test_mails_of_an_account_look_as_those_of_notices_and_link_only_what_they_are_about(cast, fresh):
    ask(fresh, "ada@new.example")
    page = dressed(-1)
    assert page.cssselect("h1")[0].text_content() == "Confirm your address"
    assert [a.get("href") for a in page.cssselect("main a")] == [f"{settings.DASHBOARD_URL}{link_in_mail()}"]
    fresh.client.defaults["HTTP_USER_AGENT"] = "https://evil.example/ <b>new</b>"
    fresh.submit(
        "/accounts/password/change/",
        oldpassword=PASSWORD,
        password1="other horse battery",
        password2="other horse battery",
    )
    page = dressed(-1)
    assert "https://evil.example/ <b>new</b>" in page.text_content()
    assert page.cssselect("main a, main b") == []
