"""Limits on guessing, for each account and each address, over all processes."""

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection

from tests.accounts.journey import register, sign_in, stranger
from tests.factories import UserFactory
from tests.page import Browser

pytestmark = pytest.mark.django_db
TOO_MANY = "Too many attempts with this address. Wait five minutes, then try again."

GUESS = """
import django
django.setup()
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django.test import Client
for _ in range(3):
    answer = Client().post("/accounts/login/", {"login": "target@example.com", "password": "wrong"})
    assert "do not match" in answer.content.decode(), answer.content.decode()
"""


def from_address(address: str) -> Browser:
    browser = stranger()
    browser.client.defaults["REMOTE_ADDR"] = address
    return browser


@pytest.mark.parametrize("email", ["ada@northwind.example", "nobody@example.com"])
def test_the_sixth_guess_at_an_account_is_refused_from_wherever_it_comes(cast, email):
    for number in range(5):
        page = sign_in(from_address(f"10.0.0.{number}"), email, "wrong")
        assert page.texts("[role=alert]") == ["Address and password do not match."]
    page = sign_in(from_address("10.0.1.1"), email.upper(), "wrong")
    assert page.texts("[role=alert]") == [TOO_MANY]
    page = sign_in(from_address("10.0.1.2"), email)
    assert page.texts("[role=alert]") == [TOO_MANY], "also the right password waits"


def test_the_tenth_account_tried_from_one_address_is_the_last(db):
    answers = [
        sign_in(from_address("10.9.9.9"), f"p{n}@example.com", "wrong").texts("[role=alert]")[0] for n in range(11)
    ]
    assert answers[9] == "Address and password do not match."
    assert answers[10] == TOO_MANY


def test_two_processes_share_one_limit(transactional_db):
    UserFactory(email="target@example.com")
    url = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(url._replace(path="/" + connection.settings_dict["NAME"]))
    subprocess.run([sys.executable, "-c", GUESS], env=os.environ | {"DATABASE_URL": url}, check=True, timeout=60)
    answers = [
        sign_in(from_address("10.0.0.9"), "target@example.com", "wrong").texts("[role=alert]")[0] for _ in range(3)
    ]
    assert answers == ["Address and password do not match."] * 2 + [TOO_MANY]


def test_a_header_that_anybody_can_send_does_not_change_the_address(cast):
    for number in range(11):
        page = from_address("10.9.9.9").client.post(
            "/accounts/login/",
            {"login": f"p{number}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )
    assert TOO_MANY in page.content.decode()


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(cast, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(12):
        page = from_address("127.0.0.1").client.post(
            "/accounts/login/",
            {"login": f"p{number}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"6.6.6.6, 10.0.0.{number}"},
        )
        assert TOO_MANY not in page.content.decode()


def test_registering_and_resetting_are_limited_too(db):
    pages = [register(from_address("10.1.1.1"), f"new{n}@example.com", password1="short") for n in range(21)]
    assert {page.status for page in pages[:20]} == {200}
    assert pages[20].status == 429
    assert "Too many attempts" in pages[20].one("h1").text
    sent = [
        from_address(f"10.2.2.{n}").post("/accounts/password/reset/", {"email": "a@example.com"}).status
        for n in range(6)
    ]
    assert sent == [302] * 5 + [429]
    assert len(mail.outbox) == 5


def test_confirming_ones_own_password_is_limited(cast, ada):
    statuses = [ada.post("/accounts/reauthenticate/", {"password": "wrong"}).status for _ in range(11)]
    assert statuses[-1] == 429


def test_the_limits_are_kept_in_the_database(cast):
    sign_in(stranger(), cast.ada.email, "wrong")
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cache")
        keys = [row[0] for row in cursor.fetchall()]
    assert any("login_failed" in key for key in keys)
    assert not any(cast.ada.email in key for key in keys)
    cache.clear()
