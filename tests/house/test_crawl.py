"""Follow every link as every kind of person: no key in any page, no server error, nothing changed by looking."""

import datetime as dt
from collections import deque
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.apps import apps
from django.core import serializers

from tests.factories import KeyFactory, string_of

LOOKED_AT = {"accounts.AuditEvent", "sessions.Session", "accounts.User"}
"""What looking may write: the audit of support's look-ups, the session, the last sign-in."""


def database() -> dict[str, str]:
    return {
        model._meta.label: serializers.serialize("json", model.objects.order_by("pk"))
        for model in apps.get_models()
        if model._meta.label not in LOOKED_AT and not model._meta.label.startswith(("contenttypes", "auth."))
    }


def crawl(browser, start: str, most: int = 400) -> dict[str, str]:
    """Return the source of every page that links lead to, by address."""
    waiting, pages = deque([start]), {}
    while waiting and len(pages) < most:
        url = waiting.popleft()
        if url in pages:
            continue
        page = browser.get(url)
        assert page.status < 500, url
        pages[url] = page.source if "html" in page.response.get("Content-Type", "") else ""
        if not pages[url]:
            continue
        for link in page.all("a[href]"):
            target = urldefrag(urljoin(url, link.get("href"))).url
            if (
                not urlsplit(target).netloc
                and target.startswith("/")
                and not target.startswith(("/static/", "/admin/jsi18n"))
            ):
                if (
                    target.count("?")
                    and pages
                    and sum(known.split("?")[0] == target.split("?")[0] for known in pages) > 12
                ):
                    continue  # enough of one page's filters
                waiting.append(target)
    return pages


@pytest.mark.parametrize("who", ["ada", "ben", "vera", "mallory", "sam"])
def test_no_page_that_links_lead_to_holds_a_key_or_changes_anything(cast, as_user, who):
    grace = KeyFactory(organization=cast.northwind, name="In grace")
    old = string_of(grace)
    grace.rotate(by=cast.ada, version=grace.version, delay=dt.timedelta(hours=5))
    strings = [old] + [string_of(key) for key in (cast.key, cast.other_key, grace)]
    person = getattr(cast, who)
    before = database()
    pages = crawl(as_user(person), "/support/" if who == "sam" else "/keys/")
    again = crawl(as_user(person), "/admin/" if who == "sam" else "/analytics/")
    assert len(pages) >= 5
    for url, source in (pages | again).items():
        for string in strings:
            assert string not in source, url
            assert string[8:20] not in source, url
    assert database() == before
    if who == "mallory":
        assert not any("Northwind" in source or cast.key.public_id in source for source in pages.values())
