"""What a page weighs on its way, compressed as the proxies of `deploy/` do it."""

import gzip
import re
from pathlib import Path, PurePosixPath

import pytest
from django.contrib.staticfiles import finders

from tests.factories import KeyFactory
from tests.page import Page

pytestmark = pytest.mark.django_db

FIRST_LOAD, ONE_CARD = 60 * 1024, 10 * 1024


def weight(content: bytes) -> int:
    return len(gzip.compress(content, 6))


def files_of(page: Page) -> dict[str, bytes]:
    """Every file of ours that a browser loads with a page, by its path below /static/: also what stylesheets import."""
    named = [each.get("href") or each.get("src") for each in page.all("link[href], script[src], img[src], use[href]")]
    waiting = [name.removeprefix("/static/").split("#")[0] for name in named if name.startswith("/static/")]
    found: dict[str, bytes] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = finders.find(name)
        assert path is not None, name
        found[name] = Path(path).read_bytes()
        if name.endswith(".css"):
            imported = re.findall(r'@import url\("([^"]+)"\)', found[name].decode())
            waiting += [str(PurePosixPath(name).parent / each) for each in imported]
    return found


def test_the_first_load_of_the_keys_weighs_at_most_60_kilobytes_in_all(ada, cast):
    KeyFactory(organization=cast.northwind)
    KeyFactory(organization=cast.northwind, allowed_domains=["shop.example"])
    page = ada.get("/keys/")
    files = files_of(page)
    assert {"css/app.css", "css/tokens.css", "js/shell.js", "img/icons.svg", "img/favicon.svg"} <= set(files)
    assert any("htmx" in name for name in files)
    weights = {name: weight(content) for name, content in files.items()} | {"the page": weight(page.response.content)}
    assert sum(weights.values()) <= FIRST_LOAD, sorted(weights.items(), key=lambda each: -each[1])


def test_a_card_weighs_at_most_10_kilobytes(ada, cast):
    url = f"/keys/{cast.key.public_id}/edit/"
    card = ada.submit(url, htmx=True, selector="form", name="Fleet")
    assert len(card.all("li.key-row")) == 1
    dialogs = [ada.get(url.replace("edit", name), htmx=True) for name in ("edit", "rotate", "delete", "qps")]
    assert [page.status for page in dialogs] == [200] * 4
    assert all(weight(page.response.content) <= ONE_CARD for page in (card, *dialogs))
