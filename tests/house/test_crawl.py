"""Follow every link as every kind of person: no key and no markup of people in any page, no server error, nothing changed by looking."""

import datetime as dt
import re
from collections import Counter, deque
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.apps import apps
from django.core import serializers

from accounts.models import User
from dashboard.waiting import FILES
from keys.models import QpsRequest
from support.models import SupportNote
from tests.alerts.making import make_alert
from tests.factories import KeyFactory, products, string_of
from tests.support.staff import log_request

LOOKED_AT = {"accounts.AuditEvent", "sessions.Session", "accounts.User"}
"""What looking may write: the audit of support's look-ups, the session, the last sign-in."""


def database() -> dict[str, str]:
    return {
        model._meta.label: serializers.serialize("json", model.objects.order_by("pk"))
        for model in apps.get_models()
        if model._meta.label not in LOOKED_AT and not model._meta.label.startswith(("contenttypes", "auth."))
    }


MARKUP = '"><img src=x onerror=alert(1)>'


def write_markup(cast) -> None:
    """Put it into what people write, and into what their programs say of themselves."""
    cast.northwind.rename(by=cast.ada, name=f"Northwind {MARKUP}")
    User.objects.filter(pk__in=(cast.ada.pk, cast.ben.pk)).update(first_name=MARKUP)
    key = KeyFactory(organization=cast.northwind, name=MARKUP)
    key.disable(by=cast.sam, reason=MARKUP, as_staff=True)
    make_alert(key, name=MARKUP).try_out(by=cast.ada)
    for product in products("search", "map-display"):
        asked = {"requested": 70, "reason": MARKUP, "by": cast.ben}
        wish = QpsRequest.submit(key=cast.key, product=product, **asked)
    wish.reject(by=cast.sam, note=MARKUP)
    SupportNote.write(target=cast.key, text=MARKUP, by=cast.sam)
    log_request(cast.key, host=MARKUP, client=MARKUP[:32], network="192.0.2.0/24")


EACH, EACH_IN_ADMIN = 6, 2
"""So many pages of a kind are looked at: of one route, with and without filters."""


def kind_of(url: str) -> tuple[str, bool]:
    path, mark, _ = url.partition("?")
    return re.sub(r"/(\d+|[a-z]+_[0-9A-Z]{16})/", "/…/", path), bool(mark)


def crawl(browser, *starts: str) -> dict[str, str]:
    """Return the source of the pages that links lead to, by address."""
    waiting, pages, kinds = deque(starts), {}, Counter()
    while waiting:
        url = waiting.popleft()
        if url in pages:
            continue
        page = browser.get(url)
        assert page.status < 500, url
        assert not page.response.streaming or urlsplit(url).path.endswith(FILES), (
            "dashboard/waiting.py knows files by address"
        )
        pages[url] = page.source if "html" in page.response.get("Content-Type", "") else ""
        for link in page.all("a[href]") if pages[url] else ():
            target = urldefrag(urljoin(url, link.get("href"))).url
            is_ours = target.startswith("/") and not target.startswith(("//", "/static/", "/admin/jsi18n"))
            most = EACH_IN_ADMIN if target.startswith("/admin/") else EACH
            if is_ours and target not in pages and target not in waiting and kinds[kind_of(target)] < most:
                kinds[kind_of(target)] += 1
                waiting.append(target)
    return pages


@pytest.mark.parametrize("who", ["ada", "ben", "vera", "mallory", "sam"])
def test_no_page_that_links_lead_to_holds_a_key_or_markup_or_changes_anything(cast, as_user, who):
    grace = KeyFactory(organization=cast.northwind, name="In grace")
    old = string_of(grace)
    grace.rotate(by=cast.ada, version=grace.version, delay=dt.timedelta(hours=5))
    strings = [old] + [string_of(key) for key in (cast.key, cast.other_key, grace)]
    write_markup(cast)
    person = getattr(cast, who)
    before = database()
    pages = crawl(as_user(person), "/keys/", *(["/support/", "/admin/"] if who == "sam" else []))
    print(f"{who}: {len(pages)} pages")
    assert len(pages) >= (100 if who == "sam" else 20)
    for url, source in pages.items():
        for string in strings:
            assert string not in source, url
            assert string[8:20] not in source, url
        assert "<img src=x" not in source, url
    assert sum("&lt;img src=x" in source for source in pages.values()) >= (0 if who == "mallory" else 10)
    assert database() == before
    if who == "mallory":
        assert not any("Northwind" in source or cast.key.public_id in source for source in pages.values())
