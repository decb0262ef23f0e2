"""Passkeys, codes and recovery codes as a person meets them, with a virtual authenticator of chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.accounts.factors import code_of, wrong
from tests.browser.test_journey import register
from tests.demo.wire import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.demo]


def plug_in_authenticator(page: Page) -> None:
    """Give the browser a device that keeps passkeys and checks its person, without a question."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def open_security(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.locator("#me").get_by_role("link", name="Sign-in and security").click()
    expect(page.get_by_role("heading", name="Sign-in and security")).to_be_visible()


def confirm(page: Page) -> None:
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def give_password(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def expect_keys(page: Page) -> None:
    expect(page.get_by_role("heading", name="API & SDK keys")).to_be_visible()


def test_a_passkey_signs_in_alone_and_stands_in_for_a_code(tab):
    page, email = tab(), "pia@browser.example"
    plug_in_authenticator(page)
    register(page, email, "Pia Maps")
    open_security(page)
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("Work laptop").first).to_be_visible()
    expect(page.get_by_text("Signs in alone.")).to_be_visible()

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect_keys(page)

    sign_out(page)
    give_password(page, email)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect_keys(page)

    open_security(page)
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("status").filter(has_text="has a passkey for your account already")).to_be_visible()
    open_security(page)
    page.get_by_role("link", name="Rename Work laptop").click()
    page.get_by_label("Name").fill("Desk")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Desk").click()
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.get_by_text("None yet.", exact=True)).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted here.")).to_be_visible()


def test_an_app_is_set_up_a_wrong_code_is_refused_and_a_recovery_code_works_once(tab):
    page, email = tab(), "rio@browser.example"
    register(page, email, "Rio Maps")
    open_security(page)
    page.get_by_role("link", name="Set up the app").click()
    confirm(page)
    expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
    assert page.evaluate("document.querySelector('img.qr').naturalWidth") > 0
    secret = page.locator(".setup .note code").inner_text()
    page.get_by_label("Code that the app shows").fill(wrong(code_of(secret)))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("This code is wrong, or it was used already.")).to_be_visible()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    recovery = page.locator(".codes code").all_inner_texts()
    assert len(set(recovery)) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == recovery
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 left")).to_be_visible()

    for code, works in ((code_of(secret, steps=1), True), (recovery[3], True), (recovery[3], False)):
        page.context.clear_cookies()
        give_password(page, email)
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Sign in", exact=True).click()
        if works:
            expect_keys(page)
        else:
            expect(page.get_by_text("This code is wrong, or it was used already.")).to_be_visible()


def test_copying_asks_who_it_is_where_the_organisation_wants_that_and_comes_back(tab):
    page, owner, email = tab(), tab(), "sol@browser.example"
    register(page, email, "Sol Maps")  # signed in by the link of a mail: nobody has given a password here
    page.get_by_role("link", name="Skip", exact=True).click()
    give_password(owner, email)
    open_security(owner)
    owner.get_by_role("link", name="Decide what members are asked for").click()
    owner.get_by_label("Copying keys").check()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("Saved. It holds from every member’s next click on.")).to_be_visible()

    copy = page.get_by_role("button", name="Copy the key of My first API key")
    copy.click()
    confirm(page)
    expect_keys(page)
    copy.click()
    expect(page.get_by_role("status").filter(has_text="Key copied. Keep it secret.")).to_be_visible()


def test_the_dialog_leads_to_the_question_and_on_to_the_action(tab):
    page, owner, email = tab(), tab(), "tia@browser.example"
    register(page, email, "Tia Maps")
    page.get_by_role("link", name="Skip", exact=True).click()
    give_password(owner, email)
    open_security(owner)
    owner.get_by_role("link", name="Decide what members are asked for").click()
    owner.get_by_label("Rotating keys").check()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("Saved. It holds from every member’s next click on.")).to_be_visible()

    page.get_by_role("button", name="Actions for My first API key").click()
    page.get_by_role("link", name="Rotate").click()
    confirm(page)
    expect(page.get_by_role("heading", name="Rotate My first API key")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Rotate key").click()
    expect(page.get_by_role("heading", name="My first API key has a new key")).to_be_visible()
