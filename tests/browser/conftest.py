"""Chromium on the demo. Every page that a test opens through `tab` is watched; what went wrong in it fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.watch import Watch
from tests.demo.running import Demo
from tests.demo.wire import Person

expect.set_options(timeout=10_000)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's chromium. Where it is missing the tests are skipped, and fail where nothing may be skipped."""
    path = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium")
    if path is None or not Path(path).exists():
        said = "chromium is not installed; CHROMIUM_PATH names one that is elsewhere"
        (pytest.fail if os.environ.get("REQUIRE_ALL") == "1" else pytest.skip)(said)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


Tab = Callable[..., Page]


@pytest.fixture
def tab(chromium, demo) -> Iterator[Tab]:
    """Return a function that opens a watched page: of somebody's session, or of nobody's."""
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def open_tab(
        person: Person | None = None,
        url: str = "",
        *,
        unwatched: bool = False,
        may_ask_the_gateway: bool = False,
        **options,
    ) -> Page:
        """Open a page of a new browser profile; `options` as of `Browser.new_context`."""
        context = chromium.new_context(
            base_url=demo.dashboard, **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        contexts.append(context)
        if options.get("java_script_enabled", True):
            context.grant_permissions(["clipboard-read", "clipboard-write"], origin=demo.dashboard)
        if not unwatched:
            hosts = [demo.dashboard, *([demo.gateway] if may_ask_the_gateway else [])]
            watches.append(Watch(context, own_hosts={urlsplit(host).netloc for host in hosts}))
        if person is not None:
            carry_session(person, context)
        page = context.new_page()
        if url:
            page.goto(url)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert [problem for watch in watches for problem in watch.problems] == []


def carry_session(person: Person, context: BrowserContext) -> None:
    """Sign the browser in as a person who is signed in already."""
    context.add_cookies(
        [
            {"name": cookie.name, "value": cookie.value or "", "url": person.demo.dashboard}
            for cookie in person.client.jar
        ]
    )


def sign_in(demo: Demo, plan: str | None, role: str) -> Person:
    """Sign somebody of the cast in."""
    someone = demo.person(plan, role)
    return Person(demo, someone["email"]).sign_in(someone["password"])


@pytest.fixture(scope="package")
def ada(demo) -> Person:
    """The owner of the enterprise customer."""
    return sign_in(demo, "enterprise", "owner")


@pytest.fixture(scope="package")
def hanna(demo) -> Person:
    """The owner of the pay as you grow customer."""
    return sign_in(demo, "pay_as_you_grow", "owner")


@pytest.fixture(scope="package")
def sam(demo) -> Person:
    """The provider's admin."""
    return sign_in(demo, None, "admin")


@pytest.fixture
def make_key() -> Callable[[Person, str], str]:
    """Return a function that makes a key with some products, by their names, and gives its ID."""

    def make(person: Person, name: str, *products: str) -> str:
        page = person.open("/keys/create/")
        boxes = {
            label.text_content().strip(): label.cssselect("input")[0] for label in page.all("main label:has(input)")
        }
        chosen = [boxes[product].get("value") for product in products or ("Map Display API", "Search API")]
        made = person.act("/keys/create/", name=name, products=chosen)
        return urlsplit(made.response.url).path.split("/")[2]

    return make
