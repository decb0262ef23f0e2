"""Invite, register through the mail, work, get another role, be removed: each in the browser of whom it happens to."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.demo.wire import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.demo]
EMAIL = "robin@browser.example"


def open_members(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Organisation:")).click()
    page.get_by_role("link", name="Members").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def choose(page: Page, item: str) -> None:
    page.get_by_role("button", name="Actions for Robin").click()
    page.locator(".menu:popover-open").get_by_role("link", name=item).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def hand_over(page: Page, to: str) -> None:
    page.get_by_role("button", name=re.compile("^Organisation:")).click()
    page.locator(".menu:popover-open").get_by_role("link", name="Organisation settings").click()
    page.get_by_role("link", name="Hand over").click()
    page.get_by_role("dialog").get_by_label(to).check()
    page.get_by_role("dialog").get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("is the owner now, and you are an admin.")).to_be_visible()


def test_an_invited_person_joins_gets_another_role_owns_for_a_while_and_is_removed(tab, demo, ada):
    owner = tab(ada, "/keys/")
    customer = owner.locator(".org-name").inner_text()
    open_members(owner)
    owner.get_by_role("link", name="Invite a member").click()
    owner.get_by_role("dialog").get_by_label("E-mail").fill(EMAIL)
    owner.get_by_role("dialog").get_by_label("Viewer").check()
    owner.get_by_role("button", name="Send invitation").click()
    expect(owner.get_by_text(f"{EMAIL} is invited.")).to_be_visible()
    expect(owner.get_by_role("row", name=EMAIL)).to_be_visible()

    guest = tab()
    guest.goto("/mail/")
    mail = guest.get_by_role("article").filter(has_text=f"To {EMAIL},").first
    mail.get_by_role("link").first.click()
    expect(guest.get_by_role("heading", name=f"Join {customer}")).to_be_visible()
    guest.get_by_role("link", name="Create an account").click()
    guest.get_by_label("Name").fill("Robin")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Create account and join").click()
    expect(guest.locator(".org-name")).to_have_text(customer)
    expect(guest.locator("li.key-row").first).to_be_visible()
    expect(guest.get_by_role("link", name="Create key")).to_have_count(0)

    owner.reload()
    choose(owner, "Change role")
    owner.get_by_role("dialog").get_by_label("Developer").check()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("Robin is developer now.")).to_be_visible()
    guest.reload()
    expect(guest.get_by_role("link", name="Create key")).to_be_visible()

    hand_over(owner, "Robin")
    guest.reload()
    hand_over(guest, "Ada")
    open_members(owner)
    choose(owner, "Remove")
    owner.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(owner.get_by_text("Robin is removed.")).to_be_visible()
    expect(owner.get_by_role("row", name=EMAIL)).to_have_count(0)
    with guest.expect_response(lambda answer: answer.request.is_navigation_request()) as next_click:
        guest.get_by_role("link", name="Analytics").click()
    assert next_click.value.status == 404
    expect(guest.get_by_role("heading", name="You belong to no organisation")).to_be_visible()
