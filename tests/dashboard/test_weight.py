"""What a page weighs on its way, compressed as the proxies of `deploy/` do it."""

import gzip
import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from dashboard.static_files import in_one_piece
from tests.factories import KeyFactory
from tests.page import Page

pytestmark = pytest.mark.django_db

FIRST_LOAD, ONE_CARD = 60 * 1024, 10 * 1024


def weight(content: bytes) -> int:
    return len(gzip.compress(content, 6))


def files_of(page: Page) -> dict[str, bytes]:
    """Every file of ours that a browser loads with a page, by its path below /static/, as production has it."""
    named = [each.get("href") or each.get("src") for each in page.all("link[href], script[src], img[src], use[href]")]
    waiting = [name.removeprefix("/static/").split("#")[0] for name in named if name.startswith("/static/")]
    found: dict[str, bytes] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = in_one_piece(name, text_of).encode() if name.endswith(".css") else path_of(name).read_bytes()
    return found


def path_of(name: str) -> Path:
    path = finders.find(name)
    assert path is not None, name
    return Path(path)


def text_of(name: str) -> str:
    return path_of(name).read_text()


def test_the_first_load_of_the_keys_weighs_at_most_60_kilobytes_in_all(ada, cast):
    KeyFactory(organization=cast.northwind)
    KeyFactory(organization=cast.northwind, allowed_domains=["shop.example"])
    page = ada.get("/keys/")
    files = files_of(page)
    assert {"css/app.css", "js/shell.js", "img/icons.svg", "img/favicon.svg"} <= set(files)
    assert any("htmx" in name for name in files)
    weights = {name: weight(content) for name, content in files.items()} | {"the page": weight(page.response.content)}
    assert sum(weights.values()) <= FIRST_LOAD, sorted(weights.items(), key=lambda each: -each[1])


def test_production_serves_each_stylesheet_in_one_piece(settings, tmp_path):
    """Twice, because what is there already is not copied again."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "dashboard.static_files.Storage"}}
    for _ in range(2):
        call_command("collectstatic", interactive=False, verbosity=0)
        hashed = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]["css/app.css"]
        sheet = (tmp_path / hashed).read_text()
        assert "@import" not in sheet
        for part in ("tokens.css", "components/dialog.css"):
            assert text_of(f"css/{part}").strip() in sheet
        assert re.findall(r"^@layer (\w+) \{", sheet, re.M)[:3] == ["reset", "tokens", "tokens"]
        assert (tmp_path / f"{hashed}.br").exists()


def test_a_card_weighs_at_most_10_kilobytes(ada, cast):
    url = f"/keys/{cast.key.public_id}/edit/"
    card = ada.submit(url, htmx=True, selector="form", name="Fleet")
    assert len(card.all("li.key-row")) == 1
    dialogs = [ada.get(url.replace("edit", name), htmx=True) for name in ("edit", "rotate", "delete", "qps")]
    assert [page.status for page in dialogs] == [200] * 4
    assert all(weight(page.response.content) <= ONE_CARD for page in (card, *dialogs))
