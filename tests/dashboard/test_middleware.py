"""What holds for every request."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import get_resolver

from accounts.models import AuditEvent
from tests.page import Browser

pytestmark = pytest.mark.django_db
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
SIGNED_IN_PAGES = [
    "/keys/",
    "/analytics/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/mail/",
]
OPEN_PAGES = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/confirm-email/",
    "/mail/",
]


@pytest.mark.parametrize("given", ["a", "Order-12345", "x" * 100])
def test_a_tracking_id_is_repeated_in_the_answer(given):
    assert Client().get("/livez", headers={"Tracking-ID": given})["Tracking-ID"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 101, "with space", "<b>", "a_b", "a\n", "é"])
def test_a_missing_or_malformed_tracking_id_is_made(given):
    headers = {} if given is None else {"Tracking-ID": given}
    assert UUID.match(Client().get("/livez", headers=headers)["Tracking-ID"])


@pytest.mark.parametrize("path", ["/livez", "/accounts/login/", "/nowhere/", "/admin/", "/keys/"])
def test_every_answer_has_a_tracking_id(path):
    assert UUID.match(Client().get(path)["Tracking-ID"])


def test_an_audit_event_keeps_the_tracking_id(cast):
    client = Client()
    client.force_login(cast.ada)
    client.post(f"/keys/{cast.key.public_id}/reveal/", headers={"Tracking-ID": "incident-7"})
    assert AuditEvent.objects.filter(request_id="incident-7").exists()


def test_with_htmx_a_redirect_moves_the_whole_page(ada):
    page = ada.post("/accounts/logout/", htmx=True)
    assert (page.status, page["HX-Redirect"], page.source) == (204, "/accounts/login/", "")
    assert "Location" not in page.response
    assert ada.get("/accounts/email/").status == 302, "the cookie of the answer ended the session"


def test_when_the_session_has_ended_htmx_signs_in_and_returns_to_the_page(cast, ada):
    Session.objects.all().delete()
    page = ada.get(f"/keys/{cast.key.public_id}/edit/", htmx="/keys/?q=fleet&state=grace")
    assert page.status == 204
    target = urlsplit(page["HX-Redirect"])
    assert (target.path, parse_qs(target.query)) == ("/accounts/login/", {"next": ["/keys/?q=fleet&state=grace"]})
    page = ada.post(
        "/accounts/login/", {"login": cast.ada.email, "password": "correct horse battery"} | {"next": "/keys/?q=fleet"}
    )
    assert page["Location"] == "/keys/?q=fleet"


def test_a_form_that_htmx_sends_after_the_session_has_ended_stays_in_the_page(cast, ada):
    said = ada.get("/keys/").one("#toasts").get("data-status-401")
    assert "You are signed out." in said
    Session.objects.all().delete()
    page = ada.post(f"/keys/{cast.key.public_id}/edit/", {"name": "Lost?"}, htmx="/keys/")
    assert (page.status, page.source) == (401, "")
    assert "HX-Redirect" not in page.response


def test_without_htmx_a_redirect_is_one(db):
    page = Browser(Client()).get("/keys/")
    assert (page.status, page["Location"]) == (302, "/accounts/login/?next=/keys/")


@pytest.mark.parametrize("path", SIGNED_IN_PAGES)
def test_no_cache_keeps_what_a_signed_in_person_saw(ada, path):
    page = ada.get(path)
    assert page.status == 200
    assert "no-store" in page["Cache-Control"]


def test_no_cache_keeps_errors_and_moves_of_a_signed_in_person(cast, ada):
    for page in (ada.get("/nowhere/"), ada.get("/accounts/password/set/"), ada.post("/accounts/logout/", htmx=True)):
        assert "no-store" in page["Cache-Control"], page.status


@pytest.mark.parametrize(
    "path", [*OPEN_PAGES, "/nowhere/", "/", "/livez", "/readyz", "/keys/", "/admin/", "/admin/login/"]
)
def test_every_answer_to_a_stranger_has_the_strict_policy(path):
    _has_strict_headers(Client().get(path))


@pytest.mark.parametrize("path", [*SIGNED_IN_PAGES, "/admin/", "/admin/keys/apikey/", "/support/", "/nowhere/"])
def test_every_answer_to_staff_has_the_strict_policy(cast, path):
    client = Client()
    client.force_login(cast.sam)
    _has_strict_headers(client.get(path))


def test_refusals_have_the_strict_policy():
    _has_strict_headers(Client(enforce_csrf_checks=True).post("/accounts/login/"))
    _has_strict_headers(Client().get("/", headers={"Host": "evil.example"}))


def _has_strict_headers(response) -> None:
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_htmx_keeps_no_copies_runs_nothing_and_asks_nobody_else(ada):
    said = json.loads(ada.get("/keys/").one("meta[name=htmx-config]").get("content"))
    promised = {"historyCacheSize": 0, "refreshOnHistoryMiss": True, "allowEval": False, "allowScriptTags": False}
    assert said.items() >= (promised | {"includeIndicatorStyles": False, "selfRequestsOnly": True}).items()


@pytest.mark.parametrize("path", OPEN_PAGES + SIGNED_IN_PAGES)
def test_no_page_of_the_shell_has_inline_styles_scripts_or_handlers(ada, path):
    page = ada.get(path) if path in SIGNED_IN_PAGES else Browser(Client()).get(path)
    assert page.all("[style]") == page.all("style") == []
    assert [script for script in page.all("script") if not script.get("src")] == []
    handlers = [name for element in page.all("*") for name in element.attrib if name.startswith("on")]
    assert handlers == []


def test_opening_pages_changes_no_row(cast, ada):
    """Every address without parameters, as Ada; allauth's own addresses included."""
    paths = sorted({f"/{path}" for path in _plain_addresses(get_resolver(), "") if not path.startswith("admin/")})
    assert {"/accounts/logout/", "/accounts/login/", "/keys/"} <= set(paths)
    for path in paths:
        ada.get(path)
    before = _rows()
    for path in paths:
        ada.get(path)
    assert _rows() == before


def _plain_addresses(resolver, prefix):
    for pattern in resolver.url_patterns:
        part = str(pattern.pattern)
        if "<" in part or "(" in part:
            continue
        if hasattr(pattern, "url_patterns"):
            yield from _plain_addresses(pattern, prefix + part)
        else:
            yield prefix + part.lstrip("^").rstrip("$")


def _rows() -> dict[str, int]:
    """The content of each table but the cache, as a hash."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name != "cache"]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT coalesce(sum(hashtext(t::text)), 0), count(*) FROM "{table}" t')
            found[table] = cursor.fetchone()
    return found
