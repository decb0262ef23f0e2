"""A network that is slow or away, and people who are quicker than it."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def slow_down(page: Page, address: str, milliseconds: int) -> None:
    """Hold answers back, but not the page."""

    def wait(route: Route) -> None:
        page.wait_for_timeout(milliseconds)
        route.continue_()

    page.route(re.compile(address), wait)


def test_typing_into_the_search_loses_no_letter_and_back_and_forward_work(tab, ada):
    page = tab(ada, "/keys/")
    rows = page.locator("li.key-row")
    everything = rows.count()
    slow_down(page, "q=", 700)
    page.get_by_label("Search keys").press_sequentially("dispatch console", delay=90)
    expect(page.locator("form.htmx-request")).to_have_count(1)
    assert page.evaluate("getComputedStyle(document.body, '::before').content") == '""', "a bar says that it works"
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Search keys")).to_have_value("dispatch console")
    expect(page).to_have_url(re.compile("q=dispatch[+]console|q=dispatch%20console"))
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("link", name="Dispatch console").click()
    expect(page.get_by_role("heading", name="Key strings")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Search keys")).to_have_value("dispatch console")
    for _ in range(5):  # whoever pauses while typing has an address for each pause
        if "q=" in (address := page.url):
            page.evaluate("history.back()")
            expect(page).not_to_have_url(address)
    expect(page).to_have_url(re.compile("/keys/$"))
    expect(rows).to_have_count(everything)
    expect(page.get_by_label("Search keys")).to_have_value("")
    page.evaluate("history.forward()")
    expect(page).to_have_url(re.compile("q="))
    expect(page.get_by_label("Search keys")).not_to_have_value("")


def test_a_lost_network_says_so_in_the_dialog_and_a_double_click_makes_one_key(tab, hanna):
    page = tab(hanna, "/keys/", unwatched=True)  # the console complains of the network
    copy = page.get_by_role("button", name=re.compile("Copy the key of")).first
    page.context.set_offline(True)
    copy.click()
    expect(page.get_by_text("The network is away. Nothing was lost; try again.")).to_be_visible()
    page.context.set_offline(False)
    cookies = page.context.cookies()
    page.context.clear_cookies(name="latchkey_session")
    copy.click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.context.add_cookies(cookies)
    page.reload()
    page.get_by_role("link", name="Create key").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Made in a tunnel")
    dialog.get_by_label("Map Display API").check()
    page.context.set_offline(True)
    dialog.get_by_role("button", name="Create key").click()
    expect(dialog.get_by_role("status")).to_have_text("The network is away. Nothing was lost; try again.")
    expect(dialog.get_by_label("Name")).to_have_value("Made in a tunnel")
    page.context.set_offline(False)
    dialog.get_by_role("button", name="Create key").dblclick()
    expect(page.get_by_text("Made in a tunnel is ready.")).to_be_visible()
    page.goto("/keys/?q=tunnel")
    expect(page.locator("li.key-row")).to_have_count(1)
    for item in ("Disable", "Enable"):
        page.get_by_role("button", name="Actions for Made in a tunnel").click()
        page.locator(".menu:popover-open").get_by_role("link", name=item).click()
        dialog.get_by_role("button", name=f"{item} key").click()
        expect(page.get_by_text(f"Made in a tunnel is {item.lower()}d.").first).to_be_visible()
        expect(page.locator("[data-receipt]")).to_have_count(1)  # the latest word of gateways about a key, alone
