"""In which language pages are: that of the account, else of the device, else of the browser."""

import pytest
from django.test import Client

from accounts.models import User
from dashboard import languages
from tests.page import Browser, Page

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def stranger() -> Browser:
    return Browser(Client(headers=GERMAN))


def spoken(page: Page) -> tuple[str | None, list[str]]:
    pressed = [button.get("value") for button in page.all("button[name=language][aria-pressed=true]")]
    return page.one("html").get("lang"), pressed


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("de-AT,de;q=0.9", "de"), ("fr,de;q=0.5", "de"), ("en-US,de;q=0.5", "en-GB"), ("fr", "en-GB"), ("", "en-GB")],
)
def test_the_browser_decides_for_who_has_chosen_nothing(db, asked, answered):
    page = Browser(Client(headers={"Accept-Language": asked})).get("/accounts/login/")
    assert spoken(page)[0] == page["Content-Language"] == answered
    assert {"Accept-Language", "Cookie"} <= set(page["Vary"].split(", "))


def test_a_choice_holds_on_this_device_against_the_browser(stranger):
    answer = stranger.client.post("/language/", {"language": "en-gb"}, headers={"Referer": "http://testserver/x/"})
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/x/")
    assert spoken(stranger.get("/accounts/login/")) == ("en-GB", ["en-gb"])
    assert spoken(stranger.get("/nowhere/"))[0] == "en-GB"


def test_a_choice_of_who_is_signed_in_holds_on_every_device(cast, as_user):
    ada = as_user(cast.ada)
    ada.post("/language/", {"language": "de"})
    elsewhere = as_user(cast.ada)
    assert spoken(elsewhere.get("/keys/")) == ("de", ["de"])
    assert elsewhere.get("/keys/")["Content-Language"] == "de"
    assert spoken(as_user(cast.ben).get("/keys/"))[0] == "en-GB"
    ada.post("/language/", {"language": "en-gb"})
    assert spoken(elsewhere.get("/keys/"))[0] == "en-GB"


def test_the_account_decides_against_cookie_and_browser(cast):
    User.objects.filter(pk=cast.ada.pk).update(language="en-gb")
    client = Client(headers=GERMAN)
    client.cookies["latchkey_language"] = "de"
    client.force_login(cast.ada)
    assert spoken(Browser(client).get("/keys/"))[0] == "en-GB"


def test_one_answer_leaves_nothing_for_the_next(cast, as_user, stranger):
    assert spoken(stranger.get("/accounts/login/"))[0] == "de"
    assert spoken(as_user(cast.ada).get("/keys/"))[0] == "en-GB"


def test_who_registers_goes_on_in_the_language_of_registering(stranger):
    stranger.submit("/accounts/signup/", email="jo@new.example", password1="correct horse battery", organization="New")
    assert User.objects.get(email="jo@new.example").language == "de"


def test_a_choice_is_taken_back_on_this_device(stranger):
    stranger.post("/language/", {"language": "en-gb"})
    stranger.post("/language/", {"language": ""})
    assert not stranger.client.cookies["latchkey_language"].value
    assert spoken(stranger.get("/accounts/login/")) == ("de", [""])


def test_a_choice_is_taken_back_in_the_account_and_mails_are_in_english_then(cast, as_user):
    ada = as_user(cast.ada)
    ada.post("/language/", {"language": "de"})
    assert spoken(ada.get("/keys/")) == ("de", ["de"])
    ada.post("/language/", {"language": ""})
    assert spoken(ada.get("/keys/")) == ("en-GB", [""])
    cast.ada.refresh_from_db()
    assert (cast.ada.language, languages.of(cast.ada)) == ("", "en-gb")


@pytest.mark.parametrize("given", ["fr", '"><script>'])
def test_what_is_no_language_is_refused_and_a_cookie_that_is_none_is_not_believed(ada, given):
    assert ada.post("/language/", {"language": given}).status == 400
    assert ada.post("/language/", {}).status == 400
    ada.client.cookies["latchkey_language"] = "../../etc"
    assert spoken(ada.get("/keys/"))[0] == "en-GB"


def test_another_site_cannot_choose_and_looking_does_not(cast):
    strict = Browser(Client(enforce_csrf_checks=True))
    assert strict.post("/language/", {"language": "de"}).status == 403
    assert strict.get("/language/").status == 405


def test_staff_who_view_as_a_customer_choose_for_themselves(cast, as_user):
    sam = as_user(cast.sam)
    sam.submit(f"/support/organizations/{cast.northwind.public_id}/view-as/", reason="They asked")
    assert sam.post("/language/", {"language": "de"}).status == 302
    assert set(User.objects.exclude(language="").values_list("email", flat=True)) == {cast.sam.email}
