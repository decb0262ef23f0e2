"""Mails and notices in the admin: what became of them, and another chance for those that failed."""

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import AuditEvent
from notices import outbox
from notices.models import Letter, Notice
from tests.support.staff import staff_with

LETTERS, NOTICES = "/admin/notices/letter/", "/admin/notices/notice/"


@pytest.fixture
def failed(cast) -> Letter:
    """The mail of a notice to Ada that was given up."""
    cast.key.disable(by=cast.ben, reason="found in public")
    Letter.objects.update(failed_at=timezone.now(), attempts=8, error="ConnectionRefusedError: no")
    return Letter.objects.get(to=cast.ada.email)


def send_again(browser, letter):
    return browser.post(LETTERS, {"action": "send_again", "_selected_action": [letter.pk], "index": "0"}, follow=True)


def test_a_mail_that_failed_is_sent_again_and_that_is_audited(cast, as_user, failed):
    sam = as_user(cast.sam)
    assert sam.get(LETTERS, state="failed").texts("#result_list .field-error") == ["ConnectionRefusedError: no"]
    assert "Mails that are sent again: 1." in send_again(sam, failed)
    assert [message.to for message in mail.outbox] == [[cast.ada.email]]
    failed.refresh_from_db()
    assert failed.state == "sent"
    assert AuditEvent.objects.get(verb="letter.sent_again").target_id == failed.public_id
    assert "have not failed" in send_again(sam, failed)
    assert len(mail.outbox) == 1


def test_looking_is_not_sending(cast, as_user, failed):
    browser = as_user(staff_with("notices.view_letter"))
    assert browser.get(LETTERS).status == 200
    send_again(browser, failed)
    assert mail.outbox == []


def test_the_words_of_a_mail_and_the_link_of_an_invitation_are_shown_nowhere(cast, as_user):
    outbox.keep(to="ada@northwind.example", subject="Set a new password", text="http://testserver/reset/the-secret/")
    outbox.post(
        "invitation", organization=cast.northwind, people=["new@example.com"], link="http://testserver/join/the-secret/",
        context={"invited_by": "Ada", "role": "developer", "expires_at": timezone.now().isoformat()},
    )  # fmt: skip
    sam = as_user(cast.sam)
    addresses = [f"{LETTERS}{letter.pk}/change/" for letter in Letter.objects.all()]
    addresses += [f"{NOTICES}{notice.pk}/change/" for notice in Notice.objects.all()]
    for address in [LETTERS, NOTICES, *addresses]:
        page = sam.get(address)
        assert page.status == 200
        assert "the-secret" not in page.source
    assert "new@example.com" in sam.get(NOTICES)


def test_notices_are_found_by_the_key_that_they_are_about(cast, as_user, failed):
    page = as_user(cast.sam).get(NOTICES, q=cast.key.public_id)
    assert page.texts("#result_list .field-title") == ["Key disabled: Fleet tracking"]
    assert page.texts("#result_list .field-mail_state") == ["failed"]
