"""What staff look up is in the audit log: once an hour for each thing, and never a key."""

import datetime as dt
from typing import Any

from django.utils import timezone

from accounts.models import AuditEvent, Organization, Target, User

QUIET = dt.timedelta(hours=1)


def note_look(target: Any, person: User, *, organization: Organization | None) -> None:
    """Audit that a member of staff looked at a key, a customer or a person: once an hour, however often they reload."""
    seen = _recent(person, "support.viewed").filter(target_id=target.public_id, organization=organization)
    if not seen.exists():
        AuditEvent.record("support.viewed", organization=organization, actor=person, target=target, as_staff=True)


def note_search(term: str, person: User, *, found: dict[str, int], organization: Organization | None) -> None:
    """Audit a search: once an hour for each term. `term` is what was recognised, and empty where nothing was found."""
    target = Target("", term[:120] or "nothing was found")
    if not _recent(person, "support.searched").filter(target_label=str(target)).exists():
        AuditEvent.record(
            "support.searched", organization=organization, actor=person, target=target, after=found, as_staff=True
        )


def note_trace(tracking_id: str, person: User, *, target: Any, organization: Organization) -> None:
    """Audit that a Tracking-ID showed a request of a key: once an hour for each."""
    seen = _recent(person, "support.traced").filter(target_id=target.public_id, after={"tracking_id": tracking_id})
    if not seen.exists():
        AuditEvent.record(
            "support.traced", organization=organization, actor=person, target=target, as_staff=True,
            after={"tracking_id": tracking_id},
        )  # fmt: skip


def _recent(person: User, verb: str) -> Any:
    return AuditEvent.objects.filter(actor=person, verb=verb, at__gt=timezone.now() - QUIET)
