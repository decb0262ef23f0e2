"""The tab API & SDK keys with scripts: menu, dialogs, search, and what happens in two tabs at once."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.demo.calls import TILE, Caller

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def row(page: Page, key_id: str) -> Locator:
    return page.locator(f"#{key_id}")


def menu(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Actions for {name}")


def choose(page: Page, name: str, item: str) -> Locator:
    """Open a key's menu by mouse, click an item, return the dialog."""
    menu(page, name).click()
    page.get_by_role("link", name=item, exact=True).locator("visible=true").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_the_menu_by_mouse_swaps_the_changed_row_alone(tab, ada, make_key):
    first, other = make_key(ada, "Mouse one"), make_key(ada, "Mouse two")
    page = tab(ada, "/keys/")
    for key_id in (first, other):
        row(page, key_id).evaluate("node => node.dataset.mark = 'here since the page came'")
    menu(page, "Mouse one").click()
    items = page.locator(f"#menu-{first}").get_by_role("link")
    expect(items).to_have_text(["Edit", "Rotate", "Manage QPS", "Disable", "Delete"])
    page.keyboard.press("Escape")
    expect(page.locator(f"#menu-{first}")).to_be_hidden()
    expect(menu(page, "Mouse one")).to_be_focused()

    dialog = choose(page, "Mouse one", "Edit")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("Mouse changed")
    dialog.get_by_label("Allowed domains").fill("nonsense!")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".error")).to_contain_text("nonsense!")
    expect(dialog.get_by_label("Allowed domains")).to_be_focused()
    expect(dialog.get_by_label("Name")).to_have_value("Mouse changed")
    dialog.get_by_label("Allowed domains").fill("mouse.example")
    dialog.get_by_label("Routing API", exact=True).check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="Mouse changed is saved.")).to_be_visible()
    expect(row(page, first)).to_contain_text("mouse.example")
    expect(row(page, first)).to_contain_text("Routing API")
    expect(row(page, first)).not_to_have_attribute("data-mark", re.compile(".*"))
    expect(row(page, other)).to_have_attribute("data-mark", "here since the page came")
    expect(menu(page, "Mouse changed")).to_be_focused()
    expect(page).to_have_url(re.compile("/keys/$"))


def test_the_menu_by_keyboard_alone(tab, ada, make_key):
    key_id = make_key(ada, "Keyboard")
    page = tab(ada, "/keys/")
    press = page.keyboard.press
    menu(page, "Keyboard").focus()
    press("Enter")
    expect(page.locator(f"#menu-{key_id}")).to_be_visible()
    press("Tab")
    expect(page.locator(f"#menu-{key_id}").get_by_role("link", name="Edit")).to_be_focused()
    press("Enter")
    dialog = page.get_by_role("dialog", name="Edit Keyboard")
    expect(dialog).to_be_visible()
    expect(page.locator(f"#menu-{key_id}")).to_be_hidden()
    for _ in range(60):  # the focus goes round in the dialog and never to the page behind it
        press("Tab")
        assert page.evaluate("document.activeElement === document.body || dialog.contains(document.activeElement)")
    press("Escape")
    expect(dialog).to_be_hidden()
    expect(menu(page, "Keyboard")).to_be_focused()

    press("Enter")
    press("Tab")
    press("Enter")
    expect(dialog.get_by_label("Name")).to_be_focused()
    press("Control+A")
    page.keyboard.type("Keys of a piano")
    press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(row(page, key_id).get_by_role("heading")).to_have_text("Keys of a piano")
    expect(menu(page, "Keys of a piano")).to_be_focused()


