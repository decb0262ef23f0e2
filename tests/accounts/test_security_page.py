"""Sign-in and security: what a person sees of their own sign-in, where they are signed in, how that ends."""

import time

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.signing import Signer

from accounts.models import AuditEvent
from accounts.signin.devices import COOKIE, in_words
from notices.models import Notice
from tests.accounts.journey import is_signed_in, link_in_mail, register, sign_in, stranger
from tests.factories import PASSWORD, string_of
from tests.page import Browser, Page

pytestmark = pytest.mark.django_db
PAGE = "/accounts/security/"
CHANGE = "/accounts/password/change/"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
EDGE = f"{CHROME.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64; x64')} Edg/130.0.0.0"
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"


def browser_of(user_agent: str, address: str = "203.0.113.9") -> Browser:
    browser = stranger()
    browser.client.defaults |= {"HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": address}
    return browser


def places(page: Page) -> list[str]:
    return page.texts("[aria-labelledby=places-name] .ledger > li > p")


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (WINDOWS, "Firefox on Windows"),
        (IPHONE, "Safari on iPhone"),
        (CHROME, "Chrome on Linux"),
        (EDGE, "Edge on Windows"),
        (ANDROID, "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "An unknown browser"),
        ("", "An unknown browser"),
    ],
)
def test_devices_are_said_in_words(user_agent, words):
    assert in_words(user_agent) == words


def test_the_page_says_how_one_signs_in(cast, ada):
    page = ada.get(PAGE)
    assert page.one("h1").text == "Sign-in and security"
    assert cast.ada.email in page
    assert "You have none yet" in page
    assert "Single sign-on" not in page
    assert page.all("[style], script:not([src])") == []
    assert "Members of Northwind Routing" in page


def test_only_owners_are_led_to_what_members_are_asked_for(cast, as_user):
    assert "Members of" not in as_user(cast.ben).get(PAGE)


def test_every_place_is_listed_and_one_can_be_ended(cast):
    here, phone = browser_of(WINDOWS), browser_of(IPHONE, "198.51.100.7")
    sign_in(here, cast.ada.email)
    sign_in(phone, cast.ada.email)
    sign_in(browser_of(CHROME), cast.mallory.email)
    page = here.get(PAGE)
    first, second = places(page)
    assert first.startswith("Firefox on Windows This browser. From 203.0.113.9, since today")
    assert second.startswith("Safari on iPhone From 198.51.100.7")
    for key in UserSession.objects.values_list("session_key", flat=True):
        assert key not in page.source
    link = page.one("[aria-labelledby=places-name] .ledger a").get("href")
    assert "Safari on iPhone" in here.get(link)
    assert is_signed_in(phone), "looking ends nothing"
    assert here.submit(link, selector=".account-form")["Location"] == PAGE
    assert not is_signed_in(phone)
    assert is_signed_in(here)
    assert len(places(here.get(PAGE))) == 1
    event = AuditEvent.objects.get(verb="session.ended")
    assert (event.actor, event.target_id) == (cast.ada, cast.ada.public_id)
    assert event.before == {"device": "Safari on iPhone", "network": "198.51.100.7"}
    assert here.post(link).status == 404, "a second time there is nothing to end"


def test_all_other_places_can_be_ended(cast):
    here, others = browser_of(WINDOWS), [browser_of(IPHONE), browser_of(CHROME)]
    for browser in (here, *others):
        sign_in(browser, cast.ada.email)
    page = here.submit(f"{PAGE}sessions/end-others/", selector=".account-form", follow=True)
    assert "Signed out in 2 other places." in page
    assert [is_signed_in(browser) for browser in (here, *others)] == [True, False, False]


def test_nobody_ends_another_persons_session_nor_their_own(cast):
    ada, mallory = browser_of(WINDOWS), browser_of(CHROME)
    sign_in(ada, cast.ada.email)
    other = browser_of(IPHONE)
    sign_in(other, cast.ada.email)
    sign_in(mallory, cast.mallory.email)
    link = ada.get(PAGE).one("[aria-labelledby=places-name] .ledger a").get("href")
    own = other.get(PAGE).one("[aria-labelledby=places-name] .ledger a").get("href")
    for browser, path in ((mallory, link), (ada, own), (ada, f"{PAGE}sessions/none/end/")):
        assert browser.get(path).status == browser.post(path).status == 404
    assert is_signed_in(ada)
    assert is_signed_in(other)


def test_last_seen_moves_forward_to_the_minute(cast):
    here, phone = browser_of(WINDOWS), browser_of(IPHONE)
    with time_machine.travel("2026-03-01 12:00:00+00:00", tick=False) as clock:
        sign_in(here, cast.ada.email)
        sign_in(phone, cast.ada.email)
        phone.get("/keys/")
        clock.shift(600)
        phone.client.defaults["REMOTE_ADDR"] = "192.0.2.44"
        phone.get("/keys/")
        row = UserSession.objects.get(ip="192.0.2.44")
        assert row.last_seen_at.isoformat() == "2026-03-01T12:10:00+00:00"
        clock.shift(240)
        assert "4 min ago" in places(here.get(PAGE))[1]


