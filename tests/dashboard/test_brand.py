"""The provider's own name, colour and logo."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client

from accounts.models import AuditEvent
from dashboard import brand, colours
from tests.page import Browser, Page

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
    assert f"a {{ color: {colours.shades('#D8001F')[600]}; }}" in message.alternatives[0][0]


def test_mails_of_the_account_and_of_alerts_name_nobody_else(cast, branded):
    Browser(Client()).submit("/accounts/password/reset/", email=cast.ada.email)
    (message,) = mail.outbox
    for text in (message.subject, message.body, *(text for text, _ in message.alternatives)):
        assert "latchkey" not in text.lower()
    assert "Meridian <Maps>" in message.body


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("keys@maps.example", '"Meridian, Maps" <keys@maps.example>'),
        ("Key desk <a@b.example>", "Key desk <a@b.example>"),
    ],
)
def test_mails_come_from_the_provider_by_name(address, sender):
    assert brand.sender(address, "Meridian, Maps") == sender


def test_what_happens_by_itself_is_done_by_the_provider_and_files_are_named_after_it(cast, ada, branded):
    AuditEvent.record("key.expired", organization=cast.northwind, actor=None, target=cast.key)
    page = ada.get("/activity/")
    assert "Meridian <Maps>" in page.one(".ledger, .history, #activity-list").text_content()
    assert "Latchkey" not in page.text
    for url, name in (
        ("/activity/csv/", "meridian-maps-activity-until-"),
        ("/analytics/usage.csv", "meridian-maps-usage-"),
    ):
        assert f'filename="{name}' in ada.get(url)["Content-Disposition"], url


def test_every_page_of_a_failure_wears_the_name_and_no_other(db, branded, rf, settings, tmp_path):
    from dashboard import views

    request = rf.get("/")
    stranger = Browser(Client(enforce_csrf_checks=True))
    settings.MAINTENANCE_PATH = tmp_path / "maintenance"
    pages = [
        stranger.get("/nowhere/"), stranger.get("/keys/?q=%00"), stranger.post("/accounts/login/"), Page(views.broken(request)),
        Page(HttpResponse(render_to_string("429.html", request=request))),
        Page(HttpResponse(render_to_string("403.html", request=request))),
    ]  # fmt: skip
    settings.MAINTENANCE_PATH.write_text("")
    pages.append(stranger.get("/keys/"))
    assert [page.status for page in pages] == [404, 400, 403, 500, 200, 200, 503]
    for page in pages:
        assert page.one(".wordmark").text_content().strip() == "Meridian <Maps>"
        assert page.one("title").text.endswith("· Meridian <Maps>")
        assert page.one("link[rel=icon]").get("href").startswith("/brand/logo?")
        assert page.one("link[href^='/brand/style.css']") is not None
        assert "latchkey" not in page.text.lower()


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
