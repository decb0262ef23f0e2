"""The provider's own name, colour and logo."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client

from dashboard import colours
from tests.page import Browser

ROOT = Path(__file__).resolve().parents[2]
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
DARK, WHITE = colours.from_oklch(0.225, 0, 0), colours.read("#ffffff")


@pytest.fixture
def branded(settings):
    settings.BRAND_NAME, settings.BRAND_COLOUR, settings.BRAND_LOGO = "Meridian <Maps>", "#D8001F", "/etc/logo.svg"
    settings.BRAND_SHADES, settings.BRAND_LOGO_CONTENT = colours.shades("#D8001F"), LOGO


def test_without_settings_name_mark_and_colour_are_ours(db, ada):
    page = ada.get("/keys/")
    assert page.one(".wordmark").text_content().strip() == "Latchkey"
    assert page.one("link[rel=icon]").get("href") == "/static/img/favicon.svg"
    assert not page.all(".wordmark img, link[href^='/brand/']")
    for url in ("/brand/style.css", "/brand/logo"):
        assert ada.get(url).status == 404


@pytest.mark.parametrize("url", ["/accounts/login/", "/keys/", "/nowhere/", "/mail/"])
def test_name_logo_and_colour_are_on_every_page(db, ada, branded, url):
    page = (Browser(Client()) if "login" in url else ada).get(url)
    assert page.one(".wordmark").text_content().strip() == "Meridian <Maps>"
    assert page.one("title").text.endswith("· Meridian <Maps>")
    assert page.one(".wordmark img").get("src").startswith("/brand/logo?")
    style = page.one("link[href^='/brand/style.css']").get("href")
    answer = ada.get(style)
    assert answer["Content-Type"] == "text/css"
    assert answer["Cache-Control"].startswith("public")
    assert re.findall(r"--brand-(\d+): #[0-9a-f]{6};", answer.source) == [str(step) for step in colours.SHADES]
    assert ada.get(page.one(".wordmark img").get("src"))["Content-Type"] == "image/svg+xml"
    assert "Latchkey" not in page.text
    assert page.all("[style], style") == []


def test_the_admin_and_the_page_of_a_failure_wear_it_too(cast, as_user, branded, rf):
    from dashboard import views

    assert "Meridian &lt;Maps&gt;" in views.broken(rf.get("/")).content.decode()
    assert as_user(cast.sam).get("/admin/").all("link[href^='/brand/style.css']")


def test_mails_name_the_provider(cast, ada, branded):
    ada.submit(
        f"/organizations/{cast.northwind.public_id}/members/invite/", email="new@northwind.example", role="viewer"
    )
    (message,) = mail.outbox
    assert "invites you to Northwind Routing at Meridian <Maps>" in message.body
    assert "Latchkey" not in message.body + message.alternatives[0][0]


@pytest.mark.parametrize(
    "colour", ["#0a5bd8", "#d8001f", "#ffcc00", "#777777", "#000000", "#ffffff", "#00ff00", "#FF00FF"]
)
def test_every_colour_gives_shades_that_can_be_read(colour):
    shade = {step: colours.read(text) for step, text in colours.shades(colour).items()}
    for step in (500, 550, 600, 700):
        assert colours.contrast(shade[step], WHITE) >= 4.45, (colour, step)
    for step in (300, 400):
        assert colours.contrast(shade[step], DARK) >= 4.45, (colour, step)
    assert colours.contrast(shade[700], shade[100]) >= 4.5
    assert colours.contrast(shade[300], shade[900]) >= 4.5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BRAND_COLOUR", "blue", "“blue” is no colour: write it like #0a5bd8."),
        ("BRAND_LOGO", "/nowhere/logo.svg", "/nowhere/logo.svg cannot be read"),
        ("BRAND_LOGO", "/etc/passwd", "/etc/passwd is none of .svg, .png, .webp."),
    ],
)
def test_a_colour_or_logo_that_is_none_stops_the_start_with_one_sentence(name, value, said):
    code = "import django.conf; django.conf.settings.DEBUG"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings", name: value}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert said in ended.stderr