def test_changing_the_password_ends_every_other_session_for_good(cast):
    here, thief = browser_of(WINDOWS), browser_of(IPHONE)
    sign_in(here, cast.ada.email)
    sign_in(thief, cast.ada.email)
    new = "a wholly different phrase"
    here.submit(CHANGE, selector="form.account-form", oldpassword=PASSWORD, password1=new, password2=new)
    assert not is_signed_in(thief)
    assert is_signed_in(here)
    assert Session.objects.count() == UserSession.objects.filter(user=cast.ada).count() == 1
    verbs = AuditEvent.objects.filter(target_id=cast.ada.public_id).values_list("verb", flat=True)
    assert set(verbs) == {"device.added", "password.changed", "sessions.ended"}


def test_a_browser_that_says_very_much_of_itself_takes_no_time():
    began_at = time.process_time()
    assert in_words("Version/a " * 4000) == "An unknown browser"
    assert time.process_time() - began_at < 0.2, "read to its end it takes more than a second"


def new_devices() -> list[dict[str, str]]:
    return list(AuditEvent.objects.filter(verb="device.added").order_by("pk").values_list("after", flat=True))


def test_a_sign_in_on_a_device_that_is_new_is_recorded_once(cast):
    browser = browser_of(WINDOWS)
    sign_in(browser, cast.ada.email)
    assert new_devices() == [], "the first sign-in of all is no news"
    browser.submit("/accounts/logout/", selector=".account-form")
    sign_in(browser, cast.ada.email)
    assert new_devices() == []
    phone = browser_of(IPHONE, "198.51.100.7")
    sign_in(phone, cast.ada.email, "wrong")
    assert new_devices() == [], "who did not get in is on no device"
    sign_in(phone, cast.ada.email)
    assert new_devices() == [{"device": "Safari on iPhone", "network": "198.51.100.7"}]
    notice = Notice.objects.get(kind="signin.new_device")
    assert (notice.person, notice.context["device"]) == (cast.ada, "Safari on iPhone")
    phone.submit("/accounts/logout/", selector=".account-form")
    sign_in(phone, cast.ada.email)
    assert len(new_devices()) == 1


def test_two_people_may_share_a_device(cast):
    sign_in(browser_of(IPHONE), cast.ada.email)
    sign_in(browser_of(IPHONE), cast.mallory.email)
    shared = browser_of(WINDOWS)
    for person in (cast.ada, cast.mallory, cast.ada, cast.mallory):
        sign_in(shared, person.email)
        shared.submit("/accounts/logout/", selector=".account-form")
    assert len(new_devices()) == 2


def test_the_mark_on_a_device_tells_nothing_and_cannot_be_made_up(cast):
    sign_in(browser_of(WINDOWS), cast.ada.email)
    made_up = browser_of(CHROME)
    made_up.client.cookies[COOKIE] = Signer(salt="something else").sign("0" * 32)
    page = sign_in(made_up, cast.ada.email)
    assert len(new_devices()) == 1
    cookie = page.response.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cast.ada.email not in cookie.value
    assert str(cast.ada.pk) not in cookie.value.split(":")[0].split(".")


def test_registering_is_no_new_device():
    browser = browser_of(WINDOWS)
    register(browser)
    browser.submit(link_in_mail())
    assert is_signed_in(browser)
    assert new_devices() == []


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}sessions/x/end/", f"{PAGE}sessions/end-others/", f"{PAGE}required/"])
def test_strangers_are_asked_to_sign_in(path):
    assert stranger().get(path)["Location"].startswith("/accounts/login/")


def test_a_person_changes_the_name_that_others_see(cast, ada, as_user):
    page = ada.submit("/accounts/security/name/", name="Ada Maria  Nowak-Berg", follow=True)
    assert "Others see you as Ada Maria Nowak-Berg now." in page
    cast.ada.refresh_from_db()
    assert (cast.ada.first_name, cast.ada.last_name) == ("Ada Maria", "Nowak-Berg")
    ada.submit("/accounts/security/name/", name="Ada Maria Nowak-Berg")
    event = AuditEvent.objects.get(verb="name.changed")
    assert (event.actor, event.target_id, event.after) == (
        cast.ada,
        cast.ada.public_id,
        {"name": "Ada Maria Nowak-Berg"},
    )
    ben = as_user(cast.ben)
    assert "Ada Maria Nowak-Berg" in ben.get(f"/organizations/{cast.northwind.public_id}/members/")
    assert "Ada Maria Nowak-Berg" not in ben.get("/accounts/security/")
    assert ben.submit("/accounts/security/name/", name="Mononym").status == 302
    cast.ben.refresh_from_db()
    assert (cast.ben.first_name, cast.ben.last_name, cast.ben.label) == ("Mononym", "", "Mononym")


def test_a_name_is_needed_and_holds_no_key(cast, ada):
    for name in ("", "  ", string_of(cast.key)):
        page = ada.submit("/accounts/security/name/", htmx=True, name=name)
        assert page.status == 422
        assert string_of(cast.key) not in page.source
    assert not AuditEvent.objects.filter(verb="name.changed").exists()
