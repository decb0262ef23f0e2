"""The pages and dialogs that look, width and accessibility are held against, each reached as a person reaches it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page, expect

Who = Literal["nobody", "ada", "sam"]


@dataclass(frozen=True)
class Place:
    """A page, what is opened on it, and the part that matters then."""

    name: str
    who: Who
    url: str
    open: Callable[[Page], None] = lambda page: None
    within: str | None = None


def _menu(page: Page) -> None:
    page.get_by_role("button", name="Actions for Dispatch console").click()
    expect(page.locator(".menu:popover-open")).to_be_visible()


def _dialog(item: str) -> Callable[[Page], None]:
    def choose(page: Page) -> None:
        _menu(page)
        page.locator(".menu:popover-open").get_by_role("link", name=item).click()
        expect(page.get_by_role("dialog")).to_be_visible()

    return choose


def _create(page: Page) -> None:
    page.get_by_role("link", name="Create key").first.click()
    expect(page.get_by_role("dialog", name="Create key")).to_be_visible()


def _rotate_step_2(page: Page) -> None:
    _dialog("Rotate")(page)
    page.get_by_role("dialog").get_by_role("link", name="Continue").click()
    expect(page.get_by_role("dialog").get_by_role("radio", name="Immediately")).to_be_visible()


def _key_page(page: Page) -> None:
    page.get_by_role("link", name="Web shop store locator").click()
    expect(page.get_by_role("heading", name="Key strings")).to_be_visible()


def _support_key(page: Page) -> None:
    page.get_by_label("Key ID, hint").fill("Northwind Routing")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("group", name="Keys").get_by_role("link", name="Dispatch console").click()
    expect(page.get_by_role("heading", name="Last requests")).to_be_visible()


def _members(page: Page) -> None:
    page.locator("button.org").click()
    page.locator(".menu:popover-open").get_by_role("link", name="Members").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def _organization(page: Page) -> None:
    page.locator("button.org").click()
    page.locator(".menu:popover-open").get_by_role("link", name="Organisation settings").click()
    expect(page.get_by_role("heading", name="Organisation settings")).to_be_visible()


def _invite(page: Page) -> None:
    _members(page)
    page.get_by_role("link", name="Invite a member").click()
    expect(page.get_by_role("dialog", name="Invite a member")).to_be_visible()


def _look_up(text: str, heading: str) -> Callable[[Page], None]:
    def look(page: Page) -> None:
        page.get_by_label("Key ID, hint").fill(text)
        page.get_by_role("button", name="Look up").click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()

    return look


def _support_request(page: Page) -> None:
    _support_key(page)
    page.locator("table.request-log a").first.click()
    expect(page.get_by_role("heading", name="with the Tracking-ID")).to_be_visible()


def _decide(page: Page) -> None:
    page.get_by_role("link", name="Decide").first.click()
    expect(page.get_by_role("heading", name="Peaks of 30 days")).to_be_visible()


def _dialog_of_customer(page: Page) -> None:
    _look_up("Northwind Routing", "Latest activity")(page)
    page.get_by_role("link", name="Suspend").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#found [role=option]").first).to_be_visible()


def _limit_of_key(page: Page) -> None:
    page.locator("main a[href*='/analytics/limits/key_']").first.click()
    expect(page.locator("input[type=range]").first).to_be_visible()


def _alert(page: Page) -> None:
    page.get_by_role("link", name="Matrix routing near its limit").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()


def _key_policy(page: Page) -> None:
    _organization(page)
    page.locator("main").get_by_role("link", name="their policy").click()
    expect(page.get_by_role("heading", name="Policy for keys")).to_be_visible()


DIALOG = "#dialog"
PLACES = (
    Place("sign-in", "nobody", "/accounts/login/"),
    Place("register", "nobody", "/accounts/signup/"),
    Place("security", "ada", "/accounts/security/"),
    Place("keys", "ada", "/keys/"),
    Place("keys-table", "ada", "/keys/?layout=table"),
    Place("keys-menu", "ada", "/keys/", _menu, ".menu:popover-open"),
    Place("key", "ada", "/keys/", _key_page),
    Place("create", "ada", "/keys/", _create, DIALOG),
    Place("rotate", "ada", "/keys/", _rotate_step_2, DIALOG),
    Place("qps", "ada", "/keys/", _dialog("Manage QPS"), DIALOG),
    Place("deleted-keys", "ada", "/keys/deleted/"),
    Place("disable", "ada", "/keys/", _dialog("Disable"), DIALOG),
    Place("activity", "ada", "/activity/"),
    Place("analytics-usage", "ada", "/analytics/"),
    Place("analytics-breaches", "ada", "/analytics/breaches/"),
    Place("analytics-errors", "ada", "/analytics/errors/"),
    Place("members", "ada", "/keys/", _members),
    Place("invite", "ada", "/keys/", _invite, DIALOG),
    Place("organization", "ada", "/keys/", _organization),
    Place("notices", "ada", "/notices/"),
    Place("notices-choices", "ada", "/notices/choices/"),
    Place("analytics-callers", "ada", "/analytics/callers/"),
    Place("analytics-statement", "ada", "/analytics/statement/"),
    Place("analytics-limits", "ada", "/analytics/limits/"),
    Place("analytics-limit", "ada", "/analytics/limits/", _limit_of_key),
    Place("alerts", "ada", "/alerts/"),
    Place("alert", "ada", "/alerts/", _alert),
    Place("palette", "ada", "/notices/choices/", _palette, DIALOG),
    Place("key-policy", "ada", "/keys/", _key_policy),
    Place("support", "sam", "/support/"),
    Place("support-key", "sam", "/support/", _support_key),
    Place("support-found", "sam", "/support/", _look_up("ad", "2 people")),
    Place("support-customer", "sam", "/support/", _look_up("Northwind Routing", "Latest activity")),
    Place("support-suspend", "sam", "/support/", _dialog_of_customer, DIALOG),
    Place("support-person", "sam", "/support/", _look_up("vera@northwind.example", "What they did last")),
    Place("support-request", "sam", "/support/", _support_request),
    Place("support-qps", "sam", "/support/qps/"),
    Place("support-decide", "sam", "/support/qps/", _decide),
)
ADMIN = (
    Place("admin", "sam", "/admin/"),
    Place("admin-qps", "sam", "/admin/keys/qpsrequest/"),
)
