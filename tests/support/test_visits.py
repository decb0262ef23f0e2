"""Staff view the dashboard as a customer sees it: they look, nothing can be sent, and the customer knows."""

import datetime as dt
import re

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import AuditEvent, Membership
from keys.models import ApiKey, QpsRequest
from tests.factories import products, string_of
from tests.support.staff import log_request, secrets_of, staff_with

KEPT = {"/support/end-visit/", "/accounts/logout/", "/admin/logout/", "/theme/", "/language/", "/shortcuts/"}


@pytest.fixture
def visitor(cast, as_user):
    """Sam's browser, as Northwind Routing."""
    browser = as_user(cast.sam)
    page = browser.submit(
        f"/support/organizations/{cast.northwind.public_id}/view-as/", selector="form:has(.dialog-foot)"
    )
    assert (page.status, page["Location"]) == (302, "/keys/")
    return browser


def events():
    return [
        (event.verb, event.after, event.organization.name, event.as_staff)
        for event in AuditEvent.objects.filter(verb__startswith="support.visit").order_by("pk")
    ]


def addresses(patterns=None, before=""):
    """Every address of the dashboard, with something in the place of each identifier."""
    for each in patterns if patterns is not None else get_resolver().url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            yield "/" + _filled(route)


def _filled(route):
    route = re.sub(r"\(\?P<\w+>[^)]*\)", "1", route).replace("^", "").replace("$", "").replace("\\Z", "")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: "1", route)


def test_every_page_of_the_customer_opens_under_a_banner(cast, visitor):
    key = cast.key.public_id
    for url in ("/keys/", f"/keys/{key}/", "/analytics/", "/analytics/errors/", "/nowhere/"):
        page = visitor.get(url)
        assert page.status in (200, 404), url
        if page.all("header.masthead"):
            assert "You view this as Northwind Routing sees it" in page.one(".visit").text_content()
            assert page.one(".visit form").get("action") == "/support/end-visit/"
    assert "Fleet tracking" in visitor.get("/keys/")
    assert "Other Maps" not in visitor.get("/keys/").source
    assert visitor.get("/")["Location"] == "/keys/"


def test_the_visitor_sees_hints_and_nothing_to_act_with(cast, visitor):
    cast.key.rotate(by=cast.ada, version=cast.key.version, delay=dt.timedelta(hours=5))
    log_request(cast.key)
    for url in ("/keys/", f"/keys/{cast.key.public_id}/", "/analytics/"):
        page = visitor.get(url)
        assert [secret for secret in secrets_of(cast.key) if secret in page.source] == [], url
        assert not page.all(".copy-form, [data-copy-key], a[href$='/edit/'], a[href$='/rotate/'], a[href$='/create/']")
    assert cast.key.current_secret.hint in visitor.get(f"/keys/{cast.key.public_id}/")


def test_pages_of_actions_are_refused(cast, visitor):
    for action in ("edit", "rotate", "delete", "qps", "retire", "extend", "reveal"):
        assert visitor.get(f"/keys/{cast.key.public_id}/{action}/").status in (403, 405), action
    assert visitor.get(f"/keys/{cast.other_key.public_id}/").status == 404


def test_nothing_can_be_sent_to_any_address(cast, visitor):
    wish = QpsRequest.submit(key=cast.key, product=products("search")[0], requested=9, reason="More", by=cast.ada)
    ours = [
        *(
            f"/keys/{cast.key.public_id}/{action}/"
            for action in ("edit", "rotate", "delete", "reveal", "qps", "retire")
        ),
        f"/keys/{cast.key.public_id}/qps/{wish.public_id}/withdraw/",
        f"/organizations/{cast.northwind.public_id}/switch/",
        f"/support/organizations/{cast.other.public_id}/view-as/",
        f"/support/organizations/{cast.northwind.public_id}/suspend/",
        f"/support/keys/{cast.key.public_id}/disable/",
        f"/support/qps/{wish.public_id}/",
        f"/support/notes/{cast.key.public_id}/",
        f"/admin/accounts/organization/{cast.northwind.pk}/change/",
    ]
    answered_before_there_is_a_session = {"/livez", "/readyz"}
    walked = sorted({*addresses(), *ours} - KEPT - answered_before_there_is_a_session)
    assert len(walked) > 80
    cells = [("post", url) for url in walked] + [(method, url) for url in ours for method in ("put", "patch", "delete")]
    before = AuditEvent.objects.count()
    for method, url in cells:
        response = getattr(visitor.client, method)(url, {"reason": "x", "decision": "approve", "q": "fleet"})
        assert response.status_code == 403, (method, url)
        assert string_of(cast.key) not in response.content.decode()
    assert AuditEvent.objects.count() == before
    assert ApiKey.objects.get(pk=cast.key.pk).version == cast.key.version
    print(f"{len(cells)} cells of address and method refused")


