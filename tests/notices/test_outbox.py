"""What is posted is there when its transaction is, reaches those it is meant for, and is mailed once."""

import datetime as dt

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership
from notices import outbox
from notices.models import Letter, Notice, Preference
from tests.jobs import run_jobs

HOUR = dt.timedelta(hours=1)


def post(cast, *people, kind="key.disabled", **more):
    context = {"key": "Fleet tracking", "actor": "The provider", "reason": "found in public"}
    outbox.post(
        kind, organization=cast.northwind, people=people, context=context, about=cast.key.public_id, **more
    )  # fmt: skip


def receivers() -> list[str]:
    run_jobs()
    return sorted(address for message in mail.outbox for address in message.to)


def test_each_person_gets_a_notice_and_a_mail_in_text_and_html(cast):
    post(cast, cast.ada, cast.ben)
    assert mail.outbox == []
    assert receivers() == [cast.ada.email, cast.ben.email]
    message = mail.outbox[0]
    assert message.subject == "Key disabled: Fleet tracking"
    assert [kind for _, kind in message.alternatives] == ["text/html"]
    assert Notice.objects.filter(about=cast.key.public_id, read_at=None).count() == 2
    assert {letter.state for letter in Letter.objects.all()} == {"sent"}


def test_running_the_jobs_again_mails_nothing_twice(cast):
    post(cast, cast.ada)
    run_jobs()
    outbox.defer_sending(list(Letter.objects.all()))
    assert receivers() == [cast.ada.email]


def test_what_is_rolled_back_tells_nobody(cast):
    def break_off() -> None:
        with transaction.atomic():
            post(cast, cast.ada)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert receivers() == []
    assert not Notice.objects.exists()


def test_an_occasion_is_told_once(cast):
    for _ in range(2):
        post(cast, cast.ada, once="2026-12-24")
    post(cast, cast.ada, cast.ben, once="2026-12-24")
    assert receivers() == [cast.ada.email, cast.ben.email]
    post(cast, cast.ada, once="2026-12-31")
    assert Notice.objects.filter(person=cast.ada).count() == 2


def test_who_is_inactive_or_leaves_before_the_mail_goes_is_told_nothing(cast):
    cast.vera.is_active = False
    cast.vera.save()
    post(cast, cast.ada, cast.ben, cast.vera)
    Membership.objects.filter(user=cast.ben).delete()
    assert receivers() == [cast.ada.email]
    assert Letter.objects.get(to=cast.ben.email).state == "dropped"
    assert not Notice.objects.filter(person=cast.vera).exists()


def test_each_person_chooses_but_not_about_their_account(cast):
    for group in ("keys", "account"):
        Preference.objects.create(person=cast.ben, group=group, mail="never")
    post(cast, cast.ada, cast.ben)
    assert receivers() == [cast.ada.email]
    assert Notice.objects.get(person=cast.ben).mail_state == "not by mail"
    mail.outbox.clear()
    outbox.post("organization.suspended", organization=cast.northwind, people=[cast.ben], context={"reason": "x"})
    assert receivers() == [cast.ben.email]


def test_an_invitation_goes_to_an_address_and_its_link_is_kept_only_until_it_is_sent(cast):
    link = "http://testserver/invitations/the-token/"
    outbox.post(
        "invitation", organization=cast.northwind, people=["new@example.com"], link=link,
        context={"invited_by": "Ada Nowak", "role": "developer", "expires_at": timezone.now().isoformat()},
    )  # fmt: skip
    assert Notice.objects.get().link == link
    assert receivers() == ["new@example.com"]
    assert mail.outbox[0].subject == "Invitation to Northwind Routing"
    assert link in mail.outbox[0].body
    assert Notice.objects.get().link == ""


def test_what_happened_long_ago_is_a_notice_without_a_mail(cast):
    post(cast, cast.ada, at=timezone.now() - dt.timedelta(days=5))
    assert receivers() == []
    assert Notice.objects.get().created_at < timezone.now() - dt.timedelta(days=4)
