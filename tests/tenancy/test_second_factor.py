"""Every route for who lacks the second factor that their organisation requires: it shows nothing of it, and changes nothing."""

import logging
from http.cookies import SimpleCookie

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from accounts import roles
from accounts.checks import addresses
from accounts.middleware import SESSION_KEY
from accounts.models import Role
from notices import letters, outbox
from notices.kinds import KINDS, Audience
from notices.models import Letter, Notice, Preference
from tests.factories import UserFactory, join
from tests.jobs import run_jobs
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


def test_mails_say_that_there_is_something_and_not_what(world, nora):
    Letter.objects.all().delete()
    mail.outbox.clear()
    told = dict.fromkeys(("key", "what", "details", "reason", "alert", "sentence", "product"), "Fleet tracking")
    kinds = [kind.code for kind in KINDS.values() if kind.audience is Audience.MEMBERS]
    assert len(kinds) > 10
    for kind in kinds:
        outbox.post(
            kind, organization=world.a.organization, people=[nora.user], context=told, about=world.a.key.public_id
        )
    outbox.post("organization.changed", organization=world.b.organization, people=[nora.user], context=told)
    run_jobs()
    *of_a, of_b = mail.outbox
    assert "Fleet tracking" in of_b.subject + of_b.body
    assert {message.subject for message in of_a} == {"A notice about Northwind Routing"}
    for message in of_a:
        said = message.body + message.alternatives[0][0]
        assert "Northwind Routing asks its members for a second factor, and you have none yet." in said
        assert "http://localhost:8000/accounts/security/required/" in said
        assert "Fleet tracking" not in said
        assert world.a.key.public_id not in said
    with_factor(nora.user)
    outbox.post("organization.changed", organization=world.a.organization, people=[nora.user], context=told)
    run_jobs()
    assert "Fleet tracking" in mail.outbox[-1].subject


def test_a_digest_counts_what_it_does_not_say(world, nora):
    Letter.objects.all().delete()
    mail.outbox.clear()
    Preference.objects.create(person=nora.user, group="keys", mail="daily")
    for _ in range(2):
        told = {"key": "Fleet tracking"}
        outbox.post("key.disabled", organization=world.a.organization, people=[nora.user], context=told)
    Notice.objects.filter(kind="key.disabled", person=nora.user).update(digest_due_at=timezone.now())
    letters.digest_due()
    run_jobs()
    assert [message.subject for message in mail.outbox] == ["2 notices about Northwind Routing"]


@pytest.mark.parametrize("is_required", [True, False])
def test_staff_without_the_factor_that_the_desk_needs_read_no_customer_in_mails(cast, settings, is_required):
    settings.STAFF_SECOND_FACTOR = is_required
    outbox.post(
        "qps_request.received",
        organization=cast.northwind,
        people=[cast.sam],
        context={"requested": 70, "current": 5, "product": "Search API", "requester": "Ben", "reason": "Christmas"},
    )
    run_jobs()
    (message,) = mail.outbox
    said = message.subject + message.body
    assert [word in said for word in ("Northwind", "Christmas", "Search API")] == [not is_required] * 3
    assert ("A notice for the support desk" in message.subject) is is_required


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
