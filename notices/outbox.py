"""Notices and mails are written in the transaction of what they tell; a job mails them after the commit.

What is rolled back tells nobody, and a mail server that is away makes no page fail.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.utils import timezone
from procrastinate import App
from procrastinate.contrib.django.django_connector import DjangoConnector

from notices.kinds import KINDS, Kind, Mail
from notices.models import Letter, Notice, Preference

if TYPE_CHECKING:
    from accounts.models import Organization, User

QUEUE = "mail"
_jobs = App(connector=DjangoConnector())
"""Writes jobs over Django's connection and so in its transaction, also within a worker, whose own app has another one."""

DIGEST_HOUR = 8
"""When the daily mail goes out, in the person's time zone."""

FLOOD = 5
"""So many notices of one kind within an hour are mailed singly to one person; further ones wait for one mail together."""

HOUR = dt.timedelta(hours=1)


def post(
    kind: str,
    *,
    organization: "Organization | None",
    people: Iterable["User | str"],
    context: dict[str, Any],
    about: str = "",
    once: str = "",
    link: str = "",
    at: dt.datetime | None = None,
) -> None:
    """Tell people something; those without an account are given by their address. Who is inactive is told nothing.

    `once` names the occasion, for what is found again and again such as an end date: a person is told of it a single time.
    `link` is an address that only the mail holds, such as an invitation's; it is erased when the mail has gone.
    Notices of more than a day ago, such as those of demo data, are not mailed.
    """
    found, at = KINDS[kind], at or timezone.now()
    rows = [
        Notice(
            organization=organization,
            person=None if isinstance(reader, str) else reader,
            email=reader if isinstance(reader, str) else "",
            kind=kind,
            about=about,
            context=context,
            once=mark(kind, about, once),
            link=link,
            created_at=at,
        )
        for reader in dict.fromkeys(people)
        if isinstance(reader, str) or reader.is_active
    ]
    with transaction.atomic():
        Notice.objects.bulk_create(rows, ignore_conflicts=bool(once))
        made = Notice.objects.filter(public_id__in=[row.public_id for row in rows]).select_related("person")
        if at > timezone.now() - dt.timedelta(days=1):
            _choose_mail(found, list(made))


def mark(kind: str, about: str, once: str) -> str:
    """Return how an occasion is known; empty for what may happen again and again."""
    return f"{kind} {about} {once}" if once else ""


def untold(marks: Iterable[str]) -> list[str]:
    """Return those occasions that nobody was told of, in their order."""
    wanted = list(marks)
    told: set[str] = set()
    for start in range(0, len(wanted), 5_000):
        told.update(Notice.objects.filter(once__in=wanted[start : start + 5_000]).values_list("once", flat=True))
    return [each for each in wanted if each not in told]


def keep(*, to: str, subject: str, text: str, html: str = "") -> None:
    """Put a mail with words of its own into the outbox."""
    with transaction.atomic():
        letter = Letter.objects.create(to=to, subject=subject[:250], text=text, html=html)
        defer_sending([letter])


def defer_sending(letters: Sequence[Letter]) -> None:
    """Have a worker send letters after the commit."""
    defer("notices.send", QUEUE, [{"letter": letter.public_id} for letter in letters])


def defer(task: str, queue: str, arguments: Sequence[dict[str, Any]], *, priority: int = 0) -> None:
    """Have a worker run a task after the commit, once for each set of arguments; what is rolled back runs nothing.

    Of the jobs that are due those with a higher priority run first, then those that were deferred first.
    """
    if arguments:
        _jobs.configure_task(task, queue=queue, priority=priority).batch_defer(*arguments)


def _choose_mail(kind: Kind, notices: list[Notice]) -> None:
    """Give each notice a letter, a moment for the digest, or neither."""
    people = [notice.person for notice in notices if notice.person]
    wanted = {preference.person_id: preference.mail for preference in _preferences(kind, people)}
    flooded = _flooded(kind, people)
    at_once = []
    for notice in notices:
        mail = wanted.get(notice.person_id or 0, kind.group.default)
        if mail == Mail.DAILY and notice.person:
            notice.digest_due_at = _next_digest(zone_of(notice.person))
        elif mail == Mail.AT_ONCE and notice.person_id in flooded:
            notice.digest_due_at = flooded[notice.person_id] or timezone.now() + HOUR
        elif mail == Mail.AT_ONCE:
            at_once.append(notice)
    letters = [Letter(to=notice.person.email if notice.person else notice.email) for notice in at_once]
    for notice, letter in zip(at_once, Letter.objects.bulk_create(letters), strict=True):
        notice.letter = letter
    Notice.objects.bulk_update(notices, ["letter", "digest_due_at"])
    defer_sending(letters)


def _preferences(kind: Kind, people: "list[User]") -> Iterable[Preference]:
    if kind.group.is_mandatory:
        return ()
    return Preference.objects.filter(person__in=people, group=kind.group.code)


def _flooded(kind: Kind, people: "list[User]") -> dict[int | None, dt.datetime | None]:
    """People who had many of the kind within the hour, and when the mail is due that collects what follows."""
    if kind.group.is_mandatory:
        return {}
    recent = Notice.objects.filter(person__in=people, kind=kind.code, created_at__gt=timezone.now() - HOUR)
    due = models.Min("digest_due_at", filter=models.Q(letter=None))
    counted = recent.values("person").annotate(many=models.Count("pk"), due=due).filter(many__gt=FLOOD)
    return {row["person"]: row["due"] for row in counted}


def zone_of(person: "User") -> ZoneInfo:
    """Return the time zone of the organisation that a person joined first; UTC for those who belong to none."""
    first = person.organizations.order_by("memberships__created_at").first()
    return first.zone if first else ZoneInfo("UTC")


def _next_digest(zone: ZoneInfo) -> dt.datetime:
    here = timezone.now().astimezone(zone)
    today = here.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if today > here else today + dt.timedelta(days=1)
