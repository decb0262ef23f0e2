"""What an organisation asks of its members: a recent sign-in before what hurts, a second factor from everybody."""

import datetime as dt
import json

import pytest
import time_machine

from accounts.models import AuditEvent, Membership, Organization, Role, Sensitive
from keys.refusals import Refusal, StaleVersion
from tests.accounts.factors import set_up_app
from tests.accounts.journey import confirm, sign_in, stranger
from tests.factories import OrganizationFactory, join, string_of
from tests.page import Browser

pytestmark = pytest.mark.django_db
REQUIRED = "/accounts/security/required/"
EVERYTHING = [action.value for action in Sensitive]


def decide(organization: Organization, by, *, asks: list[str] = (), factor: bool = False) -> None:
    organization.change_sign_in_policy(
        by=by, seen=organization.sign_in_policy, asks_again_for=list(asks), requires_second_factor=factor
    )


def page_of(organization: Organization) -> str:
    return f"/organizations/{organization.public_id}/security/"


def rights(cast, who: str) -> int:
    return {"ben": 403, "vera": 403, "mallory": 404, "sam": 404}[who]


@pytest.fixture
def asking(cast) -> None:
    """Northwind wants a recent sign-in for everything."""
    decide(cast.northwind, cast.ada, asks=EVERYTHING)


# Ask again


def test_where_nothing_was_decided_nothing_is_asked(cast, ada):
    assert ada.get(f"/keys/{cast.key.public_id}/rotate/").status == 200
    assert ada.post(f"/keys/{cast.key.public_id}/reveal/").status == 200


@pytest.mark.parametrize("action", ["rotate", "retire", "delete"])
def test_an_action_asks_who_it_is_and_comes_back(cast, ada, asking, action):
    path = f"/keys/{cast.key.public_id}/{action}/"
    page = ada.get(path)
    assert page["Location"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    form = ada.get(page["Location"]).fields(".signin-form")
    answer = ada.post("/accounts/reauthenticate/", form | {"password": "correct horse battery"})
    assert answer["Location"] == path
    assert ada.get(path).status == 200


def test_bringing_a_key_back_with_a_new_string_asks_like_rotating(cast, ada):
    decide(cast.northwind, cast.ada, asks=["rotate"])
    cast.key.mark_deleted(by=cast.ada)
    path = f"/keys/{cast.key.public_id}/undelete/"
    form = ada.get(path).fields()
    assert ada.post(path, form | {"string": "new"})["Location"].startswith("/accounts/reauthenticate/")
    cast.key.refresh_from_db()
    assert cast.key.deleted_at is not None
    assert ada.post(path, form | {"string": "old"})["Location"] == f"/keys/{cast.key.public_id}/?receipt=undeleted"


@pytest.mark.parametrize(
    "action", ["members/invite", "hand-over", "delete", "members/{ben}/role", "members/{ben}/remove"]
)
def test_changes_of_members_and_of_the_organisation_ask_too(cast, ada, asking, action):
    ben = cast.northwind.memberships.get(user=cast.ben).public_id
    path = f"/organizations/{cast.northwind.public_id}/{action.format(ben=ben)}/"
    for answer in (ada.get(path), ada.post(path, {"role": "viewer", "email": "new@northwind.example"})):
        assert answer["Location"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    confirm(ada)
    assert ada.get(path).status == 200


def test_invitations_ask_too(cast, ada, asking):
    confirm(ada)
    path = f"/organizations/{cast.northwind.public_id}/members/invite/"
    ada.post(path, ada.get(path).fields() | {"email": "new@northwind.example", "role": "viewer"})
    waiting = cast.northwind.invitations.get().public_id
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=16)):
        for action in ("resend", "withdraw"):
            path = f"/organizations/{cast.northwind.public_id}/invitations/{waiting}/{action}/"
            assert ada.post(path)["Location"].startswith("/accounts/reauthenticate/")
    assert cast.northwind.invitations.pending().count() == 1


def test_a_form_that_was_open_too_long_acts_only_after_confirming(cast, ada, asking):
    path = f"/keys/{cast.key.public_id}/delete/"
    with time_machine.travel("2026-03-01 12:00:00+00:00", tick=False) as clock:
        confirm(ada)
        data = ada.get(path).fields() | {"name": cast.key.name}
        clock.shift(16 * 60)
        assert ada.post(path, data)["Location"].startswith("/accounts/reauthenticate/")
        cast.key.refresh_from_db()
        assert cast.key.deleted_at is None
        confirm(ada)
        assert ada.post(path, data).status == 302
    cast.key.refresh_from_db()
    assert cast.key.deleted_at is not None


