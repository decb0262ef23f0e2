"""Invite, send again, withdraw; accept signed in, signed out, with a new account, with another address."""

import datetime as dt
import threading

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent, Invitation, Organization, User
from keys.refusals import Refusal
from notices.models import Letter, Notice
from tests.accounts.journey import is_signed_in, link_in_mail, sign_in, stranger
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
NEW = "grace@hopper.example"


def page_of(cast):
    return f"/organizations/{cast.northwind.public_id}/"


def invite(browser, cast, email=NEW, role="developer", **more):
    return browser.submit(f"{page_of(cast)}members/invite/", email=email, role=role, **more)


@pytest.fixture
def link(cast, ada):
    """The path of the link that Grace has in her mail."""
    assert invite(ada, cast).status == 302
    return link_in_mail()


def test_inviting_sends_a_mail_with_the_only_copy_of_the_link(cast, ada, link):
    (sent,) = mail.outbox
    assert sent.to == [NEW]
    assert sent.subject == "Invitation to Northwind Routing"
    assert "Ada Nowak (ada@northwind.example) invites you to Northwind Routing" in sent.body
    assert "with the role developer" in sent.body
    token = link.rstrip("/").split("/")[-1]
    stored = Invitation.objects.values().get()
    assert token not in str(stored)
    assert token not in str([list(model.objects.values()) for model in (Notice, Letter)]), "the mail has gone"
    page = ada.get(f"{page_of(cast)}members/")
    assert NEW in page
    assert token not in page.source
    assert token not in str(list(AuditEvent.objects.values()))


def test_whoever_invites_does_not_choose_where_the_link_leads(cast, ada, settings):
    settings.ALLOWED_HOSTS = [".latchkey.example"]
    ada.client.defaults["HTTP_HOST"] = "thief.latchkey.example"
    assert invite(ada, cast).status == 302
    assert "thief" not in mail.outbox[0].body
    assert link_in_mail().startswith("/organizations/join/")


def test_sent_twice_the_form_invites_once(cast, ada):
    address = f"{page_of(cast)}members/invite/"
    fields = ada.get(address).fields("main form") | {"email": NEW, "role": "viewer"}
    for _ in range(2):
        assert ada.post(address, fields).status == 302
    assert (Invitation.objects.count(), len(mail.outbox)) == (1, 1)


@pytest.mark.parametrize("email", ["GRACE@hopper.example", "ben@northwind.example", "no address", ""])
def test_who_is_invited_or_a_member_already_is_not_invited_again(cast, ada, link, email):
    page = invite(ada, cast, email)
    assert page.status == 422
    assert len(mail.outbox) == 1


def test_only_owners_invite_owners(cast, ada, as_user):
    cast.northwind.memberships.get(user=cast.ben).change_role(by=cast.ada, role="admin")
    ben = as_user(cast.ben)
    assert "owner" not in [box.get("value") for box in ben.get(f"{page_of(cast)}members/invite/").all("[name=role]")]
    assert invite(ben, cast, role="owner").status == 422
    assert invite(ada, cast, role="owner").status == 302


def test_an_organisation_sends_so_many_in_an_hour(cast, ada, settings):
    settings.INVITATIONS_PER_HOUR = 2
    for number in range(2):
        assert invite(ada, cast, f"p{number}@x.example").status == 302
    page = invite(ada, cast, "p3@x.example")
    assert page.status == 422
    assert "Try again later" in page
    pending = Invitation.objects.first()
    assert ada.submit(f"{page_of(cast)}invitations/{pending.public_id}/resend/").status == 422


def test_a_person_sends_no_more_from_many_organisations(cast, ada, settings):
    settings.INVITATIONS_PER_HOUR = 2
    own = [Organization.register(name=f"Flood {number}", owner=cast.ada) for number in range(2)]
    for organization in own:
        Invitation.send(organization=organization, email="victim@x.example", role="viewer", by=cast.ada)
    page = invite(ada, cast, "victim@x.example")
    assert page.status == 422
    assert "You sent many invitations in the last hour." in page
    assert not cast.northwind.invitations.exists()


def test_a_new_person_registers_through_the_link_and_is_a_member_of_nothing_else(cast, link):
    browser = stranger()
    assert "Create an account" in browser.get(link)
    assert not User.objects.filter(email=NEW).exists(), "opening the link changes nothing"
    page = browser.submit(f"{link}register/", first_name="Grace Hopper", password=PASSWORD, follow=True)
    assert page.one(".org-name").text == "Northwind Routing"
    assert "Fleet tracking" in page
    grace = User.objects.get(email=NEW)
    assert [(m.organization, m.role) for m in grace.memberships.all()] == [(cast.northwind, "developer")]
    assert grace.emailaddress_set.get().verified
    assert Organization.objects.count() == 2
    assert is_signed_in(browser)
    assert sign_in(stranger(), NEW)["Location"] == "/keys/"
    assert AuditEvent.objects.get(verb="invitation.accepted").actor == grace


@pytest.mark.parametrize("password", ["short", "1234567890", "grace@hopper.example"])
def test_a_weak_password_makes_no_account(cast, link, password):
    page = stranger().submit(f"{link}register/", password=password)
    assert page.status == 422
    assert page.one("[name=password]").get("value") is None
    assert not User.objects.filter(email=NEW).exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Grace \u202eadA", "The name has characters that cannot be shown."),
        ("Grace http://x.example", "A name has no web address in it."),
    ],
)
def test_a_name_that_cannot_be_read_or_advertises_makes_no_account(cast, link, name, said):
    page = stranger().submit(f"{link}register/", first_name=name, password=PASSWORD)
    assert page.status == 422
    assert said in page
    assert not User.objects.filter(email=NEW).exists()


