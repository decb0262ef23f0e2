"""A new customer's first hour in the browser, and the same without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from keys import tokens
from keys.registration import FIRST_KEY
from tests.demo.calls import TILE
from tests.demo.wire import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def register(page: Page, email: str, organization: str) -> None:
    """Register, open the link of the mail, confirm."""
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Organisation").fill(organization)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    page.get_by_role("link", name="read the mail here").click()
    mail = page.get_by_role("article").filter(has_text=f"To {email},").filter(has_text="Confirm your address").first
    for _ in range(40):  # the worker sends it
        if mail.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    mail.get_by_role("link").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(re.compile("/start/$"))
    expect(page.get_by_role("heading", name=f"Copy “{FIRST_KEY}”")).to_be_visible()


def everything_kept(page: Page) -> str:
    """All that a browser keeps of a page and shows of it: document, storages, title, address, history."""
    return page.evaluate(
        """() => [
            document.documentElement.outerHTML, document.title, location.href, JSON.stringify(history.state),
            ...[...document.querySelectorAll("input, textarea")].map((field) => field.value),
            JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), window.name, document.cookie,
        ].join("\\n")"""
    )


def test_a_new_customer_copies_the_first_key_sees_the_world_and_sees_it_counted(tab, demo):
    page = tab(timezone_id="Europe/Oslo", locale="en-GB", may_ask_the_gateway=True)
    register(page, "lin@browser.example", "Lin Maps")
    expect(page.get_by_text("Waiting for the first request.")).to_be_visible()

    page.get_by_role("button", name=f"Copy the key of {FIRST_KEY}").click()
    expect(page.get_by_role("status").filter(has_text="Key copied. Keep it secret.")).to_be_visible()
    string = page.evaluate("navigator.clipboard.readText()")
    assert tokens.is_well_formed(string)
    demo.handed_out.add(string)
    assert f"{string[:6]}…{string[-4:]}" in page.content()
    page.get_by_role("button", name="Copy the request with your key").click()
    expect(page.get_by_role("status").filter(has_text="Request copied with your key.")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == f"{demo.gateway}{TILE}&key={string}"
    assert string not in everything_kept(page)

    watching = page.context.new_page()
    watching.goto("/keys/")
    expect(watching.get_by_text("Times in Europe/Oslo")).to_be_visible()
    watching.get_by_role("link", name="Analytics", exact=True).click()
    expect(watching.locator("#metric-requests .value")).to_have_text("0")
    expect(watching.get_by_text("No request")).to_be_visible()
    watching.evaluate("document.body.dataset.sameDocument = 'yes'")

    page.bring_to_front()
    page.get_by_role("button", name="Try it here").click()
    expect(page.get_by_text("The answer: one map tile with the whole world.")).to_be_visible()
    colours = "new Set(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 256, 256).data).size"
    assert page.evaluate(colours) > 20, "the tile is drawn"
    expect(page.get_by_text("The first request has arrived.")).to_be_visible(timeout=15_000)
    expect(page.locator("[data-poll]")).to_have_count(0)
    assert string[6:-4] not in everything_kept(page)
    assert page.evaluate("performance.getEntries().filter((entry) => entry.name.includes('key=')).length") == 0

    watching.bring_to_front()
    expect(watching.locator("#metric-requests .value")).to_have_text("1", timeout=15_000)
    expect(watching.locator("figure.chart")).to_be_visible()
    expect(watching.locator("body")).to_have_attribute("data-same-document", "yes")

    world = tab(unwatched=True)  # the address bar of another window; the browser asks the gateway for an icon, too
    answer = world.goto(address)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert world.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]") == [256, 256]


def test_the_main_job_needs_no_script(tab, demo):
    page = tab(java_script_enabled=False, may_ask_the_gateway=True)
    register(page, "noa@browser.example", "Noa Maps")

    page.get_by_text("Python", exact=True).click()
    expect(page.locator("pre[data-language=python]")).to_be_visible()
    page.get_by_role("button", name="Try it here").click()
    string = page.locator(".revealed code").inner_text()
    assert tokens.is_well_formed(string)
    demo.handed_out.add(string)
    assert page.locator(".tile img").evaluate("(image) => [image.complete, image.naturalWidth]") == [True, 256]
    page.get_by_role("link", name="Done").click()
    for _ in range(20):
        if page.get_by_text("The first request has arrived.").count():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Load this page again").click()
    expect(page.get_by_text("The first request has arrived.")).to_be_visible()
    assert string not in page.content()

    page.get_by_role("link", name="API & SDK keys").first.click()
    page.get_by_role("button", name=f"Actions for {FIRST_KEY}").click()  # the browser's own popover
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Allowed domains").fill("not a domain!")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".error").first).to_contain_text("not")
    expect(page.get_by_label("Name")).to_have_value("Shop")
    page.get_by_label("Allowed domains").fill("shop.example, *.shop.example")
    page.get_by_label("Search API", exact=True).uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    expect(page.get_by_text("Shop is saved.")).to_be_visible()
    expect(page.get_by_label("Facts")).to_contain_text("*.shop.example")

    page.get_by_role("link", name="Rotate").first.click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("radio", name="In 1 hour").check()
    page.get_by_role("button", name="Rotate key").click()
    expect(page.get_by_role("heading", name="Shop has a new key")).to_be_visible()
    page.get_by_role("button", name="Copy the key of Shop").click()
    second = page.locator(".revealed code").inner_text()
    assert second != string
    demo.handed_out.add(second)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Retire now").click()
    page.get_by_role("button", name="Retire now").click()
    expect(
        page.get_by_text(re.compile("The old string of Shop is .*refused|old string is retired")).first
    ).to_be_visible()

    page.get_by_role("button", name="Actions for Shop").click()
    page.get_by_role("link", name="Disable").click()
    page.get_by_role("button", name="Disable key").click()
    expect(page.get_by_text("Every request is refused.")).to_be_visible()
    page.get_by_role("link", name="Enable").first.click()
    page.get_by_role("button", name="Enable key").click()
    expect(page.get_by_text("Every request is refused.")).to_have_count(0)

    page.get_by_role("link", name="Analytics", exact=True).click()
    page.locator("label", has=page.locator("#show-day")).click()
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("show=day"))
    page.get_by_role("link", name="API & SDK keys").first.click()
    page.get_by_label("Search keys").fill("shop")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("q=shop"))
    page.get_by_role("link", name="Shop", exact=True).click()

    page.get_by_role("button", name="Actions for Shop").click()
    page.get_by_role("link", name="Delete").click()
    if page.get_by_label("Name of the key").count():
        page.get_by_label("Name of the key").fill("Shop")
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("Shop is deleted.")).to_be_visible()
    expect(page.locator("li.key-row")).to_have_count(0)
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_creating_a_key_and_asking_for_another_limit_need_no_script(tab, ada):
    page = tab(ada, "/keys/", java_script_enabled=False)
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_label("Name").fill("Without scripts")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator(".error").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Without scripts")
    page.get_by_label("Search API", exact=True).check()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Without scripts is ready.")).to_be_visible()
    page.get_by_role("link", name="Manage QPS").first.click()
    page.get_by_label("Product").select_option(label="Search API")
    page.get_by_label("Requested QPS").fill("9")
    page.get_by_label("Reason").fill("Trucks")
    page.get_by_role("button", name="Request", exact=True).click()
    page.get_by_role("button", name="Withdraw the request for Search API").click()
    expect(page.get_by_text("The request for Search API is withdrawn.")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw the request")).to_have_count(0)
