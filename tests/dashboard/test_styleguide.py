"""The page of all components."""

import re
from pathlib import Path

from django.test import Client

from tests.page import Browser

STYLES = Path(__file__).resolve().parents[2] / "static/css/components"


def test_every_component_is_on_the_page(db, ada):
    page = ada.get("/styleguide/")
    assert page.status == 200
    for selector in (
        ".button[data-kind=primary]", "input.input", "fieldset.field", "[aria-invalid=true]", ".menu[popover]", ".panel", ".table",
        ".state", ".tabs", ".segments", ".toast", ".empty", ".skeleton", ".pager", ".copy", ".snippet", ".notice", ".share",
        ".chart .plot path[data-series='1']", ".chart .line", ".chart .limit", ".chart .flag", ".chart .numbers td", ".chart .legend a",
        ".dialog", ".menu a[data-danger]", ".key-row .facts", ".key-row .spark",
    ):  # fmt: skip
        assert page.all(selector), selector
    named = re.findall(r'\[data-token="([a-z0-9-]+)"\]', (STYLES / "styleguide.css").read_text())
    assert [item.get("data-token") for item in page.all("[data-token]")] == named
    assert page.all("[style]") == []


def test_production_has_no_such_page(db, ada, settings):
    settings.DEVELOPMENT = False
    for browser in (ada, Browser(Client())):
        assert browser.get("/styleguide/").status == 404
    assert not ada.get("/keys/").all("a[href='/styleguide/']")
