"""Rows of the support desk's tables: keys, requests, people, organisations, events. They cross organisations on purpose; no digest, no sealed copy."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from accounts.models import AuditEvent, Membership, Organization, User
from accounts.stories import Story, tell
from analytics.models import RequestRecord
from analytics.reasons import explain
from keys.models import ApiKey, Product
from keys.queries import state_of, with_hint, with_state

SHOWN_EVENTS = 20
SHOWN_MEMBERSHIPS = 5


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in a list. `organization` is its customer's name."""

    public_id: str
    name: str
    organization: str
    organization_id: int
    hint: str
    state: str
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person in a list, with the first few of their organisations and roles."""

    public_id: str
    email: str
    name: str
    is_active: bool
    is_staff: bool
    memberships: tuple[Membership, ...]
    last_login: dt.datetime | None


@dataclass(frozen=True, slots=True)
class OrganizationLine:
    """A customer in a list."""

    pk: int
    public_id: str
    name: str
    plan: str
    is_suspended: bool
    keys: int
    members: int


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One answered request in words; `key`, with its organisation, is None where the string was unknown."""

    at: dt.datetime
    tracking_id: str
    outcome: str
    words: str
    advice: str
    is_refused: bool
    status: int
    product: str
    secret_number: int
    host: str
    network: str
    client: str
    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What happened to what; `actor` is the e-mail address that the customer does not see of staff."""

    story: Story
    actor: str
    is_staff: bool
    at: dt.datetime
    about: str


def key_lines(keys: QuerySet[ApiKey]) -> tuple[KeyLine, ...]:
    """Return keys as lines, kept ones first. One query."""
    found = with_hint(with_state(keys)).select_related("organization")
    return tuple(
        KeyLine(
            key.public_id,
            key.name,
            key.organization.name,
            key.organization_id,
            key.hint or "",
            state_of(key),
            key.last_used_at,
        )
        for key in found.order_by("-deleted_at", "organization__name", "name", "pk")
    )


def person_lines(people: QuerySet[User]) -> tuple[PersonLine, ...]:
    """Return people as lines. Two queries."""
    members = Prefetch("memberships", Membership.objects.select_related("organization"))
    return tuple(
        PersonLine(
            person.public_id,
            person.email,
            person.get_full_name(),
            person.is_active,
            person.is_staff,
            tuple(person.memberships.all()[:SHOWN_MEMBERSHIPS]),
            person.last_login,
        )
        for person in people.prefetch_related(members).order_by("email")
    )


def organization_lines(organizations: QuerySet[Organization]) -> tuple[OrganizationLine, ...]:
    """Return customers as lines. One query."""
    keys = ApiKey.objects.kept().filter(organization=OuterRef("pk")).order_by().values("organization")
    members = Membership.objects.filter(organization=OuterRef("pk")).order_by().values("organization")
    found = organizations.annotate(
        key_count=Subquery(keys.values(count=Count("pk"))), member_count=Subquery(members.values(count=Count("pk")))
    )
    return tuple(
        OrganizationLine(
            each.pk,
            each.public_id,
            each.name,
            each.get_plan_display(),
            each.suspended_at is not None,
            each.key_count or 0,
            each.member_count or 0,
        )
        for each in found.order_by("name", "pk")
    )


def request_lines(records: Iterable[RequestRecord], *, with_keys: bool = True) -> tuple[RequestLine, ...]:
    """Return requests as lines, in words. Two queries more than `records` needs, without keys one."""
    rows = list(records)
    if not rows:
        return ()
    products = dict(Product.objects.values_list("pk", "name"))
    wanted = {row.key_id for row in rows if row.key_id is not None} if with_keys else set()
    keys = ApiKey.objects.select_related("organization").in_bulk(wanted) if wanted else {}
    return tuple(_request_line(row, products, keys) for row in rows)


def _request_line(row: RequestRecord, products: dict[int, str], keys: dict[int, ApiKey]) -> RequestLine:
    reason = explain(row.status, row.outcome) if row.status >= 400 else None
    return RequestLine(
        at=row.at,
        tracking_id=row.tracking_id,
        outcome=row.outcome,
        words=reason.words if reason else _("Answered"),
        advice=reason.advice if reason else "",
        is_refused=row.outcome != "ok",
        status=row.status,
        product=products.get(row.product_id, ""),
        secret_number=row.secret_number,
        host=row.host,
        network=row.network,
        client=row.client,
        key=keys.get(row.key_id or 0),
    )


def history(which: Q, *, with_looks: bool = False) -> tuple[HistoryLine, ...]:
    """Return the newest audit events; the look-ups of support itself only where asked for."""
    events = AuditEvent.objects.filter(which).select_related("actor")
    if not with_looks:
        events = events.exclude(verb__startswith="support.")
    return tuple(
        HistoryLine(
            tell(event), event.actor_label, event.as_staff, event.at, event.target_label if event.target_id else ""
        )
        for event in events[:SHOWN_EVENTS]
    )
