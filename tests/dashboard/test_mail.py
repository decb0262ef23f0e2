"""Mail in development: kept, shown, with links that lead to this site only."""

import pytest
from django.core.mail import EmailMessage, get_connection

from tests.accounts.journey import register, stranger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _kept(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "dashboard.mail.DevelopmentBackend"


def send(body: str, subject: str = "Hello") -> None:
    EmailMessage(subject, body, to=["ada@northwind.example"], connection=get_connection()).send()


def test_without_mail_the_page_says_so():
    page = stranger().get("/mail/")
    assert "No mail yet" in page
    assert page.one(".empty .button").get("href") == "/accounts/signup/"


def test_the_whole_journey_by_clicking(db):
    browser = stranger()
    page = browser.get(register(browser)["Location"])
    link = page.one("main .notice a[href='/mail/']")
    mail = browser.get(link.get("href"))
    assert "To grace@hopper.example" in mail
    confirm = mail.one("pre a").get("href").removeprefix("http://testserver")
    assert browser.submit(confirm)["Location"].endswith("/start/")


def test_the_page_after_asking_for_a_reset_leads_to_the_mail():
    browser = stranger()
    page = browser.submit("/accounts/password/reset/", email="nobody@example.com", follow=True)
    assert page.one("main .notice a").get("href") == "/mail/"


def test_markup_in_a_mail_stays_text():
    attack = 'Hi <img src=x onerror=alert(1)> http://testserver/"onmouseover="x http://testserver/<b>'
    send(attack, subject="<script>alert(2)</script>")
    page = stranger().get("/mail/")
    assert page.one("pre").text_content() == attack
    assert page.one(".mails h2").text == "<script>alert(2)</script>"
    assert page.all("pre img, pre b, .mails script, [onmouseover]") == []


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/", "http://testserver.evil.example/", "http://testserver@evil.example/",
        "http://evil.example/?http://testserver/", "javascript:alert(1)", "https://[", "//testserver/x", "ftp://testserver/",
    ],
)  # fmt: skip
def test_addresses_of_other_sites_are_no_links(text):
    send(text)
    page = stranger().get("/mail/")
    assert page.one("pre").text_content().strip() == text
    assert page.all("pre a") == []


def test_the_newest_mail_is_first_and_twenty_are_shown():
    for number in range(22):
        send("x", subject=f"Mail {number}")
    headings = stranger().get("/mail/").texts(".mails h2")
    assert len(headings) == 20
    assert headings[0] == "Mail 21"


def test_production_has_no_such_page(settings):
    settings.DEVELOPMENT = False
    assert stranger().get("/mail/").status == 404
    assert "read the mail here" not in stranger().get("/accounts/confirm-email/")
