"""What the screens about keys need, in few queries."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.core.paginator import Page, Paginator
from django.db.models import (
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import AuditEvent, Organization, User
from dashboard import public_ids
from keys import domains, ends, traffic
from keys.models import ApiKey, KeyProduct, KeySecret, Product, QpsRequest
from keys.models.key import UNDELETE

PAGE_SIZE = 50
EXPIRES_SOON = dt.timedelta(days=14)
UNUSED_AFTER = dt.timedelta(days=7)

# What the record of a key says; `with_state` adds what its traffic says.
STATE = f"""CASE
    WHEN EXISTS (SELECT FROM accounts_organization o WHERE o.id = keys_apikey.organization_id AND o.suspended_at IS NOT NULL)
        THEN 'suspended'
    WHEN keys_apikey.disabled_at IS NOT NULL THEN 'disabled'
    WHEN keys_apikey.expires_at <= statement_timestamp() THEN 'expired'
    WHEN EXISTS (SELECT FROM keys_keysecret s WHERE s.key_id = keys_apikey.id AND s.retired_at IS NULL AND s.expires_at > statement_timestamp())
        THEN 'grace'
    WHEN keys_apikey.expires_at <= statement_timestamp() + {EXPIRES_SOON.days} * interval '1 day' THEN 'expiring'
    WHEN keys_apikey.last_used_at IS NULL OR keys_apikey.last_used_at < statement_timestamp() - {UNUSED_AFTER.days} * interval '1 day' THEN 'unused'
    ELSE 'healthy' END"""  # noqa: S608 - two numbers of ours


class OfKey(Func):
    """SQL about a row of keys_apikey, with every table named in full; cheap for a list, unlike expressions.

    To put the same together from `Case`, `Exists` and `Subquery` takes longer than PostgreSQL needs for a page of keys.
    """

    arity = 0

    def __init__(self, template: str, **extra: Any) -> None:
        super().__init__(template=template, **extra)
        self.table = "keys_apikey"

    def relabeled_clone(self, change_map: Mapping[str, str]) -> Self:
        """Follow the row's table into a query inside another, where it has another name."""
        clone = super().relabeled_clone(change_map)
        clone.table = change_map.get(self.table, self.table)
        clone.extra = {**self.extra, "template": self.extra["template"].replace(f"{self.table}.", f"{clone.table}.")}
        return clone


def with_state(keys: QuerySet[ApiKey]) -> QuerySet[Any]:
    """Add `state`, a word of `ui.STATE_WORDS`, computed by the database so that lists can filter and count by it."""
    told = f"(SELECT traffic.state FROM ({traffic.of('key_id = keys_apikey.id')}) AS traffic)"  # noqa: S608 - constants
    state = f"(SELECT {traffic.state_with(told)} FROM (SELECT {STATE} AS state OFFSET 0) AS recorded)"  # noqa: S608 - constants
    return keys.annotate(state=OfKey(state, output_field=TextField()))


def find(organization: Organization, query: str, most: int) -> list[Any]:
    """Return the first keys with this in name, ID, hint or domain, with `state`, those used last first. One query."""
    found = with_state(narrow(organization.keys.kept(), query, "")).select_related("organization")
    return list(found.order_by(F("last_used_at").desc(nulls_last=True), "-pk")[:most])


def sought(query: str) -> str:
    """Return what is looked for, of what was typed."""
    return query.strip()[:200]


def hint_of(query: str) -> str:
    """Return what is looked for in hints, which have one sign for three dots."""
    return query.replace("...", "…")


def narrow(keys: QuerySet[ApiKey], query: str, product: str) -> QuerySet[ApiKey]:
    """Return those with this in name, ID, hint or domain, and with this product, by its code."""
    if product:
        keys = keys.filter(Exists(KeyProduct.objects.filter(key=OuterRef("pk"), product__code=product)))
    query = sought(query)
    if not query:
        return keys
    hint = hint_of(query)
    domain = Func(F("allowed_domains"), Value(" "), function="array_to_string", output_field=TextField())
    wanted = Q(name__icontains=query) | Q(domains_text__icontains=query)
    if not query.isascii() and (name := domains.encoded(query)):
        wanted |= Q(domains_text__icontains=name)
    wanted |= Q(Exists(KeySecret.objects.filter(key=OuterRef("pk"), hint__contains=hint)))
    if public_id := public_ids.normalise(query, "key"):
        wanted |= Q(public_id=public_id)
    elif len(query) >= 4:
        wanted |= Q(public_id__icontains=query)
    return keys.alias(domains_text=domain).filter(wanted)


