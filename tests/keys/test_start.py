"""From registering to the first request."""

import datetime as dt

import pytest
from django.utils import timezone

from keys.models import ApiKey
from tests.accounts.journey import link_in_mail, register, sign_in, stranger
from tests.analytics.usage import record
from tests.factories import KeyFactory, string_of

pytestmark = pytest.mark.django_db


def start_of(key: ApiKey) -> str:
    return f"/keys/{key.public_id}/start/"


def use(key: ApiKey) -> None:
    """Have the key's first request shipped."""
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - dt.timedelta(seconds=3))


def test_the_page_has_the_key_the_request_in_four_forms_and_waits(ada, cast):
    page = ada.get(start_of(cast.key))
    assert page.one("h1").text == "From the key to the first request"
    assert page.one("form[data-copy-key]").get("action") == f"/keys/{cast.key.public_id}/reveal/"
    assert [each.get("data-language") for each in page.all(".snippet pre")] == ["url", "curl", "javascript", "python"]
    assert all("YOUR_API_KEY" in text for text in page.texts(".snippet pre"))
    assert "Waiting for the first request." in page.one("[role=status] [data-poll]").text_content()
    assert string_of(cast.key) not in page.source


def test_only_this_page_may_ask_the_gateway_and_nothing_else(ada, cast, settings):
    policy = ada.get(start_of(cast.key))["Content-Security-Policy"]
    assert f"connect-src 'self' {settings.GATEWAY_ORIGIN};" in f"{policy};"
    assert "img-src 'self' data:;" in f"{policy};"
    for url in ("/keys/", f"/keys/{cast.key.public_id}/", "/analytics/"):
        assert settings.GATEWAY_ORIGIN not in ada.get(url)["Content-Security-Policy"]


def test_asking_again_changes_nothing_until_the_first_request_has_come(ada, cast):
    waiting = ada.get(start_of(cast.key), htmx=start_of(cast.key))
    assert (waiting.status, waiting.source) == (204, "")
    use(cast.key)
    arrived = ada.get(start_of(cast.key), htmx=start_of(cast.key))
    assert arrived.status == 200
    assert arrived.one("[data-arrived] b").text == "The first request has arrived."
    assert not arrived.all("[data-poll]"), "nothing asks again"
    assert not arrived.all("h1")


def test_a_refused_request_is_no_success(ada, cast):
    use(cast.key)
    record(cast.key, "map-display", timezone.now(), s403_domain_refused=1)
    page = ada.get(start_of(cast.key))
    assert "the gateway refused it" in page.one("[data-arrived=refused]").text_content()


def test_a_copied_key_is_ticked_off(ada, cast):
    assert not ada.get(start_of(cast.key)).all(".journey > [data-done]")
    cast.key.reveal(by=cast.ada)
    assert len(ada.get(start_of(cast.key)).all(".journey > [data-done]")) == 1


def test_trying_without_a_script_shows_key_and_tile_once_and_says_so_to_no_cache(ada, cast, settings):
    form = ada.get(start_of(cast.key)).one("form[data-try]")
    page = ada.post(form.get("action"), dict(form.form_values()))
    string = string_of(cast.key)
    assert page.one("img").get("src").startswith(f"{settings.GATEWAY_URL}/map/1/tile/")
    assert page.one("img").get("src").endswith(f"&key={string}")
    assert f"img-src 'self' data: {settings.GATEWAY_ORIGIN};" in f"{page['Content-Security-Policy']};"
    assert "no-store" in page["Cache-Control"]
    assert not ada.post(form.get("action")).all("img"), "copying alone sends nothing"


def test_a_key_with_domains_is_not_tried_from_a_page_that_is_none_of_them(ada, cast):
    key = KeyFactory(organization=cast.northwind, allowed_domains=["shop.example"])
    page = ada.get(start_of(key))
    assert not page.all("form[data-try]")
    assert "none of the key’s domains" in page


def test_a_viewer_and_another_customer_do_not_get_there(cast, as_user):
    assert as_user(cast.vera).get(start_of(cast.key)).status == 403
    assert as_user(cast.mallory).get(start_of(cast.key)).status == 404
    assert not [each for each in as_user(cast.vera).get("/keys/").all("a") if "/start/" in each.get("href", "")]


def test_who_confirms_their_address_lands_there_once(cast):
    browser = stranger()
    register(browser)
    page = browser.submit(link_in_mail())
    key = ApiKey.objects.get(name="My first API key")
    assert page["Location"] == start_of(key)
    assert browser.get(page["Location"]).status == 200
    browser.post("/accounts/logout/")
    assert sign_in(browser, "grace@hopper.example")["Location"] == "/keys/"
