"""What happened to keys and limits while the figures were counted, from the audit log; and when requests were not counted."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext, pgettext_lazy

from accounts import activity, stories
from accounts.models import AuditEvent
from analytics.filters import Filters
from analytics.marks import Mark, Span, merged
from analytics.models import UsageGap
from dashboard import words

MOST = 40
"""So many changes are marked, the newest ones."""

MOST_GAPS = 200

WORDS = {
    "key.created": pgettext_lazy("change", "Created"),
    "key.deleted": pgettext_lazy("change", "Deleted"),
    "key.disabled": pgettext_lazy("change", "Disabled"),
    "key.edited": pgettext_lazy("change", "Edited"),
    "key.enabled": pgettext_lazy("change", "Enabled"),
    "key.old_string_extended": pgettext_lazy("change", "Old string extended"),
    "key.old_string_retired": pgettext_lazy("change", "Old string retired"),
    "key.rotated": pgettext_lazy("change", "Rotated"),
    "key.undeleted": pgettext_lazy("change", "Brought back"),
    "qps.approved": pgettext_lazy("change", "Limit changed"),
    "organization.key_policy_changed": pgettext_lazy("change", "Key policy"),
    "organization.resumed": pgettext_lazy("change", "Resumed"),
    "organization.suspended": pgettext_lazy("change", "Suspended"),
}
"""What can change the course of requests, and the word for its flag."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of a period, the oldest first; whether there were more than are marked."""

    marks: tuple[Mark, ...] = ()
    is_cut: bool = False


def changes(filters: Filters) -> Changes:
    """Return what changed for the chosen keys and products, and for the whole organisation. One query."""
    period, zone = filters.period, filters.period.zone
    events = AuditEvent.objects.filter(
        organization=filters.organization, verb__in=WORDS, at__gte=period.start, at__lt=period.end
    )
    if filters.keys:
        about = [key.public_id for key in filters.keys]
        events = events.filter(target_id__in=[*about, filters.organization.public_id])
    if filters.product_ids:
        names = [filters.name_of(product) for product in filters.product_ids]
        events = events.filter(~Q(verb="qps.approved") | Q(after__product__in=names))
    found = list(events.select_related("actor").order_by("-at", "-pk")[: MOST + 1])
    marks = (_mark(event, zone) for event in reversed(found[:MOST]))
    return Changes(tuple(marks), len(found) > MOST)


def _mark(event: AuditEvent, zone: dt.tzinfo) -> Mark:
    told = stories.tell(event, zone)
    return Mark(event.at, _word(event), f"{told.who} {told.about(event.target_label)}", activity.address(event))


def _word(event: AuditEvent) -> str:
    before, after = event.before or {}, event.after or {}
    limit = after.get("granted", after.get("requested"))
    if event.verb == "qps.approved" and isinstance(limit, int) and isinstance(before.get("current"), int):
        told = {"before": words.number(before["current"]), "after": words.number(limit)}
        return gettext("Limit %(before)s → %(after)s") % told
    return str(WORDS[event.verb])


def gaps(filters: Filters) -> tuple[Span, ...]:
    """Return when gateways answered requests that are counted nowhere, within the period. One query."""
    period = filters.period
    found = UsageGap.objects.filter(until_at__gte=period.start, from_at__lt=period.end).order_by("-until_at")
    spans = found.values_list("from_at", "until_at")[:MOST_GAPS]
    return merged((max(start, period.start), min(end, period.end)) for start, end in spans)
