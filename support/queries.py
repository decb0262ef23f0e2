"""What the pages of the support desk need. It crosses organisations on purpose; nothing here reads a digest or a sealed copy."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Max, Q, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organization, User
from accounts.signin import factors, sessions
from analytics.models import RequestRecord, UsageDay, UsageError
from analytics.reasons import ANSWERED, Reason, explain
from keys.models import ApiKey, KeySecret, QpsRequest
from keys.queries import Limit, limits, state_of
from support import lines
from support.lines import HistoryLine, KeyLine, RequestLine
from support.models import SupportNote

SHOWN_KEYS = SHOWN_REQUESTS = SHOWN_MEMBERS = SHOWN_NOTES = 50
SHOWN_WISHES = 10
SHOWN_REFUSALS = 8
REFUSED_DAYS = 7
USAGE_DAYS = 30


# A key ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SecretLine:
    """A string of a key by number and hint. `state` is a word of `ui.STATE_WORDS`."""

    number: int
    hint: str
    state: str
    created_at: dt.datetime
    created_by: str
    ended_at: dt.datetime | None
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class RefusalLine:
    """Why requests were refused or failed, in words, and how many in REFUSED_DAYS."""

    reason: Reason
    status: int
    requests: int
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One key as staff see it."""

    key: ApiKey
    state: str
    members: tuple[Membership, ...]
    secrets: tuple[SecretLine, ...]
    limits: tuple[Limit, ...]
    refusals: tuple[RefusalLine, ...]
    requests: tuple[RequestLine, ...]
    events: tuple[HistoryLine, ...]

    @property
    def current_hint(self) -> str:
        """What is shown of the current string."""
        return next((secret.hint for secret in self.secrets if secret.state == "current"), "")


def key_page(key: ApiKey) -> KeyPage:
    """Return what the page of a key shows, in eight queries."""
    records = RequestRecord.objects.filter(key_id=key.pk).order_by("-at")[:SHOWN_REQUESTS]
    secrets = key.secrets.select_related("created_by").defer("digest", "sealed")
    return KeyPage(
        key=key,
        state=state_of(key),
        members=tuple(key.organization.memberships.select_related("user")[:SHOWN_MEMBERS]),
        secrets=tuple(_secret_line(secret) for secret in secrets),
        limits=tuple(limits(key)),
        refusals=_refusals(key),
        requests=lines.request_lines(records, with_keys=False),
        events=lines.history(Q(target_id=key.public_id)),
    )


def _secret_line(secret: KeySecret) -> SecretLine:
    author = secret.created_by.email if secret.created_by else ""
    return SecretLine(
        secret.number, secret.hint, secret.state, secret.created_at, author, secret.ended_at, secret.last_used_at
    )


def _refusals(key: ApiKey) -> tuple[RefusalLine, ...]:
    since = timezone.now() - dt.timedelta(days=REFUSED_DAYS)
    refused = UsageError.objects.filter(key_id=key.pk, hour__gt=since).exclude(outcome=ANSWERED).order_by()
    found = refused.values_list("status", "outcome").annotate(count=Sum("requests"), last=Max("hour"))
    return tuple(
        RefusalLine(explain(status, outcome), status, count, last)
        for status, outcome, count, last in found.order_by("-last", "-count")[:SHOWN_REFUSALS]
    )


# A person -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PersonPage:
    """A person: where they belong, how they sign in, what they did last."""

    person: User
    memberships: tuple[Membership, ...]
    addresses: tuple[EmailAddress, ...]
    factors: tuple[str, ...]
    sign_ins: int
    events: tuple[HistoryLine, ...]


def person_page(person: User) -> PersonPage:
    """Return what the page of a person shows, in five queries. No password, not even as a digest, is read for it."""
    return PersonPage(
        person=person,
        memberships=tuple(person.memberships.select_related("organization")[:SHOWN_MEMBERS]),
        addresses=tuple(EmailAddress.objects.filter(user=person).order_by("-primary", "email")),
        factors=factors.kinds_of(person),
        sign_ins=sessions.count_alive(person),
        events=lines.history(Q(actor=person)),
    )


# A customer -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class UsageTotals:
    """What the keys of a customer were asked in USAGE_DAYS."""

    requests: int
    over_qps: int
    errors_4xx: int
    errors_5xx: int


@dataclass(frozen=True, slots=True)
class OrganizationPage:
    """A customer as staff see it. `keys` are the newest; `key_count` are all that are not deleted."""

    customer: Organization
    members: tuple[Membership, ...]
    member_count: int
    keys: tuple[KeyLine, ...]
    key_count: int
    wishes: tuple[QpsRequest, ...]
    usage: UsageTotals
    events: tuple[HistoryLine, ...]


def organization_page(customer: Organization) -> OrganizationPage:
    """Return what the page of a customer shows, in eight queries."""
    newest = customer.keys.kept().values_list("pk", flat=True)[:SHOWN_KEYS]
    wishes = QpsRequest.objects.filter(key__organization=customer).select_related("key", "product", "decided_by")
    return OrganizationPage(
        customer=customer,
        members=tuple(customer.memberships.select_related("user")[:SHOWN_MEMBERS]),
        member_count=customer.memberships.count(),
        keys=lines.key_lines(ApiKey.objects.filter(pk__in=list(newest))),
        key_count=customer.keys.kept().count(),
        wishes=tuple(wishes[:SHOWN_WISHES]),
        usage=_usage(customer),
        events=lines.history(Q(organization=customer), with_looks=True),
    )


def _usage(customer: Organization) -> UsageTotals:
    first = timezone.now().astimezone(customer.zone).date() - dt.timedelta(days=USAGE_DAYS - 1)
    names = ("requests", "over_qps", "errors_4xx", "errors_5xx")
    days = UsageDay.objects.filter(organization_id=customer.pk, date__gte=first)
    sums = days.aggregate(**{name: Sum(name) for name in names})
    return UsageTotals(**{name: int(sums[name] or 0) for name in names})


# Notes ----------------------------------------------------------------------------------------------------------------
def notes_about(public_id: str) -> tuple[SupportNote, ...]:
    """Return the notes about something, the newest first."""
    return tuple(SupportNote.objects.filter(about=public_id)[:SHOWN_NOTES])


def page_of(target: ApiKey | Organization | User) -> str:
    """Return the address of the page that a note is shown on."""
    names: dict[Any, str] = {ApiKey: "support:key", Organization: "support:organization", User: "support:person"}
    return reverse(names[type(target)], args=[target.public_id])