def test_who_has_an_account_signs_in_on_the_way_and_joins(cast, link):
    UserFactory(email=NEW)
    browser = stranger()
    (way,) = [a.get("href") for a in browser.get(link).all("main a") if a.get("href").startswith("/accounts/login/")]
    page = browser.submit(way, selector="form.signin-form", login=NEW, password=PASSWORD, follow=True)
    assert page.one("h1").text == "Join Northwind Routing"
    page = browser.submit(link, selector="form.signin-form", follow=True)
    assert "You are a member of Northwind Routing now, as developer." in page


def test_who_clicks_twice_or_opens_the_mail_again_is_led_on_and_nobody_else(cast, link, as_user):
    grace = as_user(UserFactory(email=NEW))
    fields = grace.get(link).fields("form.signin-form")
    for _ in range(2):
        assert grace.post(link, fields)["Location"] == "/keys/"
    assert grace.get(link)["Location"] == "/keys/"
    assert as_user(cast.mallory).get(link).status == stranger().get(link).status == 404
    cast.northwind.memberships.get(user__email=NEW).remove(by=cast.ada)
    assert grace.post(link, fields).status == 404
    assert AuditEvent.objects.filter(verb="invitation.accepted").count() == 1


def test_registering_for_an_address_that_has_an_account_leads_to_the_sign_in(cast, link):
    UserFactory(email=NEW)
    page = stranger().submit(f"{link}register/", password="another good one")
    assert page.status == 422
    assert "has an account already" in page
    assert User.objects.get(email=NEW).check_password(PASSWORD)
    assert not User.objects.get(email=NEW).memberships.exists()


def test_another_address_than_the_invited_one_is_refused_and_told_why(cast, link, as_user):
    mallory = as_user(cast.mallory)
    page = mallory.get(link)
    assert f"You are signed in as {cast.mallory.email}, and this invitation is for {NEW}" in page
    page = mallory.post(link)
    assert page.status == 422
    assert f"This invitation is for {NEW}" in page
    assert cast.northwind.role_of(cast.mallory) == ""


def test_an_address_that_is_not_confirmed_does_not_count(cast, link, as_user):
    grace = UserFactory(email=NEW)
    grace.emailaddress_set.update(verified=False)
    assert as_user(grace).post(link).status == 422
    assert cast.northwind.role_of(grace) == ""


def test_the_old_link_dies_when_it_is_sent_again(cast, ada, link):
    invitation = Invitation.objects.get()
    Invitation.objects.update(expires_at=timezone.now() - dt.timedelta(days=1))
    assert stranger().get(link).status == 404
    assert ada.submit(f"{page_of(cast)}invitations/{invitation.public_id}/resend/").status == 302
    assert len(mail.outbox) == 2
    assert stranger().get(link).status == 404
    assert stranger().get(link_in_mail()).status == 200


@pytest.mark.parametrize("how", ["withdrawn", "expired", "used", "organisation deleted", "made up"])
def test_a_dead_link_says_so_and_does_nothing(cast, ada, link, as_user, how):
    grace = UserFactory(email=NEW)
    invitation = Invitation.objects.get()
    if how == "withdrawn":
        ada.submit(f"{page_of(cast)}invitations/{invitation.public_id}/withdraw/")
    elif how == "expired":
        Invitation.objects.update(expires_at=timezone.now())
    elif how == "used":
        Invitation.objects.update(accepted_at=timezone.now())
    elif how == "organisation deleted":
        cast.northwind.mark_deleted(by=cast.ada)
    else:
        link = link[:-4] + "xxx/"
    for page in (
        as_user(grace).get(link),
        as_user(grace).post(link),
        stranger().post(f"{link}register/", {"password": PASSWORD}),
    ):
        assert page.status == 404
        assert "does not work any more" in page
        assert "Northwind" not in page
    assert cast.northwind.role_of(grace) == ""


def test_who_is_a_member_already_keeps_the_role(cast, link, as_user):
    grace = UserFactory(email=NEW)
    cast.northwind.memberships.create(user=grace, role="admin")
    as_user(grace).post(link)
    assert cast.northwind.role_of(grace) == "admin"


def test_others_invitations_do_not_exist(cast, as_user, link):
    invitation, mallory = Invitation.objects.get(), as_user(cast.mallory)
    for action in ("resend", "withdraw"):
        for organization in (cast.northwind, cast.other):
            where = f"/organizations/{organization.public_id}/invitations/{invitation.public_id}/{action}/"
            assert mallory.get(where).status == mallory.post(where).status == 404
    assert Invitation.objects.get().withdrawn_at is None


@pytest.mark.django_db(transaction=True)
def test_accepting_and_withdrawing_at_once_do_not_both_happen(cast):
    grace = UserFactory(email=NEW)
    invitation, token = Invitation.send(organization=cast.northwind, email=NEW, role="viewer", by=cast.ada)
    barrier, endings = threading.Barrier(2), []

    def act(verb):
        mine = Invitation.objects.select_related("organization").get(pk=invitation.pk)
        barrier.wait()
        try:
            verb(mine)
            endings.append("done")
        except Refusal:
            endings.append("refused")
        finally:
            connection.close()

    verbs = (lambda mine: mine.accept(by=grace, token=token), lambda mine: mine.withdraw(by=cast.ada))
    threads = [threading.Thread(target=act, args=[verb]) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["done", "refused"]
