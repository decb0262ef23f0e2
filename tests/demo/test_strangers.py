"""Another customer's owner finds nothing of a customer, whatever address they type."""

import re

import pytest
from django.urls import get_resolver

from tests.demo.calls import SEARCH, Caller
from tests.demo.wire import Person

pytestmark = pytest.mark.demo

OURS = ("keys/", "support/", "organizations/")
"""Where addresses with an ID of a customer begin; the admin's have numbers, and are for staff."""


def addresses_with_ids() -> list[str]:
    """Every address of the project's own that has an ID in it, as it stands in the URL configuration."""
    found = []
    for top in get_resolver().url_patterns:
        prefix = str(top.pattern)
        if prefix in OURS:
            found += [prefix + str(each.pattern) for each in top.url_patterns if "<" in str(each.pattern)]
    assert len(found) >= 13, found
    return found


@pytest.fixture(scope="module")
def hanna(demo) -> Person:
    """The owner of another customer."""
    someone = demo.person("pay_as_you_grow", "owner")
    return Person(demo, someone["email"]).sign_in(someone["password"])


@pytest.fixture(scope="module")
def ada(demo) -> Person:
    someone = demo.person("enterprise", "owner")
    return Person(demo, someone["email"]).sign_in(someone["password"])


@pytest.fixture(scope="module")
def theirs(demo, ada) -> dict[str, str]:
    """A key of Ada's with a waiting QPS request, and her organisation."""
    key_id = ada.key_ids()["Dispatch console"]
    page = ada.open(f"/keys/{key_id}/qps/")
    withdraw = next(form.get("action") for form in page.all("form") if "withdraw" in (form.get("action") or ""))
    someone = demo.person(None, "admin")
    seen_by_staff = Person(demo).sign_in(someone["password"], login=someone["email"]).open(f"/support/keys/{key_id}/")
    organization_id = re.search(r"org_[0-9A-Z]{16}", seen_by_staff.source)
    assert organization_id
    person = seen_by_staff.all(".members a")[0].get("href").split("/")[-2]
    trace = seen_by_staff.all("table.request-log a[href^='/support/requests/']")[0].get("href").split("/")[-2]
    return {
        "public_id": key_id,
        "about": key_id,
        "request_id": withdraw.split("/")[4],
        "organization_id": organization_id[0],
        "customer_id": organization_id[0],
        "person_id": person,
        "tracking_id": trace,
        "token": "of-an-invitation",
    }


def history(person: Person, key_id: str) -> list[str]:
    """What is told about a key, but for copies of its string."""
    return [line for line in person.open(f"/keys/{key_id}/").texts("#history li") if "copied string" not in line]


@pytest.mark.parametrize("pattern", addresses_with_ids())
def test_another_customers_owner_gets_404(demo, hanna, ada, theirs, pattern):
    url = "/" + re.sub(r"<str:(\w+)>", lambda found: theirs[found[1]], pattern)
    assert "<" not in url, "the test does not know what stands in this address"
    before = history(ada, theirs["public_id"])
    token = hanna.open("/keys/create/").fields()["csrfmiddlewaretoken"]
    fields = {"csrfmiddlewaretoken": token, "version": "1", "token": "7a3b6a52-7a0f-4f9b-9f5b-0d7a1c0c2c11", "name": "Mine",
              "delay": "0", "requested": "9", "reason": "None."}  # fmt: skip
    answers = [hanna.get(url), hanna.get(url, htmx=True), hanna.post(url, fields), hanna.post(url, fields, htmx=True)]
    statuses = [answer.status for answer in answers]
    refused_by_method = [405, 405, 404, 404], [404, 404, 405, 405]  # what takes POST only, or GET only, from anybody
    assert statuses == [404] * 4 or statuses in refused_by_method, (url, statuses)
    for answer in answers:
        for secret in ("Dispatch console", "Northwind", "dispatch.northwind.example"):
            assert secret not in answer.source, (url, secret)
    assert history(ada, theirs["public_id"]) == before


def test_their_keys_are_in_no_list_search_or_figure(hanna, theirs):
    key_id = theirs["public_id"]
    assert key_id not in hanna.key_ids().values()
    assert "No key matches" in hanna.open(f"/keys/?q={key_id}")
    for url in (
        "/analytics/",
        "/analytics/errors/",
        "/analytics/callers/",
        "/analytics/usage.csv",
        "/analytics/usage.json",
    ):
        page = hanna.get(url, key=key_id)
        assert page.status == 404, url
        assert "Dispatch console" not in page.source
        assert "Northwind" not in page.source


def test_support_and_admin_are_not_there_for_customers(hanna):
    assert hanna.get("/support/").status == 404
    assert hanna.post("/support/", {"q": "x"}).status in (403, 404)
    for url in ("/admin/", "/admin/keys/apikey/", "/admin/keys/qpsrequest/"):
        assert hanna.get(url).status in (302, 403, 404), url


def test_who_is_not_signed_in_is_asked_to(demo, theirs):
    nobody = Person(demo)
    for url in ("/keys/", f"/keys/{theirs['public_id']}/edit/", "/analytics/", "/analytics/usage.csv", "/support/"):
        page = nobody.get(url)
        assert page.status == 302, url
        assert page["Location"].startswith("/accounts/login/?next=/"), url


def test_their_key_is_still_as_it_was(demo, ada, theirs):
    string = ada.reveal(theirs["public_id"])
    application = Caller(demo.gateway_port)
    assert application.ask(SEARCH, x_api_key=string, referer="https://dispatch.northwind.example/").status == 200
    assert application.ask(SEARCH, x_api_key=string).code == "domain_not_allowed"
    waiting = [row for row in ada.open(f"/keys/{theirs['public_id']}/qps/").texts("table tbody tr") if "waiting" in row]
    assert len(waiting) == 1
