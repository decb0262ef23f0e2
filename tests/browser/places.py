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
    page.get_by_role("link", name="Dispatch console").click()
    expect(page.get_by_role("heading", name="Last requests")).to_be_visible()


DIALOG = "#dialog"
PLACES = (
    Place("sign-in", "nobody", "/accounts/login/"),
    Place("register", "nobody", "/accounts/signup/"),
    Place("keys", "ada", "/keys/"),
    Place("keys-menu", "ada", "/keys/", _menu, ".menu:popover-open"),
    Place("key", "ada", "/keys/", _key_page),
    Place("create", "ada", "/keys/", _create, DIALOG),
    Place("rotate", "ada", "/keys/", _rotate_step_2, DIALOG),
    Place("qps", "ada", "/keys/", _dialog("Manage QPS"), DIALOG),
    Place("analytics-usage", "ada", "/analytics/"),
    Place("analytics-breaches", "ada", "/analytics/breaches/"),
    Place("analytics-errors", "ada", "/analytics/errors/"),
    Place("analytics-callers", "ada", "/analytics/callers/"),
    Place("analytics-statement", "ada", "/analytics/statement/"),
    Place("support", "sam", "/support/"),
    Place("support-key", "sam", "/support/", _support_key),
)
ADMIN = (
    Place("admin", "sam", "/admin/"),
    Place("admin-qps", "sam", "/admin/keys/qpsrequest/"),
)
