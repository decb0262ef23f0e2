"""Every route for who lacks the second factor that their organisation requires: it shows nothing of it, and changes nothing."""

import logging
from http.cookies import SimpleCookie

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection, transaction

from accounts import roles
from accounts.checks import addresses
from accounts.middleware import SESSION_KEY
from accounts.models import Role
from notices import outbox
from notices.models import Notice
from tests.factories import UserFactory, join
from tests.tenancy.test_every_cell import BODY, Writes, parameters, url_of
from tests.tenancy.world import Fingerprint, Person, World, make_world

REQUIRED = "/accounts/security/required/"
SET_UP = "/accounts/"
TO_ANOTHER = "accounts:switch"


@pytest.fixture
def world(cast) -> World:
    made = make_world(cast)
    cast.northwind.change_sign_in_policy(
        by=with_factor(cast.ada), seen=cast.northwind.sign_in_policy, asks_again_for=[], requires_second_factor=True
    )
    return made


@pytest.fixture
def nora(world) -> Person:
    """An owner of A without a second factor, who was told of A; a viewer of B, which requires none."""
    person = UserFactory(email="nora@example.com")
    join(world.a.organization, person, Role.OWNER)
    join(world.b.organization, person, Role.VIEWER)
    told = {"what": "New: Fleet tracking"}
    outbox.post("organization.changed", organization=world.a.organization, people=[person], context=told)
    return Person("Nora", person, Role.OWNER, Role.VIEWER)


def with_factor(person):
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": "sealed"})
    return person


def work_in(person, organization):
    session = person.client.session
    session[SESSION_KEY] = organization.public_id
    session.save()


@pytest.mark.parametrize("place", ["a", "b"])
def test_nothing_is_shown_of_an_organisation_whose_second_factor_one_lacks(world, nora, place, caplog, record_property):
    caplog.set_level(logging.CRITICAL, "django")
    work_in(nora, getattr(world, place).organization)
    named = {"Northwind", world.a.organization.public_id}  # to work there or elsewhere, and to see for what a factor is
    secret = [word for word in world.words if word not in named]
    rows, wrong, cells = Fingerprint(world.a.organization), [], 0
    before, notice = rows.take(), Notice.objects.get(person=nora.user)
    for address in addresses():
        route = roles.matrix().find(address.name)
        if address.name.startswith("admin:") or route.is_open:
            continue
        url = url_of(address, parameters(address, route, world.a) | {"notice_id": notice.public_id})
        for method in route.who:
            nora.client.cookies = SimpleCookie(nora.cookies)
            sent = world.a.identifiers | (BODY if method == "POST" else {})
            writes = Writes()
            with transaction.atomic(), connection.execute_wrapper(writes):
                answer = getattr(nora.client, method.lower())(url, sent)
                said = b"".join(answer.streaming_content) if answer.streaming else answer.content
                touched = writes.seen and route.is_for_members and rows.take() != before
                transaction.set_rollback(True)
            cells += 1
            cell = f"{method} {address.name}: {answer.status_code}"
            read = said.decode(errors="replace")
            wrong += [
                f"{cell} says “{word}”" for word in secret if word in read and word not in map(str, sent.values())
            ]
            if touched:
                wrong.append(f"{cell} changed rows of A")
            if url.startswith(SET_UP) or address.name == TO_ANOTHER or place == "b":
                continue
            if answer.status_code != 404 and answer.get("Location") != REQUIRED:
                wrong.append(f"{cell} opens before the factor is there")
    record_property("said", f"Without the factor, working in {place.upper()}: {cells} cells, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert cells > 100


def test_the_bell_and_its_page_are_silent_until_the_factor_is_there(world, nora, as_user):
    browser = as_user(nora.user)
    notice = Notice.objects.get(person=nora.user)
    url = f"/notices/{notice.public_id}/"
    work_in(browser, world.b.organization)
    page = browser.get("/notices/")
    assert page.one(".bell").get("aria-label") == "Notices"
    assert page.all(".notices a") == []
    assert browser.get(url).status == browser.post(url).status == 404
    browser.post("/notices/read/")
    notice.refresh_from_db()
    assert notice.read_at is None
    with_factor(nora.user)  # which is told, too
    page = browser.get("/notices/")
    assert page.one(".bell").get("aria-label") == "Notices, 2 not read"
    assert url in [link.get("href") for link in page.all(".notices a")]


def test_what_the_set_up_needs_is_there(world, nora, as_user):
    browser = as_user(nora.user)
    work_in(browser, world.a.organization)
    assert browser.get("/keys/")["Location"] == REQUIRED
    assert "asks its members for a second factor" in browser.get(REQUIRED)
    assert browser.get("/brand/style.css").status != 302  # how the page itself looks
    browser.post("/language/", {"language": "de", "next": REQUIRED})
    assert "verlangt" in browser.get(REQUIRED)
    browser.post("/language/", {"language": "en", "next": REQUIRED})
    assert browser.get("/accounts/security/app/").status == 302  # asks who it is, then shows the app's code
    browser.post(f"/organizations/{world.b.organization.public_id}/switch/")
    assert browser.get("/keys/").status == 200
    assert browser.post("/accounts/logout/").status == 302


def test_a_deleted_organisation_is_not_brought_back_without_the_factor_that_it_requires(world, nora, as_user):
    world.a.organization.mark_deleted(by=world.person("Ada").user)
    browser = as_user(nora.user)
    url = f"/organizations/{world.a.organization.public_id}/restore/"
    assert "Northwind" not in browser.get("/organizations/").one("main").text_content()
    assert browser.get(url).status == browser.post(url).status == 404
    with_factor(nora.user)
    assert browser.submit(url).status == 302
    world.a.organization.refresh_from_db()
    assert world.a.organization.deleted_at is None
