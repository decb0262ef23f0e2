"""What the support desk needs. It crosses organisations on purpose; nothing here reads a digest or a sealed copy."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from accounts.models import AuditEvent, Membership, User
from accounts.stories import Story, tell
from analytics.models import RequestRecord
from analytics.reasons import explain
from keys import lookup
from keys.models import ApiKey, KeySecret, Product
from keys.queries import Limit, limits, with_state

SHOWN_KEYS = 50
SHOWN_REQUESTS = 50
SHOWN_EVENTS = 20


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in a list of candidates."""

    public_id: str
    name: str
    organization: str
    hint: str
    state: str
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One answered request in words; `key` is empty where the string was unknown."""

    at: dt.datetime
    tracking_id: str
    outcome: str
    words: str
    is_refused: bool
    status: int
    product: str
    secret_number: int
    host: str
    network: str
    client: str
    key: KeyLine | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `exact` is the one key that was meant, where it was quoted by ID or hint."""

    keys: tuple[KeyLine, ...]
    requests: tuple[RequestLine, ...]
    is_cut: bool
    exact: str


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
class HistoryLine:
    """What happened to a key; `actor` is the e-mail address that the customer does not see of staff."""

    story: Story
    actor: str
    is_staff: bool
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One key as staff see it."""

    key: ApiKey
    state: str
    members: tuple[Membership, ...]
    secrets: tuple[SecretLine, ...]
    limits: tuple[Limit, ...]
    requests: tuple[RequestLine, ...]
    events: tuple[HistoryLine, ...]

    @property
    def current_hint(self) -> str:
        """What is shown of the current string."""
        return next((secret.hint for secret in self.secrets if secret.state == "current"), "")


def search(text: str) -> Found:
    """Find keys by ID, hint, organisation or e-mail of a member, and requests by Tracking-ID. At most four queries."""
    quoted = _key_lines(lookup.by_id(text) | lookup.by_hint(text))
    requests = _request_lines(RequestRecord.objects.filter(tracking_id=text.strip()).order_by("-at")[:SHOWN_KEYS])
    keys = quoted or _key_lines(lookup.by_customer(text))
    exact = keys[0].public_id if len(quoted) == 1 and not requests else ""
    return Found(keys[:SHOWN_KEYS], requests, len(keys) > SHOWN_KEYS, exact)


def get_key(public_id: str | None) -> ApiKey | None:
    """Return a key of any customer, deleted ones too, with its organisation and the people on its page."""
    people = ("organization", "created_by", "disabled_by", "deleted_by")
    return with_state(ApiKey.objects.filter(public_id=public_id)).select_related(*people).first()


def key_page(key: ApiKey) -> KeyPage:
    """Return what the page of a key shows, in seven queries."""
    events = (
        AuditEvent.objects.filter(target_id=key.public_id).exclude(verb__startswith="support.").select_related("actor")
    )
    records = RequestRecord.objects.filter(key_id=key.pk).order_by("-at")[:SHOWN_REQUESTS]
    secrets = key.secrets.select_related("created_by").defer("digest", "sealed")
    return KeyPage(
        key=key,
        state=_state(key),
        members=tuple(key.organization.memberships.select_related("user")),
        secrets=tuple(_secret_line(secret) for secret in secrets),
        limits=tuple(limits(key)),
        requests=_request_lines(records, with_keys=False),
        events=tuple(
            HistoryLine(tell(event), event.actor_label, event.as_staff, event.at) for event in events[:SHOWN_EVENTS]
        ),
    )


def _state(key: Any) -> str:
    return "deleted" if key.deleted_at is not None else str(key.state)


def _secret_line(secret: KeySecret) -> SecretLine:
    state = "current" if secret.is_current else "grace" if secret.is_in_grace(timezone.now()) else "retired"
    author = secret.created_by.email if secret.created_by else ""
    return SecretLine(
        secret.number, secret.hint, state, secret.created_at, author, secret.ended_at, secret.last_used_at
    )


def _key_lines(wanted: Q) -> tuple[KeyLine, ...]:
    """Return the keys that match, kept ones first, and one more than is shown where there are more."""
    current = KeySecret.objects.filter(key=OuterRef("pk"), retired_at=None, expires_at=None).values("hint")[:1]
    keys = with_state(ApiKey.objects.filter(wanted)).annotate(hint=Subquery(current)).select_related("organization")
    found = keys.order_by("-deleted_at", "organization__name", "name", "pk")[: SHOWN_KEYS + 1]
    return tuple(
        KeyLine(key.public_id, key.name, key.organization.name, key.hint or "", _state(key), key.last_used_at)
        for key in found
    )


def _request_lines(records: Iterable[RequestRecord], *, with_keys: bool = True) -> tuple[RequestLine, ...]:
    rows = list(records)
    if not rows:
        return ()
    products = dict(Product.objects.values_list("pk", "name"))
    wanted = {row.key_id for row in rows if row.key_id is not None} if with_keys else set()
    keys = ApiKey.objects.filter(pk__in=wanted).select_related("organization") if wanted else ()
    named = {
        key.pk: KeyLine(key.public_id, key.name, key.organization.name, "", "healthy", key.last_used_at) for key in keys
    }
    return tuple(
        RequestLine(
            at=row.at,
            tracking_id=row.tracking_id,
            outcome=row.outcome,
            words="Answered" if row.status < 400 else explain(row.status, row.outcome).words,
            is_refused=row.outcome != "ok",
            status=row.status,
            product=products.get(row.product_id, ""),
            secret_number=row.secret_number,
            host=row.host,
            network=row.network,
            client=row.client,
            key=named.get(row.key_id or 0),
        )
        for row in rows
    )


def note_look(key: ApiKey, person: User) -> None:
    """Audit that a member of staff looked at a key: once an hour, however often they reload."""
    recent = AuditEvent.objects.filter(
        actor=person, verb="support.viewed", target_id=key.public_id, at__gt=timezone.now() - dt.timedelta(hours=1)
    )
    if not recent.exists():
        AuditEvent.record("support.viewed", organization=key.organization, actor=person, target=key, as_staff=True)
