"""Letters become mails: put together at the last moment, sent once as far as SMTP allows, tried again when it fails."""

import datetime as dt
import logging
from email.utils import parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext

from accounts.signin.factors import has_second_factor
from dashboard import languages
from notices import outbox, words
from notices.kinds import Audience
from notices.models import Letter, Notice

log = logging.getLogger("latchkey.mail")

WAITS: Final = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
"""How long is waited after each attempt that failed; after the one that follows the last wait a letter has failed."""


def send(public_id: str) -> dt.timedelta | None:
    """Send a letter that has not ended; return how long to wait when that failed and there is to be another attempt.

    The row is locked until the mail server has taken the mail, so two workers never send it both. A process that is killed
    in the moment between that and the commit sends it again, under the same Message-ID.
    """
    with transaction.atomic():
        letter = Letter.objects.select_for_update().filter(public_id=public_id).first()
        if letter is None or letter.state not in {"waiting", "retrying"}:
            return None
        message = compose(letter)
        if message is None:
            letter.end("dropped_at")
            return None
        letter.attempts, letter.subject = letter.attempts + 1, str(message.subject)[:250]
        try:
            get_connection().send_messages([message])
        except Exception as error:  # whatever a mail server or a broken address can do must not end the worker's job
            return _note_failure(letter, error)
        letter.error = ""
        letter.end("sent_at")
        return None


def compose(letter: Letter) -> EmailMultiAlternatives | None:
    """Return the mail, in its reader's language; none when nobody is left to tell."""
    message = EmailMultiAlternatives(letter.subject, letter.text, to=[letter.to], headers=_headers(letter))
    if letter.text:  # words of its own, which were written in the reader's language
        return _with_html(message, letter.html)
    notices = list(letter.notices.select_related("organization", "person"))
    readable = [notice for notice in notices if may_read(notice)]
    if not readable:
        return None
    person = notices[0].person
    if person:
        message.to = [person.email]
    reader = languages.of(person, otherwise=readable[0].context.get("language", settings.LANGUAGE_CODE))
    with translation.override(reader):
        return _tell(message, readable)


def _tell(message: EmailMultiAlternatives, notices: list[Notice]) -> EmailMultiAlternatives:
    """Put notices into a mail, in the language that is active."""
    hidden = [notice for notice in notices if is_hidden(notice)]
    tellings = [words.tell(notice) for notice in notices if notice not in hidden] + words.tell_of_hidden(hidden)
    several = ngettext("%(number)d notices from %(brand)s", "%(number)d notices from %(brand)s", len(tellings))
    counted = several % {"number": len(notices), "brand": settings.BRAND_NAME}
    message.subject = tellings[0].title if len(tellings) == 1 else counted
    context: dict[str, Any] = {
        "subject": message.subject,
        "tellings": tellings,
        "dashboard_url": settings.DASHBOARD_URL,
        "why": _why(notices),
        "may_choose": any(notice.person and not notice.kind_of.group.is_mandatory for notice in notices),
    }
    message.body = render_to_string("notices/mail/letter.txt", context).strip() + "\n"
    return _with_html(message, render_to_string("notices/mail/letter.html", context))


def _why(notices: list[Notice]) -> str:
    """Say why somebody gets a mail."""
    customers = {
        notice.organization.name: None
        for notice in notices
        if notice.organization and notice.person and notice.kind_of.audience is Audience.MEMBERS
    }
    if customers:
        return gettext("You get this mail as a member of %(customers)s.") % {"customers": ", ".join(customers)}
    if any(notice.person is None or notice.kind_of.has_link for notice in notices):
        return gettext("You get this mail because somebody gave your address.")
    if all(notice.kind_of.audience is Audience.STAFF for notice in notices):
        return gettext("You get this mail because you help customers.")
    return gettext("You get this mail because it is about your account.")


def _with_html(message: EmailMultiAlternatives, html: str) -> EmailMultiAlternatives:
    if html:
        message.attach_alternative(html, "text/html")
    return message


def may_read(notice: Notice) -> bool:
    """Whether a notice's reader is still somebody to tell: active, and still a member or of the staff where that matters."""
    if notice.person is None:
        return True
    audience = notice.kind_of.audience
    if not notice.person.is_active or (audience is Audience.STAFF and not notice.person.is_staff):
        return False
    if audience is not Audience.MEMBERS or notice.organization_id is None:
        return True
    return notice.person.memberships.filter(organization=notice.organization_id).exists()


def is_hidden(notice: Notice) -> bool:
    """Whether pages would not show it to its reader, who lacks a second factor: a mail then says only that there is something."""
    reader, audience = notice.person, notice.kind_of.audience
    if reader is None or audience is Audience.PERSON:
        return False
    if audience is Audience.STAFF:
        return settings.STAFF_SECOND_FACTOR and not has_second_factor(reader)
    customer = notice.organization_id
    return customer is not None and not reader.organizations.shown_to(reader).filter(pk=customer).exists()


def _headers(letter: Letter) -> dict[str, str]:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return {"Message-ID": f"<{letter.public_id}@{domain}>", "Auto-Submitted": "auto-generated"}


def _note_failure(letter: Letter, error: Exception) -> dt.timedelta | None:
    letter.error = f"{type(error).__name__}: {error}"[:300]
    log.warning("Mail %s was not sent, attempt %d: %s", letter.public_id, letter.attempts, type(error).__name__)
    if letter.attempts > len(WAITS):
        letter.end("failed_at")
        return None
    letter.save(update_fields=["attempts", "subject", "error"])
    return WAITS[letter.attempts - 1]


def send_again(letter: Letter) -> bool:
    """Give a letter that has failed another chance. Those with words or links of their own have none: these are erased."""
    with transaction.atomic():
        found = Letter.objects.select_for_update().get(pk=letter.pk)
        notices = list(found.notices.all())
        if found.state != "failed" or not notices or any(notice.kind_of.has_link for notice in notices):
            return False
        found.failed_at, found.attempts = None, 0
        found.save(update_fields=["failed_at", "attempts"])
        outbox.defer_sending([found])
        return True


def digest_due() -> int:
    """Collect what is due into one letter per person; return how many that makes. Safe to run twice at once."""
    with transaction.atomic():
        due = Notice.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            digest_due_at__lte=timezone.now(), letter=None
        )
        by_person: dict[str, list[Notice]] = {}
        for notice in due.select_related("person").order_by("created_at", "pk"):
            by_person.setdefault(notice.person.email if notice.person else notice.email, []).append(notice)
        letters = Letter.objects.bulk_create([Letter(to=address) for address in by_person])
        for letter, notices in zip(letters, by_person.values(), strict=True):
            Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(letter=letter, digest_due_at=None)
        outbox.defer_sending(letters)
    return len(letters)
