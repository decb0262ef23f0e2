"""The audit log of an organisation as its members read it: what narrows it, a page of it, all of it as CSV.

Pages go on from the last event shown, so that the hundredth page costs what the first does. Every way to narrow has its index.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.crypto import salted_hmac

from accounts import stories
from accounts.models import AuditEvent, Organization, User
from accounts.models.audit import noun
from dashboard.spreadsheets import defuse, line

PAGE_SIZE = 50
CSV_COLUMNS = ("Person", "E-mail", "Kind", "What", "Details", "About", "ID", "Tracking-ID")
_CURSOR = re.compile(r"(\d{8}T\d{12}Z)-(\d{1,4})\Z")
_MOMENT = "%Y%m%dT%H%M%S%fZ"

# A walk over the index from person to person: it reads a row for each of them, however long the log is.
_PEOPLE = """
WITH RECURSIVE person AS (
    (SELECT actor_id FROM accounts_auditevent
     WHERE organization_id = %(organization)s AND NOT as_staff AND actor_id IS NOT NULL ORDER BY actor_id LIMIT 1)
    UNION ALL
    SELECT (SELECT actor_id FROM accounts_auditevent
            WHERE organization_id = %(organization)s AND NOT as_staff AND actor_id > person.actor_id ORDER BY actor_id LIMIT 1)
    FROM person WHERE person.actor_id IS NOT NULL
)
SELECT u.* FROM person JOIN accounts_user u ON u.id = person.actor_id ORDER BY u.email
"""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: the moment of its last event, and how many events of that moment were shown."""

    at: dt.datetime
    shown: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(dt.UTC):{_MOMENT}}-{self.shown}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that an address names. Raises ValueError."""
        if not (found := _CURSOR.match(text)):
            raise ValueError(text)
        return cls(dt.datetime.strptime(found[1], _MOMENT).replace(tzinfo=dt.UTC), int(found[2]))


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for: `since` is included, `until` is not; `key_ids` None is everything, also what is about no key."""

    organization: Organization
    person: User | None = None
    kind: str = ""
    key_ids: tuple[str, ...] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, newest first, and where the next older ones begin."""

    events: tuple[AuditEvent, ...]
    older: Cursor | None


def people(organization: Organization) -> dict[str, User]:
    """Return the members, also former ones, who did something, by what stands for them in addresses."""
    found = User.objects.raw(_PEOPLE, {"organization": organization.pk})
    return {_reference(organization, person): person for person in found}


def _reference(organization: Organization, person: User) -> str:
    """What stands for a person in an address: no e-mail address, and no number of the database."""
    return salted_hmac("accounts.activity", f"{organization.pk} {person.pk}", algorithm="sha256").hexdigest()[:12]


def anchor(event: AuditEvent) -> str:
    """What an event is called within a page."""
    return f"{event.at.astimezone(dt.UTC):{_MOMENT}}-{event.target_id}-{event.verb}"


def address(event: AuditEvent) -> str:
    """Return the address of the page Activity that begins with an event, and marks it."""
    return f"{reverse('activity:list')}?before={Cursor(event.at, 0)}#{anchor(event)}"


def narrowed(filters: Filters) -> QuerySet[AuditEvent]:
    """Return the events that are asked for, newest first."""
    events = AuditEvent.objects.filter(organization=filters.organization)
    if filters.person is not None:
        events = events.filter(actor=filters.person, as_staff=False)
    if filters.kind == stories.SUPPORT.lower():
        events = events.filter(as_staff=True)
    elif filters.kind:
        events = events.alias(noun=noun()).filter(noun__in=stories.KINDS[filters.kind][1])
    if filters.key_ids is not None:
        events = events.filter(target_id__in=filters.key_ids)
    if filters.since is not None:
        events = events.filter(at__gte=filters.since)
    if filters.until is not None:
        events = events.filter(at__lt=filters.until)
    return events.select_related("actor").order_by("-at", "-pk")


def page(filters: Filters, before: Cursor | None = None) -> Page:
    """Return the events after a cursor. One query."""
    events, skipped = narrowed(filters), 0
    if before is not None:
        events, skipped = events.filter(at__lte=before.at), before.shown
    found = list(events[: skipped + PAGE_SIZE + 1])
    shown = found[skipped : skipped + PAGE_SIZE]
    if len(found) <= skipped + PAGE_SIZE:
        return Page(tuple(shown), None)
    last = shown[-1].at
    return Page(tuple(shown), Cursor(last, sum(event.at == last for event in found[: skipped + PAGE_SIZE])))


def lines(filters: Filters) -> Iterator[str]:
    """Yield a header and a line per event, newest first. Times are ISO 8601 with the offset of the organisation's zone.

    Always in English: programs read it, whoever downloads it.
    """
    zone = filters.organization.zone
    yield line([f"Time ({zone.key})", *CSV_COLUMNS])
    for event in narrowed(filters).iterator(chunk_size=2000):
        with translation.override(settings.LANGUAGE_CODE):
            story, kind = stories.tell(event, zone), stories.kind_of(event)
        address = "" if event.as_staff else event.actor.email if event.actor else event.actor_label
        cells = [story.who, address, kind, story.about(event.target_label), story.detail]
        cells += [event.target_label, event.target_id, event.request_id]
        yield line([event.at.astimezone(zone).isoformat(), *map(defuse, cells)])
