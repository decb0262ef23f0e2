"""Single sign-on with a real provider: who is let in, whose account it is, what is refused."""

from urllib.parse import urlencode

import pytest
import requests
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import mail

from accounts.models import AuditEvent, Role, User
from tests.accounts import provider as oidc
from tests.accounts.factors import code_of, set_up_app
from tests.accounts.journey import confirm, is_signed_in, sign_in, stranger
from tests.jobs import run_jobs
from tests.page import Browser, Page

pytestmark = pytest.mark.django_db
LOGIN, CALLBACK, REGISTER = "/accounts/oidc/login/", "/accounts/oidc/callback/", "/accounts/oidc/register/"
CONFIRM = "/accounts/reauthenticate/company/"


@pytest.fixture(scope="module")
def server():
    with oidc.running() as provider:
        yield provider


@pytest.fixture
def provider(server, settings) -> oidc.Provider:
    """A provider that vouches for Ada."""
    server.claims = {"sub": "s-1", "email": "ada@northwind.example", "email_verified": True, "name": "Ada Nowak"}
    server.changes, server.userinfo, server.asked, server.codes = {}, {}, [], {}
    server.signing_key, server.without_id_token, server.signed_in_at = None, False, None
    server.asks_again_if_told = server.tells_when = True
    app = {
        "provider_id": "oidc",
        "name": "Northwind Login",
        "client_id": oidc.CLIENT_ID,
        "secret": oidc.CLIENT_SECRET,
        "settings": {"server_url": server.address, "oauth_pkce_enabled": True},
    }
    settings.OIDC_NAME = "Northwind Login"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    return server


def come_back(browser: Browser, start: str = LOGIN, **query: str) -> Page:
    """Go to the provider and come back, as a browser does; the answer is not followed."""
    page = browser.get(start, **query)
    assert page.status == 302, page.text
    answer = requests.get(page["Location"], allow_redirects=False, timeout=5)
    return browser.get(answer.headers["Location"].removeprefix("http://testserver"))


def way_of(page: Page) -> str:
    """The link on the page that answers a form: a redirect would end at the content security policy."""
    assert (page.status, page.one("h1").text) == (403, "Confirm that it is you")
    return page.one("main a.button").get("href")


def test_it_is_off_by_default(ada):
    assert ada.get(CONFIRM)["Location"] == "/accounts/security/"
    browser = stranger()
    assert "Sign in with" not in browser.get("/accounts/login/").texts("main .signin-others > a")
    assert browser.get(LOGIN).status == browser.get(CALLBACK, code="x").status == 404


def test_the_button_leads_to_the_provider_with_pkce(provider):
    link = stranger().get("/accounts/login/?next=/analytics/").one(".signin-others > a")
    assert link.text_content() == "Sign in with Northwind Login"
    assert link.get("href") == f"{LOGIN}?next=/analytics/"
    come_back(stranger(), next="/analytics/")
    asked = provider.asked[0]
    assert (asked["response_type"], set(asked["scope"].split())) == ("code", {"openid", "profile", "email"})
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://testserver{CALLBACK}"


def test_a_verified_address_opens_the_account_that_exists_links_it_and_says_so(cast, provider):
    browser = stranger()
    assert come_back(browser, next="/analytics/")["Location"] == "/analytics/"
    assert browser.get("/keys/").status == 200
    assert [(row.user, row.uid) for row in SocialAccount.objects.all()] == [(cast.ada, "s-1")]
    event = AuditEvent.objects.get(verb="sign_on.linked")
    assert (event.organization, event.target_id, event.after) == (None, cast.ada.public_id, {"provider": "oidc"})
    run_jobs()
    assert [message.subject for message in mail.outbox] == ["Single sign-on was linked"]
    cast.ada.refresh_from_db()
    assert cast.ada.check_password("correct horse battery"), "the password still works"
    assert "Linked with Northwind Login" in browser.get("/accounts/security/")
    provider.claims |= {"email": "ada.nowak@elsewhere.example", "email_verified": False}
    assert come_back(stranger())["Location"] == "/keys/", "once linked, it is the person that counts"
    assert AuditEvent.objects.filter(verb="sign_on.linked").count() == 1


@pytest.mark.parametrize("verified", [False, None, "false", "true", 1])
def test_an_address_that_the_provider_has_not_verified_opens_nothing(cast, provider, verified):
    provider.claims["email_verified"] = verified
    browser = stranger()
    page = come_back(browser)
    assert page["Location"] == REGISTER
    browser.submit(REGISTER, selector=".signin-form", organization="Mine now")
    assert not is_signed_in(browser)
    assert not SocialAccount.objects.exists()
    assert [message.to for message in mail.outbox] == [["ada@northwind.example"]]
    assert User.objects.filter(email="ada@northwind.example").count() == 1


def test_staff_are_never_linked_by_an_address(cast, provider):
    provider.claims["email"] = cast.sam.email
    browser = stranger()
    assert come_back(browser)["Location"] == REGISTER
    assert not is_signed_in(browser)
    assert not SocialAccount.objects.exists()