def test_rotating_in_two_steps_shows_a_countdown_that_counts(tab, ada, demo, make_key):
    key_id = make_key(ada, "Rotated here")
    page = tab(ada, "/keys/")
    before = row(page, key_id).locator(".copy-form code").inner_text()
    dialog = choose(page, "Rotated here", "Rotate")
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_role("link", name="Continue").click()
    expect(dialog.get_by_role("radio", name="Immediately")).to_be_checked()
    dialog.get_by_role("link", name="Back").click()
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_role("link", name="Continue").click()
    dialog.get_by_role("radio", name="In 3 hours").check()
    dialog.get_by_role("button", name="Rotate key").click()
    expect(dialog.get_by_role("heading", name="Rotated here has a new key")).to_be_visible()
    countdown = dialog.locator("time[data-countdown]")
    expect(countdown).to_have_text(re.compile("^02:59:5[0-9]$"))
    seen = countdown.inner_text()
    expect(countdown).not_to_have_text(seen)
    assert countdown.inner_text() < seen
    dialog.get_by_role("button", name="Copy the key of Rotated here").click()
    expect(page.get_by_role("status").filter(has_text="Key copied")).to_have_count(1)
    string = page.evaluate("navigator.clipboard.readText()")
    demo.handed_out.add(string)
    assert Caller(demo.gateway_port).ask(TILE, x_api_key=string).status == 200
    dialog.get_by_role("link", name="Done").click()
    expect(dialog).to_be_hidden()
    expect(menu(page, "Rotated here")).to_be_focused()
    changed = row(page, key_id)
    expect(changed).to_have_attribute("data-state", "grace")
    expect(changed.locator(".copy-form code").first).not_to_have_text(before)
    expect(changed.locator(".notice")).to_contain_text(before)
    expect(changed.locator(".notice time[data-countdown]")).to_have_text(re.compile("^02:59:"))
    changed.get_by_role("link", name="Retire now").click()
    dialog.get_by_role("button", name="Retire now").click()
    expect(dialog).to_be_hidden()
    expect(row(page, key_id).locator("time[data-countdown]")).to_have_count(0)


def test_qps_is_requested_and_withdrawn(tab, ada, make_key):
    make_key(ada, "Wants more", "Search API", "Routing API")
    page = tab(ada, "/keys/")
    dialog = choose(page, "Wants more", "Manage QPS")
    dialog.get_by_label("Product").select_option(label="Routing API")
    dialog.get_by_label("Requested QPS").fill("5")
    dialog.get_by_label("Reason").fill("Vans.")
    dialog.get_by_role("button", name="Request").click()
    expect(dialog).to_contain_text("5 is the limit already.")
    expect(dialog.get_by_label("Reason")).to_have_value("Vans.")
    dialog.get_by_label("Requested QPS").fill("40")
    dialog.get_by_role("button", name="Request").click()
    routing = dialog.get_by_role("row").filter(has_text="Routing API")
    expect(routing).to_contain_text(re.compile("40 waiting"))
    expect(page.get_by_role("status").filter(has_text="40 QPS for Routing API are requested.")).to_have_count(1)
    dialog.get_by_role("button", name="Withdraw the request for Routing API").click()
    expect(routing).not_to_contain_text("waiting")
    expect(dialog.locator("ol.history")).to_contain_text("Withdrawn: 40 instead of 5 for Routing API")
    dialog.get_by_role("link", name="Close").first.click()
    expect(dialog).to_be_hidden()
    expect(menu(page, "Wants more")).to_be_focused()


def test_other_plans_are_not_offered_qps(tab, hanna):
    page = tab(hanna, "/keys/")
    menu(page, "Freight board").click()
    expect(page.locator(".menu:popover-open").get_by_role("link")).to_have_text(["Edit", "Rotate", "Disable", "Delete"])


def test_deleting_a_key_in_use_asks_for_its_name(tab, ada, demo, make_key):
    key_id, other = make_key(ada, "Quokka, live"), make_key(ada, "Quokka, idle")
    string = ada.reveal(key_id)
    application = Caller(demo.gateway_port)
    assert application.ask(TILE, x_api_key=string).status == 200
    page = tab(ada, "/keys/?q=quokka")
    expect(row(page, key_id)).to_be_visible()
    for _ in range(30):  # until the request is known
        dialog = choose(page, "Quokka, live", "Delete")
        if dialog.get_by_label("Name of the key").count():
            break
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
    dialog.get_by_label("Name of the key").fill("Quokka")
    dialog.get_by_role("button", name="Delete key").click()
    expect(dialog.locator(".error")).to_have_text("Type the key's name as it stands above.")
    expect(dialog.get_by_label("Name of the key")).to_be_focused()
    dialog.get_by_label("Name of the key").fill("Quokka, live")
    dialog.get_by_role("button", name="Delete key").click()
    expect(dialog).to_be_hidden()
    expect(row(page, key_id)).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Quokka, live is deleted.")).to_be_visible()
    expect(page.locator("#states [aria-current]")).to_contain_text("1")
    expect(row(page, other)).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=quokka$"))

    dialog = choose(page, "Quokka, idle", "Delete")
    expect(dialog).to_contain_text("No request has ever come with it.")
    dialog.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("No key matches.")).to_be_visible()


