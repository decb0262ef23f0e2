"""The support desk in chromium: view the dashboard as a customer, and end it with one click."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sign_in
from tests.browser.test_look import too_wide, violations, wear

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def test_a_view_as_a_customer_is_begun_seen_and_ended(demo, tab, artefacts):
    """Not watched: axe touches styles, which the policy reports."""
    page = tab(sign_in(demo, None, "admin"), "/support/", unwatched=True)
    page.get_by_label("Key ID, hint").fill("Northwind Routing")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("link", name="View as this customer").click()
    page.get_by_role("dialog").get_by_role("button", name="View as").click()
    banner = page.get_by_role("region", name="View as a customer")
    expect(banner).to_contain_text("You view this as Northwind Routing sees it")
    expect(page.get_by_role("button", name="Copy the key of")).to_have_count(0)
    expect(page.get_by_role("button", name="Actions for")).to_have_count(0)
    for scheme in ("light", "dark"):
        wear(page, scheme)
        page.screenshot(path=artefacts / f"visit-{scheme}.png")
        assert violations(page, None) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert too_wide(page) == []
    page.goto("/admin/")
    expect(banner).to_be_visible()
    page.goto("/keys/")
    banner.get_by_role("button", name="End the view").click()
    expect(page.get_by_role("heading", name="Northwind Routing")).to_be_visible()
    expect(banner).to_have_count(0)
    assert page.goto("/keys/").status == 404