def test_a_new_person_names_the_organisation_and_is_in(provider):
    provider.claims = {"sub": "s-2", "email": "grace@hopper.example", "email_verified": True, "name": "Grace Hopper"}
    browser = stranger()
    assert come_back(browser)["Location"] == REGISTER
    page = browser.submit(REGISTER, selector=".signin-form", organization="Hopper Maps")
    assert page["Location"].endswith("/start/")
    grace = User.objects.get(email="grace@hopper.example")
    assert (grace.first_name, grace.has_usable_password()) == ("Grace", False)
    assert grace.memberships.get().role == Role.OWNER
    assert "My first API key" in browser.get("/keys/")


def test_a_new_person_whose_address_is_not_verified_confirms_it_first(provider):
    provider.claims = {"sub": "s-3", "email": "grace@hopper.example", "email_verified": False}
    browser = stranger()
    come_back(browser)
    page = browser.submit(REGISTER, selector=".signin-form", organization="Hopper Maps")
    assert page["Location"] == "/accounts/confirm-email/"
    assert not is_signed_in(browser)


def test_a_second_factor_is_asked_for_all_the_same(cast, provider, ada):
    confirm(ada)
    set_up_app(ada)
    browser = stranger()
    assert come_back(browser)["Location"] == "/accounts/second-factor/"
    assert not is_signed_in(browser)


def test_a_closed_account_stays_closed(cast, provider):
    come_back(stranger())
    User.objects.filter(pk=cast.ada.pk).update(is_active=False)
    browser = stranger()
    assert come_back(browser)["Location"] == "/accounts/inactive/"
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": {"aud": "another client"}},
        {"changes": {"iss": "https://evil.example"}},
        {"changes": {"exp": 1}},
        {"changes": {"sub": "somebody else"}},
        {"signing_key": oidc.make_key()},
        {"without_id_token": True},
        {"userinfo": {"sub": "s-9"}},
    ],
    ids=lambda wrong: next(iter(wrong)) + str(next(iter(wrong.values())))[:24],
)
def test_what_is_not_signed_for_us_by_the_provider_opens_nothing(cast, provider, wrong):
    for name, value in wrong.items():
        setattr(provider, name, value)
    browser = stranger()
    page = come_back(browser)
    assert page.status == 401
    assert "Not signed in" in page
    assert not is_signed_in(browser)
    assert not SocialAccount.objects.exists()


def test_an_answer_that_nobody_asked_for_opens_nothing(cast, provider):
    page = stranger().get(LOGIN)
    answer = requests.get(page["Location"], allow_redirects=False, timeout=5).headers["Location"]
    browser = stranger()
    page = browser.get(answer.removeprefix("http://testserver"))
    assert page.status == 401
    assert not is_signed_in(browser)


def test_an_answer_counts_once(cast, provider):
    browser = stranger()
    page = browser.get(LOGIN)
    answer = requests.get(page["Location"], allow_redirects=False, timeout=5).headers["Location"]
    assert browser.get(answer.removeprefix("http://testserver"))["Location"] == "/keys/"
    assert browser.get(answer.removeprefix("http://testserver")).status == 401


def test_stopping_at_the_provider_is_no_error(cast, provider):
    browser = stranger()
    state = browser.get(LOGIN)["Location"].partition("state=")[2].partition("&")[0]
    page = browser.get(CALLBACK, error="access_denied", state=state)
    assert page["Location"] == "/accounts/oidc/cancelled/"
    assert "You stopped at the other page" in browser.get(page["Location"])


def test_a_provider_that_is_away_says_so(cast, provider, settings):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["settings"]["server_url"] = "http://127.0.0.1:9"
    page = stranger().get(LOGIN)
    assert page.status == 503
    assert "did not work" in page


@pytest.mark.parametrize(
    ("email", "verified", "status"),
    [("ada@northwind.example", True, 302), ("ada@northwind.example", False, 403), ("eve@evil.example", True, 403)],
)
def test_other_domains_can_be_kept_out(cast, provider, settings, email, verified, status):
    settings.OIDC_DOMAINS = ["northwind.example"]
    provider.claims |= {"email": email, "email_verified": verified}
    assert come_back(stranger()).status == status


def test_who_has_nothing_else_confirms_at_the_provider(cast, provider):
    cast.ada.set_unusable_password()
    cast.ada.save(update_fields=["password"])
    cast.northwind.change_sign_in_policy(
        by=cast.ada, seen=cast.northwind.sign_in_policy, asks_again_for=["rotate"], requires_second_factor=False
    )
    browser, path = stranger(), f"/keys/{cast.key.public_id}/rotate/"
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(browser)
        assert browser.get(path).status == 200
        assert browser.get("/accounts/password/set/").one("h1").text == "Password"
        clock.shift(16 * 60)
        thief = {"password1": "a wholly different phrase", "password2": "a wholly different phrase"}
        assert way_of(browser.post("/accounts/password/set/", thief)).startswith(CONFIRM)
        htmx = browser.post("/accounts/password/set/", thief, htmx=True)
        assert htmx["HX-Redirect"].startswith(CONFIRM), "a script goes there by itself"
        assert come_back(browser, next=path)["Location"] == path
        asks = browser.get(path)["Location"]
        assert asks.startswith(CONFIRM), "the provider let them through in silence"
        assert come_back(browser, asks)["Location"] == path
        assert (provider.asked[-1]["prompt"], provider.asked[-1]["max_age"]) == ("login", "0")
        assert browser.get(path).status == 200


