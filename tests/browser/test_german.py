"""The main job in German on a telephone: longer words fit, and what scripts say is German too."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_look import too_wide

pytestmark = [pytest.mark.browser, pytest.mark.demo]

ENGLISH = re.compile(r"\b(the|and|with|is|are|your|this|every|requests?|used|ago|not|never|until|of)\b", re.I)


def read(page: Page) -> str:
    """Check that a page or its dialog is no wider than the telephone and says no English, and return what it says."""
    assert too_wide(page) == []
    said = page.locator("dialog[open]").or_(page.locator("main")).last.inner_text()
    ours = re.sub(r"<.*?>|“[^”]*”|`[^`]*`", "", said)
    assert ENGLISH.findall(ours) == [], said
    return said


def test_a_person_finds_copies_and_rotates_a_key_and_reads_its_usage_in_german_at_360_pixels(tab, ada):
    page = tab(ada, "/keys/", viewport={"width": 360, "height": 740}, locale="de-DE", reduced_motion="reduce")
    page.get_by_role("button", name="Ihr Konto").click()
    expect(page.get_by_role("button", name="Browser")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.get_by_placeholder("Name, ID oder Domain").fill("Fleet")
    row = page.locator(".key-row").filter(has_text="Fleet tracking backend")
    expect(page.locator(".key-row")).to_have_count(1)
    assert re.search(r"\d\.\d{3} Anfragen", read(page))
    row.get_by_role("button", name="Key von Fleet tracking backend kopieren").click()
    expect(page.get_by_role("status").filter(has_text="Key kopiert. Halten Sie ihn geheim.")).to_be_visible()
    row.get_by_role("button", name="Aktionen für Fleet tracking backend").click()
    page.get_by_role("link", name="Rotieren").click()
    read(page)
    page.get_by_role("link", name="Weiter").click()
    expect(page.get_by_text("Wann hört die alte Zeichenfolge auf zu funktionieren?")).to_be_visible()
    read(page)
    page.get_by_role("link", name="Abbrechen").click()
    row.get_by_role("link", name="Fleet tracking backend").click()
    expect(page.get_by_role("heading", name="Zeichenfolgen des Keys")).to_be_visible()
    assert too_wide(page) == []
    page.get_by_role("link", name="Analysen dieses Keys").click()
    expect(page.get_by_role("heading", name="Warum Anfragen fehlschlugen")).to_be_visible()
    assert re.search(r"\d,\d\d % der Anfragen waren erfolgreich", read(page))
