"""Mails as people read them: rendered for every kind, collected in digests and floods, tried again, erased."""

import datetime as dt
import re
from pathlib import Path

import pytest
from django.core import mail
from django.utils import timezone
from lxml import html

from notices import letters, outbox
from notices.kinds import GROUPS, KINDS
from notices.models import Letter, Notice, Preference
from tests.jobs import run_jobs
from tests.page import Page

NOW = dt.datetime(2026, 3, 2, 21, 30, tzinfo=dt.UTC)
EVERYTHING = {
    "key": "Fleet <b>tracking</b>", "actor": "The provider", "reason": "found & shown", "invited_by": "Ada Nowak", "role": "developer",
    "device": "Firefox on Linux", "address": "192.0.2.1", "change": "A passkey was added.", "what": "Ownership has moved",
    "name": "Northwind Routing", "details": "Ben owns it now.", "days": 6, "share": 15, "requests": 12345, "breaches": 90, "refused": 60, "product": "Search API",
    "current": 5, "requested": 5000, "limit": 5000, "decision": "approved", "note": "", "requester": "Ben",
    **{f"{name}_at": NOW.isoformat() for name in
       ("expires", "signed_in", "changed", "ends", "last_used", "ended", "expired", "from", "until", "undo_until")},
}  # fmt: skip


def post(cast, person, kind="key.disabled", **more):
    outbox.post(
        kind, organization=cast.northwind, people=[person], context=EVERYTHING, about=cast.key.public_id, **more
    )  # fmt: skip


def body_of(message, subtype: str) -> str:
    return message.body if subtype == "plain" else message.alternatives[0][0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_the_same_in_text_and_html(cast, kind):
    cast.northwind.time_zone = "Europe/Amsterdam"
    cast.northwind.save()
    post(cast, cast.sam if kind == "qps_request.received" else cast.ada, kind)
    run_jobs()
    (message,) = mail.outbox
    page = html.fromstring(message.alternatives[0][0])
    shown = " ".join(page.text_content().split())
    assert "{" not in message.subject + message.body
    assert "None" not in message.body
    assert message.subject == page.cssselect("h1")[0].text_content().strip()
    for paragraph in re.findall(r"^(\S.*[.”])$", message.body, re.MULTILINE):
        assert " ".join(paragraph.split()) in shown
    assert page.cssselect("main b, script, img, [style]") == []
    assert "2 March 2026, 22:30 CET" in message.body or "_at}" not in str(KINDS[kind])
    (link,) = set(re.findall(r"http://localhost:8000/notices/ntc_\w+/", message.body))
    (why,) = re.findall(r"^You get this mail .*\.$", message.body, re.MULTILINE)
    assert why in page.cssselect("footer")[0].text_content()
    assert link in [a.get("href") for a in page.cssselect("a")]
    for address in page.xpath("//@src | //link/@href"):
        raise AssertionError(f"a mail loads {address}")


def test_the_page_of_the_docs_lists_every_kind_with_its_group():
    text = (Path(__file__).resolve().parents[2] / "docs/notices.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", text, re.MULTILINE))
    assert rows == {code: kind.group.name for code, kind in KINDS.items()}
    assert {kind.group for kind in KINDS.values()} == set(GROUPS)


def test_what_waits_for_the_daily_mail_comes_in_one_at_eight_in_the_organisations_morning(cast, time_machine):
    cast.northwind.time_zone = "Asia/Kolkata"
    cast.northwind.save()
    Preference.objects.create(person=cast.ada, group="keys", mail="daily")
    time_machine.move_to(NOW)
    post(cast, cast.ada)
    post(cast, cast.ada, "key.enabled")
    run_jobs()
    assert mail.outbox == []
    assert set(Notice.objects.values_list("digest_due_at", flat=True)) == {
        dt.datetime(2026, 3, 3, 2, 30, tzinfo=dt.UTC)
    }
    time_machine.move_to(dt.datetime(2026, 3, 3, 2, 29, tzinfo=dt.UTC))
    assert letters.digest_due() == 0
    time_machine.move_to(dt.datetime(2026, 3, 3, 2, 31, tzinfo=dt.UTC))
    assert [letters.digest_due(), letters.digest_due()] == [1, 0]
    run_jobs()
    (message,) = mail.outbox
    assert message.subject == "2 notices from Latchkey"
    for subtype in ("plain", "html"):
        assert "Key disabled" in body_of(message, subtype)
        assert "Key enabled" in body_of(message, subtype)


def test_a_flood_is_five_mails_and_then_one(cast, time_machine):
    now = timezone.now()
    for _ in range(12):
        post(cast, cast.ada)
    run_jobs()
    assert len(mail.outbox) == 5
    time_machine.move_to(now + dt.timedelta(minutes=61))
    letters.digest_due()
    run_jobs()
    assert [message.subject for message in mail.outbox[5:]] == ["7 notices from Latchkey"]


def test_a_mail_server_that_stays_away_is_tried_for_a_day_and_given_up(cast, settings, time_machine):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    outbox.keep(to="ada@northwind.example", subject="Set a new password", text="http://testserver/reset/secret/")
    letter, waits = Letter.objects.get(), []
    while wait := letters.send(letter.public_id):
        waits.append(wait)
        letter.refresh_from_db()
        assert "secret" in letter.text
    assert waits == list(letters.WAITS)
    letter.refresh_from_db()
    assert (letter.state, letter.text, letter.attempts) == ("failed", "", 8)
    assert not letters.send_again(letter)
    assert dt.timedelta(hours=20) < sum(waits, dt.timedelta()) < dt.timedelta(days=1)


def test_words_of_their_own_are_erased_when_they_are_sent(db):
    outbox.keep(to="ada@northwind.example", subject="Set a new password", text="http://testserver/reset/secret/")
    run_jobs()
    assert "secret" in mail.outbox[0].body
    letter = Letter.objects.get()
    assert (letter.state, letter.subject, letter.text) == ("sent", "Set a new password", "")


def test_signs_of_a_header_in_a_name_stay_in_the_subject(cast):
    outbox.post(
        "key.disabled", organization=cast.northwind, people=[cast.ada], about=cast.key.public_id,
        context={"key": "Fleet\r\nBcc: mallory@other.example", "actor": "Ben", "reason": "x"},
    )  # fmt: skip
    run_jobs()
    assert mail.outbox[0].recipients() == [cast.ada.email]
    assert "\n" not in mail.outbox[0].subject


def test_braces_in_a_name_are_only_text(cast):
    outbox.post(
        "key.disabled", organization=cast.northwind, people=[cast.ada], about=cast.key.public_id,
        context={"key": "{about.__class__} {0}", "actor": "Ben", "reason": "{reason}"},
    )  # fmt: skip
    run_jobs()
    assert mail.outbox[0].subject == "Key disabled: {about.__class__} {0}"
    assert "Reason: {reason}" in mail.outbox[0].body


def test_registering_works_while_the_mail_server_is_away(db, settings):
    from tests.accounts.journey import register, stranger

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    page: Page = register(stranger())
    assert (page.status, page["Location"]) == (302, "/accounts/confirm-email/")
    assert Letter.objects.get(to="grace@hopper.example").state == "retrying"
