"""The pages that say what went wrong."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.test import Client

from dashboard import views
from dashboard.waiting import TOO_LONG
from tests.page import Browser, Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing(monkeypatch):
    """Have the home page raise what a test says."""

    def fail(error: Exception) -> Browser:
        def boom(*args):
            raise error

        monkeypatch.setattr(views.mail, "latest", boom)
        return Browser(Client(raise_request_exception=False))

    return fail


def test_a_page_that_is_not_there_looks_like_the_rest(ada):
    for page in (ada.get("/nowhere/"), Browser(Client()).get("/nowhere/")):
        assert page.status == 404
        assert page.one("h1").text == "There is no such page"
        assert page.one("header .wordmark") is not None
    assert "nowhere" not in page.text


def test_a_refusal_says_the_reason(cast, as_user):
    page = as_user(cast.vera).post(f"/keys/{cast.key.public_id}/reveal/")
    assert page.status == 403
    assert "Your role is viewer: you can look, but not copy or change anything." in page


def test_the_reason_of_a_refusal_is_text(failing):
    page = failing(PermissionDenied("<script>alert(1)</script>")).get("/mail/")
    assert page.status == 403
    assert "<script>alert(1)</script>" in page.one(".trouble").text_content()


def test_a_failure_shows_its_tracking_id_and_nothing_else_of_it(failing):
    page = failing(RuntimeError("the secret detail")).get("/mail/")
    assert page.status == 500
    assert page.one("h1").text == "Something broke on our side"
    assert page.one("code").text == page["Tracking-ID"]
    assert "secret detail" not in page.source


def test_the_page_of_a_failure_needs_neither_database_nor_context(django_assert_num_queries, rf):
    with django_assert_num_queries(0):
        page = Page(views.broken(rf.get("/")))
    assert page.status == 500
    assert "Something broke" in page


def test_a_failing_database_is_a_page_too(monkeypatch):
    from django.db import OperationalError

    def refuse(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    client = Client(raise_request_exception=False)
    client.cookies["latchkey_session"] = "x" * 32
    page = Page(client.get("/keys/"))
    assert page.status == 500
    assert "Something broke" in page
    assert client.get("/livez", headers={"Cookie": ""}).status_code == 200


def test_a_malformed_request_looks_like_the_rest(failing):
    browser = failing(SuspiciousOperation("odd"))
    browser.client.cookies["latchkey_theme"] = "dark"
    page = browser.get("/mail/")
    assert (page.status, page.one("html").get("data-theme")) == (400, "dark")
    assert page.one("h1").text == "We cannot read this request"


def test_a_foreign_host_is_refused():
    page = Page(Client().get("/accounts/login/", headers={"Host": "evil.example"}))
    assert page.status == 400
    assert "evil.example" not in page.source


@pytest.mark.parametrize("path", ["/nowhere/", "/mail/"])
def test_each_error_page_has_one_heading_and_a_way_on(failing, path):
    page = failing(PermissionDenied()).get(path)
    assert len(page.all("h1")) == 1
    assert page.one(".trouble .button").get("href")


@pytest.fixture
def maintenance(tmp_path, settings):
    """Turn maintenance on: a function that takes what the provider says."""
    settings.MAINTENANCE_PATH = tmp_path / "maintenance"
    return settings.MAINTENANCE_PATH.write_text


def test_maintenance_turns_every_page_away_without_the_database_and_ends_by_itself(
    ada, maintenance, settings, django_assert_num_queries
):
    assert ada.get("/keys/").status == 200
    maintenance("Back at <b>14:00</b>.")
    with django_assert_num_queries(0):
        pages = [ada.get("/keys/"), ada.get("/keys/", htmx=True), ada.get("/admin/")]
        pages.append(Page(ada.client.post("/accounts/logout/")))
    for page in pages:
        assert (page.status, page["Retry-After"], page["Cache-Control"]) == (503, "300", "no-store")
        assert page.one("h1").text == "The dashboard is under maintenance"
        assert "Keys go on working" in page
        assert "Back at <b>14:00</b>." in page.one(".trouble").text_content()
        assert page.one(".trouble .button") is not None
        assert "default-src 'none'" in page["Content-Security-Policy"]
    assert ada.client.get("/livez").status_code == ada.client.get("/readyz").status_code == 200
    settings.MAINTENANCE_PATH.unlink()
    assert ada.get("/keys/").status == 200, "signing out was not done"


def test_the_page_of_who_waited_too_long_needs_no_database_and_has_a_way_on(ada, django_assert_num_queries):
    """When it comes is shown in test_waiting.py."""
    ada.client.cookies["latchkey_theme"] = "dark"
    with django_assert_num_queries(0):
        page = Page(ada.client.get("/keys/", **{TOO_LONG: True}))
    assert (page.status, page["Retry-After"], page.one("html").get("data-theme")) == (503, "10", "dark")
    assert page.one(".trouble .button") is not None


def test_a_form_without_its_token_is_refused_with_words_and_a_way_on(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ada)
    page = Page(client.post(f"/keys/{cast.key.public_id}/delete/", {"name": "Fleet tracking"}))
    assert page.status == 403
    assert page.one("h1").text == "This form was not accepted"
    assert page.one(".trouble .button").get("href") == f"/keys/{cast.key.public_id}/delete/"
    cast.key.refresh_from_db()
    assert cast.key.deleted_at is None


def test_too_many_attempts_are_a_page_with_a_way_on():
    browser = Browser(Client())
    for _ in range(40):
        page = browser.post("/accounts/login/", {"login": "nobody@northwind.example", "password": "wrong"})
        if page.status == 429:
            break
    assert page.status == 429
    assert page.one("h1").text == "Too many attempts"
    assert page.one(".trouble .button").get("href") == "/accounts/login/"
