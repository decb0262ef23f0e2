"""Take pictures of the main pages for docs/screenshots: in light, dark and narrow, from a demo of their own.

`make screenshots` runs it, for some of them with `ONLY="alerts keys"`. The pictures are WebP, so that all of them together stay small; README.md there is written anew.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import carry_session, sign_in
from tests.browser.places import ADMIN, PLACES, Place
from tests.demo.running import ROOT, Demo
from tests.demo.wire import Person

FOLDER = ROOT / "docs" / "screenshots"
QUALITY = 72
TALLEST = 1400
"""Longer pages are cut: the picture shows how a page looks, not all that is on it."""

SHOWN = {
    "sign-in": "Sign in",
    "keys": "API & SDK keys",
    "keys-table": "API & SDK keys as a dense table",
    "key": "A key",
    "create": "Create key",
    "rotate": "Rotate, second step",
    "qps": "Manage QPS",
    "palette": "Command palette",
    "analytics-usage": "Analytics: usage",
    "analytics-breaches": "Analytics: QPS breaches",
    "analytics-errors": "Analytics: errors",
    "analytics-callers": "Analytics: where requests come from",
    "analytics-statement": "Monthly statement",
    "analytics-limits": "QPS limits that fit",
    "analytics-limit": "QPS limits of a key, with what others would have refused",
    "alerts": "Alerts",
    "alert": "An alert and its history",
    "activity": "Activity",
    "members": "Members",
    "organization": "Organisation settings",
    "security": "Sign-in and security",
    "notices": "Notices",
    "support-customer": "Support desk: a customer",
    "support-decide": "Support desk: a QPS request",
    "admin": "Admin",
}


@dataclass(frozen=True)
class Look:
    """One way in which every page is shown."""

    name: str
    width: int
    height: int
    scheme: str


LOOKS = (Look("light", 1280, 860, "light"), Look("narrow", 360, 740, "light"), Look("dark", 1280, 860, "dark"))
"""Dark comes last: where the window becomes narrow and light at once, chromium keeps some colours of the dark."""


def places(only: Sequence[str]) -> Iterator[Place]:
    """Return the places that are shown, in the order of the page; of all, or some by their names."""
    known = {place.name: place for place in PLACES + ADMIN}
    return (known[name] for name in SHOWN if name in only or not only)


def take(browser: Browser, demo: Demo, people: dict[str, Person], only: Sequence[str]) -> None:
    """Take the places in every look."""
    for place in places(only):
        context = browser.new_context(
            base_url=demo.dashboard, viewport={"width": 1280, "height": 860}, reduced_motion="reduce"
        )
        if place.who != "nobody":
            carry_session(people[place.who], context)
        page = context.new_page()
        page.goto(place.url)
        place.open(page)
        for look in LOOKS:
            _keep(page, place, look)
        context.close()


def _keep(page: Page, place: Place, look: Look) -> None:
    page.set_viewport_size({"width": look.width, "height": look.height})
    page.emulate_media(color_scheme=look.scheme, reduced_motion="reduce")
    page.wait_for_timeout(250)  # until colours have changed and the dialog has its place
    is_over_page = page.locator("dialog[open], .menu:popover-open").count() > 0
    picture = Image.open(BytesIO(page.screenshot(full_page=not is_over_page)))
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    picture.convert("RGB").save(FOLDER / f"{place.name}-{look.name}.webp", quality=QUALITY, method=6)


def write_page() -> None:
    """Write the page of all pictures."""
    parts = [
        "# Screenshots",
        "Every main page in light, dark and at 360 pixels, taken from the demo by `make screenshots`. This page is written by it.",
    ]
    for name, title in SHOWN.items():
        light, narrow, dark = (f"{name}-{look.name}.webp" for look in LOOKS)
        parts.append(f"## {title}")
        parts.append(
            f'<img src="{light}" alt="{title}, light" width="42%"> <img src="{dark}" alt="{title}, dark" width="42%"> '
            f'<img src="{narrow}" alt="{title}, narrow" width="13%">'
        )
    (FOLDER / "README.md").write_text("\n\n".join(parts) + "\n")


def main(only: Sequence[str]) -> None:
    """Start a demo, take the pictures, end the demo."""
    chromium = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed; CHROMIUM_PATH names one that is elsewhere")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder) / "data")
        try:
            demo.start()
            people = {"ada": sign_in(demo, "enterprise", "owner"), "sam": sign_in(demo, None, "admin")}
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
            )
            take(browser, demo, people, only)
            browser.close()
        finally:
            demo.end()
    write_page()
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(list(FOLDER.glob('*.webp')))} pictures, {size / 1e6:.1f} MB in all, in {FOLDER.relative_to(ROOT)}/")


if __name__ == "__main__":
    main(sys.argv[1:])
