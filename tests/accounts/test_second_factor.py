"""Set up an authenticator app, sign in with its codes, use recovery codes, take it off again."""

import base64
import time

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import IntegrityError, connection

from accounts.models import AuditEvent
from notices import words
from notices.models import Notice
from tests.accounts.factors import SET_UP, code_of, set_up_app, wrong
from tests.accounts.journey import confirm, is_signed_in, sign_in, stranger
from tests.page import Browser, Page
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db
SECOND = "/accounts/second-factor/"
SECURITY = "/accounts/security/"
CODES = "/accounts/security/codes/"


def verbs_about(person) -> list[str]:
    found = AuditEvent.objects.filter(organization=None, target_id=person.public_id)
    return list(found.order_by("pk").values_list("verb", flat=True))


def told(person) -> list[str]:
    found = Notice.objects.filter(person=person, kind="security.second_factor_changed").order_by("pk")
    return [words.tell(notice).paragraphs[0] for notice in found]


@pytest.fixture
def protected(cast, ada) -> tuple[Browser, str, list[str]]:
    """Ada's browser with an app set up, its secret, her recovery codes."""
    confirm(ada)
    return ada, *set_up_app(ada)


def test_setting_up_asks_who_it_is_shows_a_code_to_scan_and_keeps_the_secret_sealed(cast, ada):
    assert ada.get(SET_UP)["Location"] == f"/accounts/reauthenticate/?next={SET_UP.replace('/', '%2F')}"
    confirm(ada)
    page = ada.get(SET_UP)
    kind, _, picture = page.one("img.qr").get("src").partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert b"<svg" in base64.b64decode(picture)
    secret, codes = set_up_app(ada)
    assert len(codes) == 10
    stored = " ".join(str(row.data) for row in Authenticator.objects.filter(user=cast.ada))
    assert secret not in stored
    assert not any(code in stored for code in codes)
    assert told(cast.ada) == [
        "An authenticator app was set up.",
        "Recovery codes were made; older ones do not work any more.",
    ]
    assert verbs_about(cast.ada) == ["second_factor.added", "recovery_codes.made"]
    assert str(AuditEvent.objects.last().after).find(secret) == -1


def test_a_wrong_first_code_sets_nothing_up(cast, ada):
    confirm(ada)
    secret = ada.get(SET_UP).one(".setup .note code").text
    page = ada.post(SET_UP, {"code": wrong(code_of(secret))})
    assert page.one(".setup .note code").text == secret, "the code that was scanned stays good"
    assert page.texts("#id_code_error") == ["This code is wrong, or it was used already."]
    assert not Authenticator.objects.exists()


def test_the_password_alone_no_longer_signs_in(cast, protected):
    _, secret, _ = protected
    browser = stranger()
    assert sign_in(browser, cast.ada.email, next="/analytics/")["Location"] == SECOND
    assert not is_signed_in(browser)
    page = browser.submit(SECOND, selector=".signin-form", code=wrong(code_of(secret, steps=1)))
    assert page.texts("#id_code_error") == ["This code is wrong, or it was used already."]
    assert not is_signed_in(browser)
    page = browser.submit(SECOND, selector=".signin-form", code=code_of(secret, steps=1))
    assert page["Location"] == "/analytics/"
    assert is_signed_in(browser)


def test_a_code_is_taken_once_also_in_the_next_period(cast, protected):
    _, secret, _ = protected
    code = code_of(secret, steps=1)
    for moment, expected in ((0, 302), (5, 200), (40, 200)):
        with time_machine.travel(time.time() + moment, tick=False):
            browser = stranger()
            sign_in(browser, cast.ada.email)
            assert browser.submit(SECOND, selector=".signin-form", code=code).status == expected, moment


def test_codes_are_shown_once_can_be_downloaded_and_made_anew(protected):
    ada, _, codes = protected
    assert not ada.get(CODES).all(".codes")
    assert not any(code in ada.get(CODES).source for code in codes)
    page = ada.submit(f"{CODES}new/", selector=".account-form", follow=True)
    fresh = page.texts(".codes code")
    assert set(fresh).isdisjoint(codes)
    assert page.one("a[download]").get("href") == "data:text/plain;charset=utf-8," + "".join(f"{c}%0A" for c in fresh)
    assert "10 of 10 left" in ada.get(SECURITY)


def test_a_recovery_code_signs_in_once_and_that_is_recorded(cast, protected):
    ada, _, codes = protected
    for code, expected in ((codes[0], 302), (codes[0], 200), (codes[1], 302)):
        browser = stranger()
        sign_in(browser, cast.ada.email)
        assert browser.submit(SECOND, selector=".signin-form", code=code).status == expected
    assert "8 of 10 left" in ada.get(SECURITY)
    event = AuditEvent.objects.filter(verb="recovery_code.used").first()
    assert (event.organization, event.actor, event.target_id) == (None, cast.ada, cast.ada.public_id)
    assert event.after["why"] == "to sign in"
    assert codes[0] not in str(event.after)