def test_a_silent_provider_confirms_nothing_also_not_for_who_has_a_password(cast, provider):
    browser = stranger()
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(browser)
        clock.shift(16 * 60)
        come_back(browser)
        assert browser.get("/accounts/security/app/")["Location"].startswith("/accounts/reauthenticate/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"asks_again_if_told": False},
        {"tells_when": False},
        {"changes": {"auth_time": "now"}},
        {"changes": {"auth_time": True}},
        {"changes": {"auth_time": None}},
    ],
    ids=str,
)
def test_who_was_not_asked_again_is_told_so_and_not_sent_in_circles(cast, provider, wrong):
    cast.ada.set_unusable_password()
    cast.ada.save(update_fields=["password"])
    browser, path = stranger(), "/accounts/password/set/"
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(browser)
        clock.shift(16 * 60)
        for name, value in wrong.items():
            setattr(provider, name, value)
        page = come_back(browser, browser.get(path)["Location"])
        assert page.status == 403
        assert "let you through without asking who you are" in page
        assert page.one(".signin-head a").get("href") == "/accounts/password/reset/"
        assert browser.get("/keys/").status == 200, "they are signed in as before"
        assert browser.get(path)["Location"].startswith(CONFIRM)


def test_a_sign_in_elsewhere_is_not_recent_here(cast, provider):
    cast.ada.set_unusable_password()
    cast.ada.save(update_fields=["password"])
    thief, path = stranger(), "/accounts/password/set/"
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(thief)
        clock.shift(16 * 60)
        provider.signed_in_at = None
        come_back(stranger())
        assert thief.get(path)["Location"].startswith(CONFIRM)


def test_somebody_else_at_the_provider_confirms_nothing_and_becomes_nobody(cast, provider):
    cast.ada.set_unusable_password()
    cast.ada.save(update_fields=["password"])
    browser = stranger()
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(browser)
        clock.shift(16 * 60)
        provider.claims |= {"sub": "s-2", "email": cast.mallory.email}
        page = come_back(browser, CONFIRM)
        assert (page.status, "knows you as somebody else" in page) == (403, True)
        assert cast.ada.email in browser.get("/accounts/security/")
        assert browser.get("/accounts/password/set/")["Location"].startswith(CONFIRM)


@pytest.mark.parametrize("path", ["/accounts/security/app/", "/accounts/security/passkeys/add/", "/accounts/email/"])
def test_a_thief_at_an_open_browser_adds_nothing_of_theirs_to_who_has_nothing_else(cast, provider, path):
    cast.ada.set_unusable_password()
    cast.ada.save(update_fields=["password"])
    browser = stranger()
    with time_machine.travel("2026-03-01 12:00:00+00:00") as clock:
        come_back(browser)
        assert browser.get(path).status == 200
        seed = browser.get("/accounts/security/app/").one(".setup .note code").text
        clock.shift(16 * 60)
        theirs = {
            "code": code_of(seed),
            "name": "Mine",
            "credential": "{}",
            "email": "thief@x.example",
            "action_add": "",
        }
        for way in (browser.get(path)["Location"], way_of(browser.post(path, theirs))):
            assert way == f"{CONFIRM}?{urlencode({'next': path})}"
        assert not Authenticator.objects.exists()
        assert list(EmailAddress.objects.filter(user=cast.ada).values_list("email", flat=True)) == [cast.ada.email]
        come_back(browser, CONFIRM, next=path)
        assert browser.get(path).status == 200


def test_another_persons_link_does_not_become_mine(cast, provider):
    come_back(stranger())
    browser = stranger()
    sign_in(browser, cast.mallory.email)
    come_back(browser)
    assert "ada@northwind.example" in browser.get("/accounts/security/")
    assert SocialAccount.objects.get().user == cast.ada


@pytest.mark.parametrize(
    "query",
    [
        {"process": "connect"},
        {"process": "redirect"},
        {"auth_params": "redirect_uri=https://x.example"},
        {"auth_params": "prompt=none"},
        {"scope": "mail"},
    ],
)
def test_a_link_does_nothing_but_sign_in(cast, provider, query):
    provider.claims = {"sub": "s-2", "email": "x@x.example", "email_verified": False}
    browser = stranger()
    sign_in(browser, cast.sam.email)
    assert browser.get(LOGIN, **query).status == 404
    assert not SocialAccount.objects.exists(), "an account of staff would be linked to somebody else"
