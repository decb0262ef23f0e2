"""What holds for every page: accessible in light and dark, no wider than a telephone, and pictures for people to look at."""

from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboard import preferences
from tests.browser.conftest import carry_session
from tests.browser.places import ADMIN, PLACES, Place
from tests.browser.watch import Watch

pytestmark = [pytest.mark.browser, pytest.mark.demo]

STILL = {"reduced_motion": "reduce"}
OTHERS = (
    "/mail/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/keys/key_0000000000000000/",
    "/analytics/?range=nonsense",
    "/analytics/?range=90d&split=0",
    "/keys/?state=attention&sort=name&page=7",
)


def by_name(place: Place) -> str:
    return place.name


def wear(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Put on light or dark, and wait until every colour has changed."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")
    settle(page)


def settle(page: Page) -> None:
    """Wait until the page has drawn what it has to draw."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.fixture
def visit(tab, request):
    """Return a function that goes to a place in a tab of its own."""

    def go(place: Place, **options) -> Page:
        person = None if place.who == "nobody" else request.getfixturevalue(place.who)
        page = tab(person, place.url, **STILL, **options)
        place.open(page)
        return page

    return go


def violations(page: Page, within: str | None, scheme: str = "light") -> list[str]:
    """What axe finds, a line for each element; `within` is a selector. Of the dark scheme only what colours decide is asked again."""
    options = {"resultTypes": ["violations"]}  # what passes need not be described
    if scheme == "dark":
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    found = Axe().run(page, context=within, options=options)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """What makes a page or its dialog scroll sideways."""
    return page.evaluate(
        """() => {
            const root = document.documentElement, dialog = document.querySelector("dialog[open]"), found = [];
            if (root.scrollWidth > root.clientWidth) found.push(`page: ${root.scrollWidth}`);
            if (!dialog) return found;
            const box = dialog.getBoundingClientRect();
            if (dialog.scrollWidth > dialog.clientWidth) found.push(`dialog: ${dialog.scrollWidth} of ${dialog.clientWidth}`);
            if (box.left < 0 || box.right > root.clientWidth) found.push(`dialog: ${box.left} to ${box.right}`);
            return found;
        }"""
    )


@pytest.fixture(scope="module")
def tab_of(chromium, demo, request) -> Iterator[Callable[[str], tuple[Page, Watch]]]:
    """Return a function that gives somebody's one tab: a new profile for each place costs more than all that is looked at."""
    tabs: dict[str, tuple[Page, Watch]] = {}

    def tab(who: str) -> tuple[Page, Watch]:
        if who not in tabs:
            context = chromium.new_context(base_url=demo.dashboard)
            watch = Watch(context, own_hosts={urlsplit(demo.dashboard).netloc})
            if who != "nobody":
                carry_session(request.getfixturevalue(who), context)
            tabs[who] = context.new_page(), watch
        return tabs[who]

    yield tab
    for page, _ in tabs.values():
        page.context.close()


@pytest.mark.parametrize("place", PLACES + ADMIN, ids=by_name)
def test_a_page_keeps_the_policy_is_accessible_in_light_and_dark_and_fits_a_telephone(tab_of, artefacts, place):
    """Pictures of all three are kept. Watched until then: axe and pictures touch styles, which the policy reports."""
    page, watch = tab_of(place.who)
    page.goto("about:blank")  # nothing of the place before is left
    page.context.clear_cookies(name=preferences.LAYOUT_COOKIE)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    watch.begin()
    page.goto(place.url)
    place.open(page)
    for position in ((640, 450), (0, 0)):
        page.mouse.move(*position)
        settle(page)
    watch.end()
    assert watch.problems == []
    whole = page.locator("dialog[open], .menu:popover-open").count() == 0

    def keep(name: str) -> None:
        page.screenshot(path=artefacts / f"{place.name}-{name}.png", full_page=whole, caret="initial")

    for scheme in ("light", "dark"):
        wear(page, scheme)
        keep(f"1280-{scheme}")
        if place in PLACES:
            assert (scheme, violations(page, place.within, scheme)) == (scheme, [])
    page.set_viewport_size({"width": 360, "height": 740})
    wear(page, "light")
    keep("360-light")
    if place in PLACES:
        assert too_wide(page) == []
        page.set_viewport_size({"width": 320, "height": 640})  # as 1280 px zoomed to 400 %
        wear(page, "light")
        assert too_wide(page) == []


@pytest.mark.parametrize("who", ["nobody", "ada", "sam"])
def test_no_other_page_breaks_the_policy_complains_or_asks_another_host(tab, request, who):
    """The tab is watched, as in every other test that opens one."""
    page = tab(None if who == "nobody" else request.getfixturevalue(who))
    for url in OTHERS if who != "nobody" else ("/accounts/password/reset/", "/keys/", "/nowhere/"):
        page.goto(url)
        expect(page.locator("h1")).to_be_visible()


def test_the_charts_tell_their_figures_to_the_keyboard(visit):
    place = next(place for place in PLACES if place.name == "analytics-usage")
    page = visit(place)
    page.locator("[data-chart]").focus()
    page.keyboard.press("End")
    tip = page.locator("[data-tip]")
    cells = page.locator("[data-numbers] tbody tr").last.locator("th, td").all_text_contents()
    assert tip.locator("p").inner_text() == cells[0]
    assert tip.locator("dd").all_text_contents() == cells[1:]
    page.keyboard.press("ArrowLeft")
    before = page.locator("[data-numbers] tbody tr").nth(-2).locator("th").text_content()
    assert tip.locator("p").inner_text() == before
    assert before in page.locator("[data-said]").text_content()
    page.keyboard.press("Shift+ArrowLeft")
    assert page.locator("[data-chosen]").is_visible()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert page.locator("[data-chosen]").is_hidden()
    plot = page.locator("[data-chart]").bounding_box()
    page.mouse.move(plot["x"] + 300, plot["y"] + 100)
    page.mouse.down()
    page.mouse.move(plot["x"] + 500, plot["y"] + 120, steps=3)
    page.mouse.up()
    page.wait_for_url("**from=*to=*")
    expect(page.get_by_label("From")).to_be_visible()