def test_the_dialog_leaves_the_page_for_the_question(cast, ada, asking):
    path = f"/keys/{cast.key.public_id}/rotate/"
    for page in (ada.get(path, htmx=True), ada.post(path, {"delay": "0"}, htmx=True)):
        assert page.status == 204
        assert page["HX-Redirect"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    assert cast.key.secrets.count() == 1


def test_copying_tells_the_script_where_to_confirm(cast, ada, asking):
    string = string_of(cast.key)
    response = ada.client.post(
        f"/keys/{cast.key.public_id}/reveal/",
        headers={"Accept": "application/json", "Referer": "http://testserver/keys/?q=fleet"},
    )
    assert response.status_code == 403
    assert response.json() == {
        "detail": "Confirm that it is you first.",
        "confirm": "/accounts/reauthenticate/?next=%2Fkeys%2F%3Fq%3Dfleet",
    }
    assert not AuditEvent.objects.filter(verb="key.copied").exists()
    confirm(ada)
    response = ada.client.post(f"/keys/{cast.key.public_id}/reveal/", headers={"Accept": "application/json"})
    assert response.json() == {"key": string}


@pytest.mark.parametrize("said", ["https://evil.example/keys/", "//evil.example/", "javascript:alert(1)", ""])
def test_copying_never_leads_to_another_site(cast, ada, asking, said):
    page = ada.client.post(f"/keys/{cast.key.public_id}/reveal/", headers={"Referer": said})
    assert page["Location"] == f"/accounts/reauthenticate/?next=%2Fkeys%2F{cast.key.public_id}%2F"


def test_a_fresh_sign_in_is_recent(cast, asking):
    browser = stranger()
    sign_in(browser, cast.ada.email)
    assert browser.get(f"/keys/{cast.key.public_id}/rotate/").status == 200


def test_other_peoples_keys_stay_unknown(cast, as_user, asking):
    assert as_user(cast.mallory).get(f"/keys/{cast.key.public_id}/rotate/").status == 404
    assert as_user(cast.mallory).post(f"/keys/{cast.key.public_id}/reveal/").status == 404


def test_viewers_are_refused_before_they_are_asked(cast, as_user, asking):
    assert as_user(cast.vera).get(f"/keys/{cast.key.public_id}/rotate/").status == 403


# A second factor


@pytest.fixture
def guarded(cast, ada) -> Browser:
    """Northwind requires a second factor; Ada, who decided so, has one."""
    confirm(ada)
    set_up_app(ada)
    decide(cast.northwind, cast.ada, factor=True)
    return ada


@pytest.mark.parametrize("path", ["/keys/", "/keys/{}/", "/analytics/", "/keys/create/", "/analytics/errors/"])
def test_a_member_without_one_sees_the_set_up_and_nothing_else(cast, as_user, guarded, path):
    ben = as_user(cast.ben)
    page = ben.get(path.format(cast.key.public_id))
    assert (page.status, page["Location"]) == (302, REQUIRED)
    page = ben.get(REQUIRED)
    assert "Northwind Routing asks its members for a second factor" in page
    assert cast.key.name not in page.source
    assert guarded.get(path.format(cast.key.public_id)).status == 200


def test_nor_can_they_act(cast, as_user, guarded):
    ben = as_user(cast.ben)
    path = f"/keys/{cast.key.public_id}/"
    assert ben.post(f"{path}reveal/")["Location"] == REQUIRED
    assert ben.post(f"{path}rotate/", {"delay": "0"}, htmx=True)["HX-Redirect"] == REQUIRED
    assert cast.key.secrets.count() == 1
    assert not AuditEvent.objects.filter(verb="key.copied").exists()


def test_it_holds_from_the_next_request_and_ends_with_the_set_up(cast, as_user, ada):
    ben = as_user(cast.ben)
    assert ben.get("/keys/").status == 200
    confirm(ada)
    set_up_app(ada)
    decide(cast.northwind, cast.ada, factor=True)
    assert ben.get("/keys/")["Location"] == REQUIRED
    confirm(ben)
    set_up_app(ben)
    assert ben.get("/keys/").status == 200
    assert ben.get(REQUIRED)["Location"] == "/"


def test_another_organisation_of_the_same_person_stays_open(cast, as_user, guarded):
    second = OrganizationFactory(name="Second Maps")
    join(second, cast.ben, Role.DEVELOPER)
    ben = as_user(cast.ben)
    assert ben.get("/keys/")["Location"] == REQUIRED
    assert ben.post(f"/organizations/{second.public_id}/switch/")["Location"] == "/keys/"
    assert ben.get("/keys/").status == 200


def test_who_has_none_cannot_require_one(cast, ada):
    with pytest.raises(Refusal, match="Set up a second factor for yourself first"):
        decide(cast.northwind, cast.ada, factor=True)
    cast.northwind.refresh_from_db()
    assert cast.northwind.requires_second_factor_at is None


def test_staff_need_one_where_the_setting_says_so(cast, as_user, settings):
    settings.STAFF_SECOND_FACTOR = True
    sam = as_user(cast.sam)
    for path in ("/support/", "/admin/", "/admin/keys/apikey/", f"/support/keys/{cast.key.public_id}/"):
        assert sam.get(path)["Location"] == REQUIRED
    assert "Staff sign in with a second factor" in sam.get(REQUIRED)
    confirm(sam)
    set_up_app(sam)
    assert sam.get("/support/").status == sam.get("/admin/").status == 200
    assert as_user(cast.ada).get("/keys/").status == 200


@pytest.mark.parametrize("where", ["code", "name", "a header"])
def test_a_key_among_what_was_sent_is_not_kept_while_asking_who_it_is(cast, ada, where):
    string = string_of(cast.key)
    headers = {"X-Api-Key": string} if where == "a header" else {}
    for url in ("/accounts/security/app/", "/accounts/email/", "/accounts/security/passkeys/add/"):
        answer = ada.client.post(url, {where: string, "email": "new@x.example", "action_add": ""}, headers=headers)
        assert answer.status_code == 302, url
        assert answer["Location"].startswith("/accounts/reauthenticate/?next=%2Faccounts%2F"), url
        assert string[6:-4] not in str(dict(ada.client.session)), url
    ada.post("/accounts/email/", {"email": "new@x.example", "action_add": ""})
    assert "new%40x.example" in str(dict(ada.client.session)), "anything else goes on afterwards"


# The page where owners decide


def test_the_owner_decides_and_it_is_recorded(cast, ada):
    confirm(ada)
    set_up_app(ada)
    page = ada.submit(
        page_of(cast.northwind),
        selector=".account-form",
        asks_again_for=["delete", "copy"],
        requires_second_factor="on",
    )
    assert page["Location"] == page_of(cast.northwind)
    cast.northwind.refresh_from_db()
    assert cast.northwind.asks_again_for == ["copy", "delete"]
    assert cast.northwind.requires_second_factor_at is not None
    event = AuditEvent.objects.get(verb="organization.sign_in_changed")
    assert (event.organization, event.actor) == (cast.northwind, cast.ada)
    assert event.before == {"asks_again_for": [], "requires_second_factor": False}
    assert event.after == {"asks_again_for": ["copy", "delete"], "requires_second_factor": True}
    shown = ada.get(page_of(cast.northwind)).fields(".account-form")
    assert (shown["asks_again_for"], shown["requires_second_factor"]) == (["copy", "delete"], "on")


def test_without_a_factor_of_ones_own_the_page_refuses(cast, ada):
    confirm(ada)
    page = ada.submit(page_of(cast.northwind), selector=".account-form", requires_second_factor="on")
    assert page.status == 422
    assert page.texts("[role=alert]") == ["Set up a second factor for yourself first."]


def test_an_open_session_alone_decides_nothing(cast, ada):
    for page in (ada.get(page_of(cast.northwind)), ada.post(page_of(cast.northwind), {"seen": "{}"})):
        assert page["Location"].startswith("/accounts/reauthenticate/")
    assert not AuditEvent.objects.filter(verb="organization.sign_in_changed").exists()


def test_a_stale_form_overwrites_nothing(cast, ada):
    confirm(ada)
    data = ada.get(page_of(cast.northwind)).fields(".account-form")
    decide(cast.northwind, cast.ada, asks=["members"])
    page = ada.post(page_of(cast.northwind), data | {"asks_again_for": ["copy"]})
    assert page.status == 422
    assert "Someone else changed this a moment ago" in page
    cast.northwind.refresh_from_db()
    assert cast.northwind.asks_again_for == ["members"]
    with pytest.raises(StaleVersion):
        cast.northwind.change_sign_in_policy(
            by=cast.ada, seen={}, asks_again_for=["copy"], requires_second_factor=False
        )


@pytest.mark.parametrize("value", ["sudo", "copy,rotate", ""])
def test_an_action_that_is_none_is_refused(cast, ada, value):
    confirm(ada)
    data = ada.get(page_of(cast.northwind)).fields(".account-form")
    assert ada.post(page_of(cast.northwind), data | {"asks_again_for": [value]}).status == 422
    assert ada.post(page_of(cast.northwind), data | {"seen": "not json"}).status == 422
    assert ada.post(page_of(cast.northwind), data | {"seen": json.dumps([1])}).status == 422


@pytest.mark.parametrize("who", ["ben", "vera", "mallory", "sam"])
def test_the_page_is_for_owners_of_this_organisation(cast, as_user, who):
    browser = as_user(getattr(cast, who))
    confirm(browser)
    assert browser.get(page_of(cast.northwind)).status == rights(cast, who)
    assert browser.post(page_of(cast.northwind), {"asks_again_for": "copy"}).status == rights(cast, who)
    cast.northwind.refresh_from_db()
    assert cast.northwind.asks_again_for == []


def test_a_former_owner_finds_nothing(cast, ada):
    join(cast.northwind, cast.mallory, Role.OWNER)
    confirm(ada)
    Membership.objects.filter(user=cast.ada, organization=cast.northwind).delete()
    assert ada.get(page_of(cast.northwind)).status == 404
