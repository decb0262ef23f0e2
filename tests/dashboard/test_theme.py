"""Light, dark or as the system: chosen in the account menu, remembered by this device."""

import pytest
from django.test import Client

from tests.page import Browser, Page

pytestmark = pytest.mark.django_db


def worn(page: Page) -> tuple[str | None, str | None]:
    return page.one("html").get("data-theme"), page.one("meta[name=color-scheme]").get("content")


def pressed(page: Page) -> list[str]:
    return [each.get("value") for each in page.all("button[name=theme][aria-pressed=true]")]


def test_without_a_choice_pages_follow_the_system(ada):
    page = ada.get("/keys/")
    assert worn(page) == ("system", "light dark")
    assert pressed(page) == ["system"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_choice_holds_for_the_next_pages_from_their_first_byte(ada, theme):
    answer = ada.client.post("/theme/", {"theme": theme}, headers={"Referer": "http://testserver/keys/?state=unused"})
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/keys/?state=unused")
    for path in ("/keys/", "/analytics/", "/nowhere/"):
        assert worn(ada.get(path)) == (theme, theme)
    assert pressed(ada.get("/keys/")) == [theme]


def test_the_system_takes_the_choice_back(ada):
    ada.post("/theme/", {"theme": "dark"})
    ada.post("/theme/", {"theme": "system"})
    assert worn(ada.get("/keys/")) == ("system", "light dark")


def test_with_htmx_the_buttons_are_swapped_and_the_page_told(ada):
    page = ada.post("/theme/", {"theme": "dark"}, htmx=True)
    assert page.status == 200
    assert pressed(page) == ["dark"]
    assert page["HX-Trigger"] == '{"theme": "dark"}'
    assert not page.all("html > head > title")


@pytest.mark.parametrize("given", ["", "pink", '"><script>'])
def test_what_is_no_theme_is_refused_and_a_cookie_that_is_none_is_not_believed(ada, given):
    assert ada.post("/theme/", {"theme": given}).status == 400
    ada.client.cookies["latchkey_theme"] = "pink"
    assert worn(ada.get("/keys/")) == ("system", "light dark")


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_choosing_never_leads_to_another_site(ada, page):
    answer = ada.client.post("/theme/", {"theme": "dark"}, headers={"Referer": page})
    assert answer["Location"] == "/"


def test_another_site_cannot_choose_and_looking_does_not(cast):
    strict = Browser(Client(enforce_csrf_checks=True))
    assert strict.post("/theme/", {"theme": "dark"}).status == 403
    assert strict.get("/theme/").status == 405


def test_the_admin_wears_what_was_chosen(cast, as_user):
    sam = as_user(cast.sam)
    sam.post("/theme/", {"theme": "dark"})
    page = sam.get("/admin/")
    assert page.one("meta[name=color-scheme]").get("content") == "dark"
    assert pressed(page) == ["dark"]
    assert not [script for script in page.all("script") if "theme" in script.get("src")]


def test_staff_who_view_as_a_customer_may_choose_too(cast, as_user):
    sam = as_user(cast.sam)
    sam.submit(f"/support/organizations/{cast.northwind.public_id}/view-as/", reason="They asked")
    assert sam.get("/keys/").one(".visit") is not None
    assert sam.post("/theme/", {"theme": "light"}).status == 302
    assert worn(sam.get("/keys/"))[0] == "light"