def test_new_codes_stop_the_old_ones(cast, protected):
    ada, _, codes = protected
    ada.submit(f"{CODES}new/", selector=".account-form")
    browser = stranger()
    sign_in(browser, cast.ada.email)
    assert browser.submit(SECOND, selector=".signin-form", code=codes[0]).status == 200


def test_guesses_at_codes_are_limited_for_all_browsers_together(cast, protected):
    _, secret, codes = protected
    browsers = [stranger(), stranger()]
    for number, browser in enumerate(browsers):
        browser.client.defaults["REMOTE_ADDR"] = f"10.7.0.{number}"
        sign_in(browser, cast.ada.email)
    for number in range(5):
        page = browsers[number % 2].submit(SECOND, selector=".signin-form", code=f"00000{number}")
        assert page.texts("#id_code_error") == ["This code is wrong, or it was used already."]
    for right in (code_of(secret, steps=1), codes[0]):
        page = browsers[1].submit(SECOND, selector=".signin-form", code=right)
        assert page.texts("#id_code_error") == [
            "Too many attempts with this address. Wait five minutes, then try again."
        ]


def test_removing_the_app_asks_who_it_is_and_ends_the_recovery_codes(cast, protected, as_user):
    other = as_user(cast.ada)
    assert other.get(f"{SET_UP}remove/")["Location"].startswith("/accounts/reauthenticate/")
    assert other.post(f"{SET_UP}remove/")["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.count() == 2
    ada, _, _ = protected
    ada.submit(f"{SET_UP}remove/", selector=".account-form")
    assert not Authenticator.objects.exists()
    assert verbs_about(cast.ada)[-1] == "second_factor.removed"
    assert told(cast.ada)[-1] == "The authenticator app was removed."
    browser = stranger()
    assert sign_in(browser, cast.ada.email)["Location"] == "/keys/"


def test_a_code_confirms_who_it_is(cast, protected, as_user):
    _, _, codes = protected
    browser = as_user(cast.ada)
    page = browser.submit(
        "/accounts/reauthenticate/code/?next=/accounts/email/", selector=".signin-form", code=codes[0]
    )
    assert page["Location"] == "/accounts/email/"
    assert AuditEvent.objects.get(verb="recovery_code.used").after["why"] == "to confirm that it is them"


def test_an_address_can_still_be_changed_and_another_factor_added_meanwhile(cast, protected):
    ada, _, _ = protected
    assert ada.post("/accounts/email/", {"email": "ada@new.example", "action_add": ""}).status == 302
    assert mail.outbox[-1].to == ["ada@new.example"]
    assert ada.get(f"{SECURITY}passkeys/add/").status == 200


def test_an_event_that_cannot_be_written_leaves_no_factor(cast, ada):
    confirm(ada)
    secret = ada.get(SET_UP).one(".setup .note code").text
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent ADD CHECK (verb <> 'second_factor.added')")
    with pytest.raises(IntegrityError):
        ada.post(SET_UP, {"code": code_of(secret)})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("path", [SECURITY, SET_UP, f"{SET_UP}remove/", CODES, f"{CODES}new/"])
def test_strangers_are_asked_to_sign_in(path):
    page = stranger().get(path)
    assert page.status == 302
    assert page["Location"].startswith("/accounts/login/")


def test_nobody_reaches_the_second_step_without_the_first():
    assert stranger().get(SECOND)["Location"] == "/accounts/login/"
    assert stranger().post(SECOND, {"code": "123456"})["Location"] == "/accounts/login/"


PEOPLE = "/admin/accounts/user/"


def reset(browser: Browser, person, **fields: str) -> Page:
    data = {"action": "reset_second_factors", "_selected_action": [str(person.pk)]} | fields
    return browser.post(PEOPLE, data, follow=True)


def test_staff_help_somebody_who_lost_everything_with_a_reason_that_is_kept(cast, protected, as_user):
    sam = as_user(cast.sam)
    assert reset(sam, cast.ada).one("input[name=reason]") is not None
    assert Authenticator.objects.filter(user=cast.ada).count() == 2, "asking removes nothing"
    page = reset(sam, cast.ada, answered="1", reason="Lost phone, called back")
    assert "1 person has no second factor any more." in page
    assert not Authenticator.objects.exists()
    event = AuditEvent.objects.get(verb="second_factors.reset")
    assert (event.actor, event.as_staff, event.after) == (cast.sam, True, {"reason": "Lost phone, called back"})
    removed = AuditEvent.objects.get(verb="second_factor.removed")
    assert (removed.actor, removed.as_staff, removed.target_id) == (cast.sam, True, cast.ada.public_id)
    assert told(cast.ada)[-1] == "The authenticator app was removed."
    assert "1 of the chosen had none" in reset(sam, cast.ada, answered="1", reason="Again")


def test_only_superusers_do_that_to_staff(cast, as_user):
    Authenticator.objects.create(user=cast.sam, type="totp", data={"secret": "x"})
    helper = as_user(staff_with("accounts.view_user", "accounts.change_user"))
    page = reset(helper, cast.sam, answered="1", reason="Mischief")
    assert "Superusers alone take the second factor off staff." in page
    assert Authenticator.objects.filter(user=cast.sam).exists()
