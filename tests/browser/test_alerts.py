"""Alerts and limits in a browser: set by dialogs, tried by a slider; and the documented JavaScript tells real webhooks from forged ones."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from alerts import webhooks
from tests.browser.test_look import too_wide, violations

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def test_an_alert_is_set_in_dialogs_and_its_secret_checks_signatures_as_documented(tab, ada):
    page = tab(ada, "/alerts/", unwatched=True)  # axe touches styles, which the policy reports
    page.get_by_role("link", name="Set an alert").first.click()
    page.get_by_role("link", name="Choose Share of errors").click()
    dialog = page.get_by_role("dialog", name="Set an alert")
    dialog.get_by_label("Name").fill("Webhook of the browser test")
    dialog.get_by_label("Webhook").fill("https://hooks.example.com/in")
    assert violations(page, "#dialog") == []
    dialog.get_by_role("button", name="Save").click()
    secret = page.locator(".revealed code").inner_text()
    assert secret.startswith("whsec_")
    example = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()
    script = re.search(r"```javascript\n(.*?)```", example, re.DOTALL)[1]
    body = '{"message":"12 % – ü"}'
    for sent, at, is_genuine in ((body, 0, True), (body + " ", 0, False), (body, 600, False)):
        header = webhooks.sign(secret, body, int(time.time()) - at)
        assert (
            page.evaluate(f"(given) => {{ {script} return isGenuine(...given); }}", [secret, header, sent])
            is is_genuine
        )
    page.get_by_role("link", name="Go to the alert").click()
    expect(page.get_by_role("heading", name="Webhook of the browser test")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    assert (violations(page, None), too_wide(page)) == ([], [])


def test_the_slider_says_what_a_limit_would_have_refused(tab, ada):
    page = tab(ada, "/analytics/limits/", unwatched=True)
    page.get_by_role("link", name=re.compile("^Compare")).first.click()
    slider = page.get_by_role("slider")
    slider.fill("3")
    expect(page.locator(".estimate")).to_contain_text("At 3 per second")
    expect(page.get_by_label("Queries per second")).to_have_value("3")
    page.set_viewport_size({"width": 360, "height": 740})
    assert (violations(page, None), too_wide(page)) == ([], [])
