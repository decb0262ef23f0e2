"""Audit events of keys in words."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from accounts.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Story:
    """Who did what, with a second line of detail, and the icon for it."""

    icon: str
    who: str
    what: str
    detail: str = ""


def tell(event: AuditEvent) -> Story:
    """Return an audit event as a person would say it. Verbs that are not known are said as they are."""
    before, after = event.before or {}, event.after or {}
    icon, what, detail = _TALES.get(event.verb, _plain)(event, before, after)
    return Story(icon, _who(event), what, detail)


def _who(event: AuditEvent) -> str:
    if event.as_staff:
        return "The provider"
    return event.actor.label if event.actor else event.actor_label.partition("@")[0]


Tale = tuple[str, str, str]
Facts = dict[str, Any]


def _plain(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    return "info", event.verb.replace(".", " ").replace("_", " "), ""


def _created(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    return "plus", "created the key", ", ".join(after.get("products", []))


def _edited(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    changes = []
    for name in after:
        old, new = before.get(name), after[name]
        if isinstance(new, list) and isinstance(old, list):
            changes += [f"+ {item}" for item in new if item not in old] + [
                f"− {item}" for item in old if item not in new
            ]
        else:
            changes.append(f"{name}: {old or 'none'} → {new or 'none'}")
    return (
        "edit",
        f"changed {' and '.join(after)}".replace("products", "the products").replace("domains", "the domains"),
        ", ".join(changes),
    )


def _longer(minutes: int) -> str:
    for unit, size in (("day", 60 * 24), ("hour", 60), ("minute", 1)):
        if minutes % size == 0 and minutes >= size * (2 if unit == "day" else 1):
            return f"{minutes // size} {unit}{'s' if minutes > size else ''}"
    return f"{minutes} minutes"


def _rotated(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    ends = dt.datetime.fromisoformat(after["old_string_ends_at"])
    minutes = round((ends - event.at).total_seconds() / 60)
    what = (
        f"rotated the key; the old string works {_longer(minutes)} longer" if minutes else "rotated the key immediately"
    )
    return "rotate", what, f"String {before['string']} → string {after['string']}"


def _qps(word: str, icon: str) -> Any:
    def tale(event: AuditEvent, before: Facts, after: Facts) -> Tale:
        what = f"{word} {after.get('granted', after['requested']):,} QPS for {after['product']}"
        if "granted" in after:
            what += f" instead of the {after['requested']:,} that were asked for"
        note = f"“{after['note']}” " if after.get("note") else ""
        return icon, what, f"{note}Before: {before['current']:,}"

    return tale


def _viewed(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    what = {"key": "key", "org": "organisation", "user": "person"}[event.target_id.partition("_")[0]]
    return "user", f"looked at the {what}", "" if what == "key" else event.target_label


_TALES: dict[str, Any] = {
    "key.created": _created,
    "key.edited": _edited,
    "key.rotated": _rotated,
    "key.copied": lambda event, before, after: ("copy", f"copied string {after['string']}", ""),
    "key.old_string_retired": lambda event, before, after: (
        "ban",
        f"retired string {before['string']}",
        "It is refused since.",
    ),
    "key.old_string_extended": lambda event, before, after: ("clock", f"let string {after['string']} work longer", ""),
    "key.disabled": lambda event, before, after: ("ban", "disabled the key", after.get("reason", "")),
    "key.enabled": lambda event, before, after: ("power", "enabled the key", ""),
    "key.deleted": lambda event, before, after: ("trash", "deleted the key", ""),
    "qps.requested": _qps("requested", "send"),
    "qps.approved": _qps("approved", "gauge"),
    "qps.rejected": _qps("rejected", "close"),
    "qps.withdrawn": _qps("withdrew the request for", "close"),
    "support.viewed": _viewed,
    "support.searched": lambda event, before, after: ("search", f"searched for “{event.target_label}”", ""),
    "support.visit_started": lambda event, before, after: ("user", "began to view the dashboard as this customer", ""),
    "support.visit_ended": lambda event, before, after: ("user", "stopped viewing the dashboard", after.get("why", "")),
    "support.traced": lambda event, before, after: ("user", "looked up a request", after.get("tracking_id", "")),
}