def test_a_refusal_says_why(cast, visitor):
    page = visitor.post(f"/keys/{cast.key.public_id}/delete/", {"name": "Fleet tracking"})
    assert "nothing can be changed, copied or sent" in page
    assert page.all(".visit")


def test_begin_and_end_are_in_the_customers_log_as_support(cast, visitor, ada):
    page = visitor.post("/support/end-visit/")
    assert (page.status, page["Location"]) == (302, f"/support/organizations/{cast.northwind.public_id}/")
    assert events() == [
        ("support.visit_started", None, "Northwind Routing", True),
        ("support.visit_ended", None, "Northwind Routing", True),
    ]
    assert visitor.get("/keys/").status == 404
    assert not visitor.get("/support/").all(".visit")
    assert "Fleet tracking" not in visitor.get("/keys/").source


def test_a_visit_ends_by_itself_after_thirty_minutes(cast, visitor):
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=29), tick=False):
        assert visitor.get("/keys/").status == 200
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=31), tick=False):
        page = visitor.get("/keys/")
        assert page.status == 404
        assert "Fleet tracking" not in page.source
        assert "The view as Northwind Routing has ended." in page
    assert events()[-1] == ("support.visit_ended", {"why": "The time was over"}, "Northwind Routing", True)
    assert len(events()) == 2


def test_signing_out_ends_the_visit(cast, visitor):
    visitor.post("/accounts/logout/")
    assert events()[-1] == ("support.visit_ended", {"why": "Signed out"}, "Northwind Routing", True)
    assert not any("visit" in session.get_decoded() for session in Session.objects.all())


def test_who_is_no_longer_staff_sees_nothing_from_the_next_request_on(cast, visitor):
    cast.sam.is_staff = False
    cast.sam.save(update_fields=["is_staff"])
    page = visitor.get("/keys/")
    assert page.status == 404
    assert "Fleet tracking" not in page.source
    assert events()[-1][1] == {"why": "The right to it ended"}


def test_staff_never_become_members(cast, visitor):
    before = set(Membership.objects.values_list("user", "organization", "role"))
    visitor.get("/keys/")
    visitor.post("/support/end-visit/")
    assert set(Membership.objects.values_list("user", "organization", "role")) == before
    assert not cast.sam.memberships.exists()


def test_support_and_admin_stay_what_they_are_but_for_banner_and_sending(cast, visitor):
    for url in ("/support/", f"/support/keys/{cast.other_key.public_id}/", "/admin/", "/admin/keys/apikey/"):
        page = visitor.get(url)
        assert page.status == 200, url
        assert page.all(".visit"), url
        assert not page.all("header .org"), url


def test_without_a_visit_staff_send_as_ever_and_there_is_nothing_to_end(cast, as_user):
    sam = as_user(cast.sam)
    assert sam.post("/support/", {"q": "northwind"}).status == 302
    assert sam.post("/support/end-visit/")["Location"] == "/support/"
    assert sam.get("/support/end-visit/").status == 405
    assert events() == []


def test_opening_the_question_begins_nothing(cast, as_user):
    page = as_user(cast.sam).get(f"/support/organizations/{cast.northwind.public_id}/view-as/", htmx=True)
    assert "ends by itself after 30 minutes" in page
    assert events() == []


def test_customers_cannot_view_as_another(cast, as_user):
    for person in (cast.ada, cast.mallory):
        browser = as_user(person)
        url = f"/support/organizations/{cast.northwind.public_id}/view-as/"
        assert (browser.get(url).status, browser.post(url).status) == (404, 404)
        assert browser.post("/support/end-visit/").status == 404
    assert events() == []


def test_staff_who_are_members_elsewhere_are_themselves_again_afterwards(cast, as_user):
    tess = staff_with()
    Membership.objects.create(user=tess, organization=cast.other, role="developer")
    browser = as_user(tess)
    browser.post(f"/support/organizations/{cast.northwind.public_id}/view-as/")
    assert "Their key" not in browser.get("/keys/")
    assert browser.get(f"/keys/{cast.other_key.public_id}/").status == 404
    browser.post("/support/end-visit/")
    assert "Their key" in browser.get("/keys/")
