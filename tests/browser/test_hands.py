"""The dashboard by keys alone: the command palette, single keys, and where the focus is afterwards."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def test_keys_alone_find_open_and_come_back(tab, ada):
    page = tab(ada, "/keys/")
    page.get_by_role("searchbox", name="Search keys").focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Name, ID or hint")
    expect(box).to_be_focused()
    page.keyboard.type("dispatch")
    chosen = page.locator("#found [aria-selected=true]")
    expect(page.locator("#found [role=option]")).to_have_count(7)
    expect(chosen).to_contain_text("Dispatch console")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="ID copied")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("searchbox", name="Search keys")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    page.keyboard.type("rotate disp")
    expect(chosen).to_have_text("Rotate Dispatch console")
    page.keyboard.press("Control+a")
    page.keyboard.type("dispatch")
    expect(page.locator("#found [role=option]")).to_have_count(7)
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text("Rotate Dispatch console")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Edit Dispatch console")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox", name="Search keys")).to_be_focused()
    page.keyboard.type("gagc?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url.endswith("/keys/") or "q=" in page.url, "letters typed into a field are letters"


def test_single_keys_work_until_they_are_turned_off(tab, ada):
    page = tab(ada, "/notices/choices/")
    page.keyboard.press("g")
    page.keyboard.press("k")
    page.wait_for_url("**/keys/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()
    page.keyboard.type("statement")
    page.keyboard.press("Enter")  # before the list has answered
    page.wait_for_url("**/analytics/statement/")
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn single keys off").click()
    page.wait_for_url("**/analytics/statement/")
    expect(page.locator("body[data-single-keys=off]")).to_be_attached()
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()


def test_dark_is_put_on_without_a_reload_and_there_from_the_first_paint(tab, ada):
    page = tab(ada, "/notices/choices/", color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark", pressed=True)).to_be_focused()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload(wait_until="commit")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.wait_for_load_state()
    assert page.evaluate(ground) == dark


def test_clicking_again_and_again_sends_a_form_once_and_a_click_after_the_answer_again(tab, ada):
    page, sent = tab(ada, "/notices/choices/"), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    save = page.get_by_role("button", name="Save")
    save.evaluate("button => { for (const wait of [0, 5, 10, 15, 20]) setTimeout(() => button.click(), wait) }")
    expect(page.get_by_text("Your choices are kept.")).to_be_visible()
    assert len(sent) == 1
    save.click()
    page.wait_for_load_state()
    assert len(sent) == 2