def test_search_as_one_types_loses_no_letter(tab, ada):
    page = tab(ada, "/keys/")
    page.locator("body").press("/")
    search = page.get_by_label("Search keys")
    expect(search).to_be_focused()
    search.press_sequentially("driver app, ios", delay=70)
    expect(search).to_have_value("driver app, ios")
    expect(page.locator("li.key-row h2")).to_have_text(["Driver app, iOS"])
    expect(page).to_have_url(re.compile("q=driver"))
    expect(search).to_be_focused()
    for _ in range(5):
        search.press("Backspace")
    expect(page.locator("li.key-row h2")).to_have_text(["Driver app, iOS", "Driver app, Android"])
    expect(search).to_have_value("driver app")
    page.locator("select[name=sort]").select_option(label="Name")
    expect(page.locator("li.key-row h2")).to_have_text(["Driver app, Android", "Driver app, iOS"])
    expect(search).to_have_value("driver app")


def test_filters_are_in_the_address_and_back_and_forward_work(tab, ada):
    page = tab(ada, "/keys/")
    names = page.locator("li.key-row h2")
    everything = names.count()
    page.locator("select[name=product]").select_option(label="Geofencing API")
    expect(names).to_have_text(["Depot geofences", "My first API key"])
    expect(page).to_have_url(re.compile("product=geofencing"))
    page.locator("#states").get_by_role("link", name="Disabled").click()
    expect(page.get_by_text("No key matches.")).to_be_visible()
    page.go_back()
    expect(names).to_have_text(["Depot geofences", "My first API key"])
    expect(page.locator("select[name=product]")).to_have_value("geofencing")
    page.go_back()
    expect(names).to_have_count(everything)
    expect(page.locator("select[name=product]")).to_have_value("")
    page.go_forward()
    expect(names).to_have_text(["Depot geofences", "My first API key"])
    page.reload()
    expect(names).to_have_text(["Depot geofences", "My first API key"])
    expect(page.locator("select[name=product]")).to_have_value("geofencing")


def test_the_stale_one_of_two_tabs_is_told(tab, ada, make_key):
    make_key(ada, "Two tabs")
    one, two = tab(ada, "/keys/"), tab(ada, "/keys/")
    dialogs = [choose(page, "Two tabs", "Rotate") for page in (one, two)]
    for dialog in dialogs:
        dialog.get_by_role("link", name="Continue").click()
        dialog.get_by_role("radio", name="In 24 hours").check()
    dialogs[0].get_by_role("button", name="Rotate key").click()
    expect(dialogs[0].get_by_role("heading", name="Two tabs has a new key")).to_be_visible()
    dialogs[1].get_by_role("button", name="Rotate key").click()
    expect(dialogs[1].get_by_role("alert")).to_contain_text("Someone else rotated or changed this key a moment ago.")
    expect(dialogs[1].get_by_role("button", name="Rotate key")).to_be_enabled()


def test_a_double_click_on_create_makes_one_key(tab, hanna):
    page = tab(hanna, "/keys/")
    page.get_by_role("link", name="Create key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Clicked twice")
    dialog.get_by_label("Routing API", exact=True).check()
    dialog.get_by_role("button", name="Create key").dblclick()
    expect(page.get_by_role("heading", name="Clicked twice")).to_be_visible()
    expect(page.get_by_text("Clicked twice is ready.")).to_have_count(1)
    page.goto("/keys/?q=clicked")
    expect(page.locator("li.key-row h2")).to_have_text(["Clicked twice"])


def test_who_signed_out_in_another_tab_is_led_to_the_sign_in_and_back(tab, demo):
    someone = demo.person("freemium", "owner")
    page = tab(None, "/keys/?sort=name")
    expect(page).to_have_url(re.compile("/accounts/login/"))

    def sign_in() -> None:
        page.get_by_label("E-mail").fill(someone["email"])
        page.get_by_label("Password").fill(someone["password"])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).to_have_url(re.compile(r"/keys/\?sort=name$"))

    sign_in()
    other = page.context.new_page()
    other.goto("/keys/")
    other.get_by_role("button", name="Your account").click()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    menu(page, "Rider app").click()
    page.get_by_role("link", name="Edit", exact=True).locator("visible=true").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    sign_in()
    expect(page.get_by_role("heading", name="Rider app")).to_be_visible()