@dataclass(frozen=True, slots=True)
class DeletedKey:
    """A deleted key that can be brought back until `until`."""

    public_id: str
    name: str
    hint: str
    deleted_at: dt.datetime
    deleted_by: str
    until: dt.datetime
    last_used_at: dt.datetime | None


def state_of(key: Any) -> str:
    """Return the state of a key that `with_state` gave one; to be deleted goes before all others."""
    return "deleted" if key.deleted_at is not None else str(key.state)


def with_hint(keys: QuerySet[ApiKey]) -> QuerySet[Any]:
    """Add `hint`, what is shown of the current string; None where there is none."""
    return keys.annotate(hint=Subquery(KeySecret.objects.current().filter(key=OuterRef("pk")).values("hint")[:1]))


def deleted_keys(organization: Organization, number: str = "1") -> tuple[Page[Any], tuple[DeletedKey, ...]]:
    """Return one page of the keys that can be brought back, the last deleted first. Two queries."""
    keys: QuerySet[Any] = with_hint(organization.keys.undeletable().select_related("deleted_by"))
    page = Paginator(keys.order_by("-deleted_at", "-pk"), PAGE_SIZE).get_page(number)
    return page, tuple(
        DeletedKey(
            public_id=key.public_id,
            name=key.name,
            hint=key.hint or "",
            deleted_at=key.deleted_at,
            deleted_by=key.deleted_by.label if key.deleted_by else "",
            until=key.deleted_at + UNDELETE,
            last_used_at=key.last_used_at,
        )
        for key in page.object_list
    )


@dataclass(frozen=True, slots=True)
class OutsideKey:
    """A key that the organisation's policy does not fit. `latest` is the last day that it allows; None when that is over."""

    public_id: str
    name: str
    expires_at: dt.datetime | None
    latest: dt.date | None


def outside_policy(organization: Organization) -> tuple[int, tuple[OutsideKey, ...]]:
    """Return how many keys work longer than the policy allows, and the first of them, oldest string first. Two queries."""
    if organization.key_life_days is None:
        return 0, ()
    zone, today = organization.zone, timezone.now().astimezone(organization.zone).date()
    made = KeySecret.objects.current().filter(key=OuterRef("pk")).values("created_at")[:1]
    last = TruncDate(F("expires_at") - Value(ends.MOMENT), tzinfo=zone)
    keys = organization.keys.kept().annotate(made_at=Subquery(made), last_day=last)
    keys = keys.annotate(days=F("last_day") - TruncDate("made_at", tzinfo=zone))
    keys = keys.filter(Q(expires_at=None) | Q(days__gt=organization.key_life_days * ends.DAY))
    return keys.count(), tuple(
        OutsideKey(key.public_id, key.name, key.expires_at, latest if latest and latest >= today else None)
        for key in keys.order_by("made_at", "pk")[:PAGE_SIZE]
        for latest in [ends.latest(organization, key.made_at)]
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """A product of a key with its limit and what was asked for."""

    product: Product
    qps: int
    is_own: bool
    pending: QpsRequest | None


def limits(key: ApiKey) -> list[Limit]:
    """Return the products of a key in the catalogue's order."""
    pending = {request.product_id: request for request in key.qps_requests.pending().select_related("requested_by")}
    return [
        Limit(each.product, each.limit, each.qps_limit is not None, pending.get(each.product_id))
        for each in key.key_products.select_related("product")
    ]


def past_requests(key: ApiKey) -> QuerySet[QpsRequest]:
    """Return the decided QPS requests of a key, newest first."""
    decided = key.qps_requests.exclude(state=QpsRequest.State.PENDING)
    return decided.select_related("product", "requested_by", "decided_by")[:20]


def first_key_of(person: User) -> ApiKey | None:
    """Return the oldest key of a person's new customer: they made it, and no key of the customer has been used yet."""
    used = ApiKey.objects.filter(organization=OuterRef("organization"), last_used_at__isnull=False)
    made = ApiKey.objects.kept().filter(~Exists(used), created_by=person, organization__memberships__user=person)
    return made.order_by("created_at", "pk").first()


def history(key: ApiKey) -> Iterable[AuditEvent]:
    """Return what happened to a key, newest first; copies only as the latest one."""
    events = AuditEvent.objects.filter(target_id=key.public_id).select_related("actor")
    latest_copy = events.filter(verb="key.copied").values("pk")[:1]
    return events.exclude(~Q(pk__in=Subquery(latest_copy)), verb="key.copied")[:30]


def end_of(delay_hours: int) -> dt.datetime:
    """Return the moment that many hours from now."""
    return timezone.now() + dt.timedelta(hours=delay_hours)
