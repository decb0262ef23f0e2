"""What a person does on the way in, for the tests of this folder."""

import re

from django.conf import settings
from django.core import mail
from django.test import Client

from tests.factories import PASSWORD
from tests.page import Browser, Page


def stranger() -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(Client())


def register(browser: Browser, email: str = "grace@hopper.example", **changes: str) -> Page:
    """Send the registration form; the answer is not followed."""
    fields = {"email": email, "password1": PASSWORD, "organization": "Hopper Maps", "time_zone": "Asia/Kolkata"}
    return browser.submit("/accounts/signup/", **(fields | changes))


def sign_in(browser: Browser, email: str, password: str = PASSWORD, **more: str) -> Page:
    """Send the sign-in form; the answer is not followed."""
    return browser.post("/accounts/login/", {"login": email, "password": password} | more)


def confirm(browser: Browser, password: str = PASSWORD) -> Page:
    """Say once more who it is."""
    return browser.submit("/accounts/reauthenticate/", selector=".signin-form", password=password)


def link_in_mail(number: int = -1) -> str:
    """The path of the only link of a mail that was sent."""
    found = re.findall(rf"{settings.DASHBOARD_URL}(/\S+)", mail.outbox[number].body)
    assert len(found) == 1, mail.outbox[number].body
    return found[0]


def is_signed_in(browser: Browser) -> bool:
    """Whether a page for people with an account opens."""
    return browser.get("/accounts/password/change/").status == 200
